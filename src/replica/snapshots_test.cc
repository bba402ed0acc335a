#include "replica/snapshots.h"

#include <gtest/gtest.h>

#include "storage/test_disk.h"

namespace holdfast::replica {
namespace {

class SnapshotsTest : public testing::Test {
 protected:
  // Makes the snapshot of this index, and lets the disk do what follows.
  void make(std::uint64_t index) {
    storage::SnapshotHeader header;
    header.mark = {Index(index), Epoch{1, NodeId(1)}, {}};
    header.mark.membership.voters = {NodeId(1)};
    snapshots_.begin(header, keyspace_);
    while (snapshots_.making()) {
      snapshots_.advance(keyspace_);
      work();
    }
    work();
  }
  void work() {
    while (disk_.step(env::Lane::background)) continue;
  }
  std::vector<std::uint64_t> there() {
    std::vector<std::uint64_t> found;
    for (std::uint64_t i = 1; i < 10; ++i) {
      if (disk_.read(storage::snapshot_name(GroupId(0), Index(i)), 1 << 20).ok())
        found.push_back(i);
    }
    return found;
  }
  static storage::SnapshotFile file(std::uint64_t index) {
    return {storage::snapshot_name(GroupId(0), Index(index)), Index(index), 1};
  }

  storage::TestDisk disk_;
  NoTrace trace_;
  keyspace::Keyspace keyspace_{1};
  Snapshots snapshots_{disk_, trace_, [](const storage::SnapshotHeader&) {}};
};

using Indexes = std::vector<std::uint64_t>;

TEST_F(SnapshotsTest, TheNewestAndTheOneBeforeStay) {
  for (std::uint64_t i = 1; i <= 4; ++i) make(i);
  EXPECT_EQ(there(), (Indexes{3, 4}));
}

TEST_F(SnapshotsTest, WhatIsHeldStaysUntilNobodyHoldsIt) {
  make(1);
  auto one = snapshots_.hold();
  auto other = snapshots_.hold();
  EXPECT_EQ(one, other) << "one file, held by two";
  for (std::uint64_t i = 2; i <= 4; ++i) make(i);
  EXPECT_EQ(there(), (Indexes{1, 3, 4}));
  one.reset();
  snapshots_.tidy();
  work();
  EXPECT_EQ(there(), (Indexes{1, 3, 4}));
  other.reset();
  snapshots_.tidy();
  work();
  EXPECT_EQ(there(), (Indexes{3, 4}));
}

TEST_F(SnapshotsTest, WhatIsLetGoInTimeStaysAsLongAsOthers) {
  make(1);
  snapshots_.hold().reset();
  snapshots_.tidy();
  work();
  EXPECT_EQ(there(), (Indexes{1}));
  for (std::uint64_t i = 2; i <= 3; ++i) make(i);
  EXPECT_EQ(there(), (Indexes{2, 3}));
}

TEST_F(SnapshotsTest, ADamagedOneGoesWhoeverHoldsItUnlessItIsTheNewest) {
  make(1);
  const auto held = snapshots_.hold();
  for (std::uint64_t i = 2; i <= 4; ++i) make(i);
  auto files = snapshots_.files();
  ASSERT_EQ(files.size(), 3U);
  for (const storage::SnapshotFile& one : files) snapshots_.drop(one);
  EXPECT_EQ(snapshots_.files().size(), 3U) << "until they are gone the disk has them";
  work();
  EXPECT_EQ(there(), (Indexes{4}));
  EXPECT_EQ(snapshots_.files().size(), 1U);
}

TEST_F(SnapshotsTest, OneThatIsMadeAnewIsAnotherOneOfTheSameName) {
  make(1);
  const auto before = snapshots_.files().front();
  make(1);
  const auto after = snapshots_.files().front();
  EXPECT_EQ(before.name, after.name);
  EXPECT_NE(before.version, after.version);
  make(2);
  snapshots_.drop(before);
  work();
  EXPECT_EQ(there(), (Indexes{1, 2})) << "what was damaged is not there any more";
}

// Who still reads one that is not to be trusted is told so by the disk.
TEST_F(SnapshotsTest, WhatIsNotTrustedGoesAtOnce) {
  make(1);
  const auto held = snapshots_.hold();
  for (std::uint64_t i = 2; i <= 4; ++i) make(i);
  const env::DiskOperation write = env::WriteFile{file(9).name, 0, {SharedBytes(std::string("x"))}};
  ASSERT_TRUE(disk_.run({&write, 1}).ok());
  snapshots_.adopt_only(file(9));
  work();
  EXPECT_EQ(there(), (Indexes{9}));
}

}  // namespace
}  // namespace holdfast::replica
