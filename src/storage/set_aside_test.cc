#include "storage/set_aside.h"

#include <gtest/gtest.h>

#include <fmt/format.h>

#include <algorithm>

#include "storage/log.h"
#include "storage/log_format.h"
#include "storage/snapshot_file.h"
#include "storage/test_disk.h"

namespace holdfast::storage {
namespace {

constexpr std::string_view kPrefix = "log-";

class SetAside : public testing::Test {
 protected:
  SetAside() {
    put("identity", "mine");
    put(segment_name(kPrefix, 7), "the log");
    put(segment_name(kPrefix, 8), "more of it");
    put(segment_temporary_name(kPrefix, 9), "nothing yet");
  }
  void put(const std::string& name, std::string content) { disk.put(name, std::move(content)); }
  std::vector<std::string> names() const { return disk.files(); }
  FolderState state() { return *folder_state(disk); }
  std::vector<std::string> aside(std::uint64_t start, const std::vector<std::string>& snapshots = {}) {
    auto done = set_aside(disk, kPrefix, snapshots, Incarnation(start), "why");
    EXPECT_TRUE(done.ok()) << done.error().message;
    return done ? *done : std::vector<std::string>{};
  }
  void end() { ASSERT_TRUE(disk.run(end_of_recovery()).ok()); }

  TestDisk disk;
};

const std::string kDamaged7 = "damaged-3-log-0000000000000007.hfl";
const std::string kDamaged8 = "damaged-3-log-0000000000000008.hfl";

TEST_F(SetAside, TheLogGetsOtherNamesAndAFileSaysSo) {
  EXPECT_EQ(state(), FolderState::whole);
  EXPECT_EQ(aside(3), (std::vector<std::string>{kDamaged7, kDamaged8}));
  EXPECT_EQ(names(), (std::vector<std::string>{kDamaged7, kDamaged8, "identity", "recovering"}));
  EXPECT_EQ(disk.content(kDamaged7), "the log");
  EXPECT_EQ(disk.content("recovering"), "why");
  EXPECT_EQ(state(), FolderState::recovering);
  end();
  EXPECT_EQ(state(), FolderState::whole);
}

TEST_F(SetAside, OnlyTheSnapshotsNamedGoWithIt) {
  put("snapshot-0-1.hfs", "damaged");
  put("snapshot-0-2.hfs", "whole");
  EXPECT_EQ(aside(3, {"snapshot-0-1.hfs"}).size(), 3U);
  EXPECT_EQ(disk.content("damaged-3-snapshot-0-1.hfs"), "damaged");
  EXPECT_EQ(disk.content("snapshot-0-2.hfs"), "whole");
}

TEST_F(SetAside, WhatAnEarlierRecoveryLeftIsRemovedOnceItHasEnded) {
  aside(3);
  end();
  put(segment_name(kPrefix, 1), "the next log");
  aside(5);
  EXPECT_EQ(names(), (std::vector<std::string>{"damaged-5-log-0000000000000001.hfl", "identity",
                                               "recovering"}));
}

// What was begun during recovery has vouched for nothing; the log that was set aside first may be
// the only one that holds an entry.
TEST_F(SetAside, ALogOfTheRecoveryItselfIsNotKept) {
  aside(3);
  put(segment_name(kPrefix, 1), "what the leader has sent so far");
  EXPECT_TRUE(aside(4).empty());
  EXPECT_EQ(names(), (std::vector<std::string>{kDamaged7, kDamaged8, "identity", "recovering"}));
  EXPECT_EQ(state(), FolderState::recovering);
}

// Power fails after some operation; the next start goes on and ends in the same state.
TEST_F(SetAside, ACrashAtAnyLineIsGoneOnWith) {
  const auto whole = disk.image();
  Prng prng(1);
  bool seen_between = false;
  for (int run = 0; run < 300; ++run) {
    disk.load(whole);
    disk.power_until = disk.operations + prng.below(14);
    const bool done = set_aside(disk, kPrefix, {}, Incarnation(3), "why").ok();
    disk.crash(prng);
    if (state() == FolderState::whole) {
      EXPECT_FALSE(done);
      EXPECT_EQ(disk.image(), whole) << run << ": nothing has lost its name";
      continue;
    }
    seen_between = seen_between || state() == FolderState::setting_aside;
    if (state() == FolderState::setting_aside) aside(4);
    EXPECT_EQ(state(), FolderState::recovering);
    for (const std::uint64_t number : {7U, 8U}) {
      const auto kept = [&](const std::string& name) {
        return name.starts_with(kDamaged) && name.ends_with(segment_name(kPrefix, number));
      };
      const auto all = names();
      EXPECT_EQ(std::count_if(all.begin(), all.end(), kept), 1) << run;
      EXPECT_FALSE(disk.has(segment_name(kPrefix, number))) << run;
    }
  }
  EXPECT_TRUE(seen_between);
}

TEST_F(SetAside, DamagedSnapshotsAreFoundByTheirChecksums) {
  SnapshotHeader header;
  header.mark.membership.voters = {NodeId(1)};
  std::vector<std::string> made;
  for (const std::uint64_t index : {5U, 9U}) {
    header.mark.index = Index(index);
    SnapshotWriter writer(disk, header);
    writer.add_chunk("content");
    writer.finish([](Result<void> done) { EXPECT_TRUE(done.ok()); });
    disk.run_all();
    made.push_back(writer.name());
  }
  EXPECT_TRUE(damaged_snapshots(disk, GroupId{})->empty());
  std::string bytes = disk.content(made[0]);
  bytes[bytes.size() / 2] = static_cast<char>(bytes[bytes.size() / 2] ^ 4);
  put(made[0], bytes);
  EXPECT_EQ(*damaged_snapshots(disk, GroupId{}), std::vector<std::string>{made[0]});
  EXPECT_TRUE(damaged_snapshots(disk, GroupId{1})->empty()) << "another group's";
}

}  // namespace
}  // namespace holdfast::storage
