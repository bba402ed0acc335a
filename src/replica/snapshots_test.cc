#include "replica/snapshots.h"

#include <fmt/format.h>
#include <gtest/gtest.h>

#include <algorithm>

#include "storage/test_disk.h"

namespace holdfast::replica {
namespace {

class SnapshotsTest : public testing::Test {
 protected:
  void begin(std::uint64_t index) {
    storage::SnapshotHeader header;
    header.mark = {Index(index), Epoch{1, NodeId(1)}, {}};
    header.mark.membership.voters = {NodeId(1)};
    snapshots_.begin(header, keyspace_);
  }
  // Makes the snapshot of this index, and lets the disk do what follows.
  void make(std::uint64_t index) {
    begin(index);
    while (snapshots_.making()) {
      snapshots_.advance(keyspace_, {}, Instant{});
      work();
    }
    work();
  }
  // The same with a disk that needs so long for all that waits, and a log that syncs or is idle. How
  // long that takes.
  Duration make_with(Duration disk, bool log_syncs) {
    begin(1);
    Instant now{};
    for (std::uint64_t turn = 0; snapshots_.making(); ++turn) {
      snapshots_.advance(keyspace_, {.log_syncs = log_syncs ? turn : 0}, now);
      if (snapshots_.wake_at() == Instant::never()) {
        now = now + disk;
        work();
      }
      now = std::max(now, snapshots_.wake_at() == Instant::never() ? now : snapshots_.wake_at());
    }
    return now - Instant{};
  }
  void put_texts(int count) {
    for (int i = 0; i < count; ++i) {
      keyspace_.put({fmt::format("k{}", i), Slot(static_cast<std::uint16_t>(i))},
                    keyspace::Value::string(std::string(kText, static_cast<char>('a' + i % 26))));
    }
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

  static constexpr std::size_t kText = 512 << 10;
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

TEST_F(SnapshotsTest, RestsWhileTheLogSharesTheDiskAndEndsForAllThat) {
  put_texts(50);
  const Duration alone = make_with(milliseconds(5), false);
  const Duration shared = make_with(milliseconds(5), true);
  EXPECT_GT(alone, milliseconds(5) * 50);
  EXPECT_GT(shared, alone * 3) << "most of the time the disk is the log's";
  EXPECT_LE(shared, alone * 4) << "but not for ever";
  // A disk that gets slower is left alone for longer, up to a bound.
  EXPECT_GT(make_with(milliseconds(15), true), shared * 2);
  EXPECT_LT(make_with(seconds(1), true), seconds(1) * 53 + milliseconds(200) * 53);
}

TEST_F(SnapshotsTest, OneChunkAtATimeIsOnItsWayToTheDisk) {
  put_texts(50);
  begin(1);
  work();
  snapshots_.advance(keyspace_, {}, Instant{});
  for (int i = 0; i < 10; ++i) {
    EXPECT_EQ(snapshots_.wake_at(), Instant::never());
    snapshots_.advance(keyspace_, {}, Instant{});
  }
  EXPECT_LE(keyspace_.snapshot_slots(), 2U);
  work();
  EXPECT_NE(snapshots_.wake_at(), Instant::never());
}

// The memory of one chunk is the next one's, but not while the disk has yet to write it.
TEST_F(SnapshotsTest, WhatIsWrittenIsWhatWasThere) {
  put_texts(9);
  begin(1);
  while (snapshots_.making()) {
    snapshots_.advance(keyspace_, {}, Instant{});
    disk_.step(env::Lane::background);  // one operation of several
  }
  const std::string name = storage::snapshot_name(GroupId(0), Index(1));
  const auto bytes = disk_.read(name, 64 << 20);
  ASSERT_TRUE(bytes.ok());
  keyspace::Keyspace restored(2);
  const auto load = [&](std::string_view chunk) { return restored.load_chunk(chunk).ok(); };
  ASSERT_TRUE(storage::read_snapshot(name, *bytes, load).ok());
  EXPECT_TRUE(restored.finish_load().ok());
  EXPECT_EQ(restored.digest(), keyspace_.digest());
}

TEST_F(SnapshotsTest, DoesNotRestWhenItHoldsUpOthers) {
  put_texts(50);
  begin(1);
  Instant now{};
  std::uint64_t syncs = 0;
  const auto slots_after_turn = [&](bool hurry) {
    work();
    now = now + milliseconds(5);
    snapshots_.advance(keyspace_, {.log_syncs = ++syncs, .hurry = hurry}, now);
    return keyspace_.snapshot_slots();
  };
  const std::uint32_t first = slots_after_turn(false);
  EXPECT_EQ(slots_after_turn(false), first) << "this is its rest";
  EXPECT_GT(slots_after_turn(true), first);
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
