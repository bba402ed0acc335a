#include "storage/scrub.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <set>
#include <string>
#include <utility>

#include "base/mutation.h"
#include "storage/log_fixture.h"
#include "storage/log_format.h"
#include "storage/snapshot_file.h"

namespace holdfast::storage {
namespace {

constexpr Scrub::Pace kFast{seconds(1), 0};

// A log and a snapshot on a disk, read again by one who only takes note of what is found.
class ScrubTest : public LogFixture, private Scrub::Owner {
 protected:
  ScrubTest() { start_scrub(); }
  void start_scrub() {
    Scrub::Owner& owner = *this;
    scrub.emplace(disk, owner, 5U);
  }

  // Several segments, the last one half full.
  void fill(int entries = 40) {
    ASSERT_EQ(open(), "");
    for (int i = 0; i < entries; ++i) {
      append(std::string(1000 + static_cast<std::size_t>(i % 7), 'e'));
      flush_all();
    }
    ASSERT_GE(log->extents().size(), static_cast<std::size_t>(entries / 10));
  }
  void make_snapshot(std::uint64_t index, std::size_t chunks = 3) {
    SnapshotHeader header;
    header.mark.index = Index(index);
    header.mark.membership.voters = {NodeId(1)};
    SnapshotWriter writer(disk, header);
    for (std::size_t i = 0; i < chunks; ++i) writer.add_chunk(std::string(3000 + i, 's'));
    writer.finish([](Result<void> written) { EXPECT_TRUE(written.ok()); });
    disk.run_all();
    snapshots.push_back({writer.name(), 1, writer.bytes(), std::nullopt});
  }

  // Turns until the next pass is over.
  void pass(Scrub::Pace pace = kFast) {
    const std::uint64_t passes = scrub->figures().passes;
    for (int i = 0; i < 10'000 && scrub->figures().passes == passes; ++i) turn(pace);
    ASSERT_GT(scrub->figures().passes, passes);
  }
  void turn(Scrub::Pace pace = kFast) {
    scrub->on_turn_end(pace, now);
    while (disk.step(env::Lane::background)) {
    }
    if (!log_hangs) disk.run_all();
    const Instant wake = scrub->wake_at();
    if (wake != Instant::never()) now = std::max(now + microseconds(1), wake);
  }
  void flip(const std::string& name, std::uint64_t offset, int bit = 2) {
    std::string bytes = disk.content(name);
    bytes.at(offset) = static_cast<char>(bytes.at(offset) ^ (1 << bit));
    disk.put(name, bytes);
  }

  std::vector<ScrubFile> files_to_scrub() const override {
    std::vector<ScrubFile> files = snapshots;
    if (!log) return files;
    for (const SegmentExtent& segment : log->extents()) {
      files.push_back({log->name_of(segment), segment.number, segment.bytes_to_read(), segment});
    }
    return files;
  }
  void on_damage(const ScrubFile& file, const std::string& what) override {
    damage.emplace_back(file.name, what);
  }
  void on_repaired(const ScrubFile& file) override { repaired.push_back(file.name); }

  Instant now{seconds(100).ns};
  bool log_hangs = false;
  std::optional<Scrub> scrub;
  std::vector<ScrubFile> snapshots;
  std::vector<std::pair<std::string, std::string>> damage;
  std::vector<std::string> repaired;
};

TEST_F(ScrubTest, WhatIsWholeIsReadToTheEndAndNothingIsSaid) {
  fill();
  make_snapshot(5);
  make_snapshot(7, 0);
  pass();
  pass();
  EXPECT_TRUE(damage.empty()) << damage.front().second;
  std::uint64_t bytes = 0;
  for (const ScrubFile& file : files_to_scrub()) bytes += file.bytes;
  EXPECT_EQ(scrub->figures().bytes, 2 * bytes);
  EXPECT_EQ(scrub->figures().passes, 2U);
}

// Whichever bit: of headers, contents, padding, and of the zeros behind the last record.
TEST_F(ScrubTest, EachFlippedBitIsFoundOnceAndItsFileNamed) {
  fill(20);
  make_snapshot(5, 2);
  std::size_t flips = 0;
  const auto files = files_to_scrub();
  for (const ScrubFile& file : files) {
    for (std::uint64_t offset = 0; offset < file.bytes; offset += offset < 400 ? 1 : 97) {
      start_scrub();
      damage.clear();
      flip(file.name, offset, static_cast<int>(offset % 8));
      pass();
      ASSERT_EQ(damage.size(), 1U) << file.name << " at " << offset;
      EXPECT_EQ(damage.front().first, file.name);
      EXPECT_NE(damage.front().second.find("offset "), std::string::npos);
      pass();
      EXPECT_EQ(damage.size(), 1U) << "told once";
      EXPECT_EQ(scrub->damaged().size(), 1U);
      flip(file.name, offset, static_cast<int>(offset % 8));
      ++flips;
    }
  }
  EXPECT_GT(flips, 1000U);
}

TEST_F(ScrubTest, TheSegmentThatIsWrittenIsReadUpToWhatIsDurable) {
  fill(10);
  const SegmentExtent before = log->extents().back();
  EXPECT_FALSE(before.closed);
  append(std::string(500, 'n'));
  log->flush();
  ASSERT_TRUE(disk.step(env::Lane::log)) << "written, not synced";
  EXPECT_EQ(log->extents().back().end, before.end);
  log_hangs = true;
  flip(log->name_of(before), before.end + 10);
  pass();
  EXPECT_TRUE(damage.empty());
  flip(log->name_of(before), before.end + 10);
  log_hangs = false;
  disk.run_all();
  EXPECT_GT(log->extents().back().end, before.end);
  pass();
  EXPECT_TRUE(damage.empty());
}

TEST_F(ScrubTest, AFileThatIsGoneMeanwhileIsNoDamage) {
  make_snapshot(5, 400);
  make_snapshot(6);
  turn();
  for (int i = 0; i < 3; ++i) turn();
  ASSERT_GT(scrub->figures().bytes, 0U);
  ASSERT_LT(scrub->figures().bytes, snapshots.front().bytes);
  disk.drop(snapshots.front().name);
  snapshots.erase(snapshots.begin());
  pass();
  EXPECT_TRUE(damage.empty());
}

// A new snapshot of the same name takes the place of one that is just being read.
TEST_F(ScrubTest, ASnapshotThatChangesWhileItIsReadIsReadAgain) {
  make_snapshot(5, 400);
  for (int i = 0; i < 4; ++i) turn();
  ASSERT_GT(scrub->figures().bytes, 0U);
  const std::string name = snapshots.front().name;
  const std::string other = [&] {
    make_snapshot(5, 410);
    return disk.content(name);
  }();
  // Its owner does not know of it yet.
  snapshots.pop_back();
  snapshots.front().bytes = other.size();
  pass();
  EXPECT_TRUE(damage.empty()) << damage.front().second;
}

TEST_F(ScrubTest, WhatCannotBeReadIsDamagedIfItStaysSo) {
  make_snapshot(5);
  int failures = 1;
  disk.fault = [&](const env::DiskOperation& operation) -> std::optional<Error> {
    if (!std::holds_alternative<env::ReadFile>(operation) || failures == 0) return std::nullopt;
    --failures;
    return Error{"input/output error"};
  };
  pass();
  EXPECT_TRUE(damage.empty()) << "it stumbled once";
  failures = 1000;
  pass();
  ASSERT_EQ(damage.size(), 1U);
  EXPECT_EQ(damage.front().second, "input/output error");
}

TEST_F(ScrubTest, OneThatIsTooShortIsDamaged) {
  make_snapshot(5);
  disk.put(snapshots.front().name, disk.content(snapshots.front().name).substr(0, 4000));
  pass();
  ASSERT_EQ(damage.size(), 1U);
  EXPECT_NE(damage.front().second.find("ends too early"), std::string::npos);
}

TEST_F(ScrubTest, RepairedIsWhatIsNotThereAnyMoreOrAnotherOne) {
  make_snapshot(5);
  make_snapshot(6);
  for (const ScrubFile& file : snapshots) flip(file.name, 3000);
  pass();
  ASSERT_EQ(damage.size(), 2U);
  EXPECT_EQ(scrub->damaged().size(), 2U);
  snapshots[1].version = 2;
  turn();
  EXPECT_EQ(repaired, std::vector{snapshots[1].name});
  snapshots.erase(snapshots.begin());
  turn();
  EXPECT_EQ(repaired.size(), 2U);
  EXPECT_EQ(scrub->figures().repaired, 2U);
  EXPECT_TRUE(scrub->damaged().empty());
}

TEST_F(ScrubTest, ItIsAsSlowAsItIsTold) {
  make_snapshot(5, 2000);
  const Instant began = now;
  pass({seconds(1), 1 << 20});
  const auto passed = static_cast<std::uint64_t>((now - began).ms());
  const std::uint64_t bytes = snapshots.front().bytes;
  EXPECT_GE(passed, bytes * 1000 / (1 << 20) - 500);
  EXPECT_LE(passed, bytes * 1000 / (1 << 20) + 1500);
}

TEST_F(ScrubTest, APeriodOfZeroEndsItAndAnotherOneBeginsIt) {
  make_snapshot(5);
  for (int i = 0; i < 10; ++i) turn({});
  EXPECT_EQ(scrub->wake_at(), Instant::never());
  EXPECT_EQ(scrub->figures().bytes, 0U);
  pass();
  turn({});
  EXPECT_EQ(scrub->wake_at(), Instant::never());
  // The first pass comes in the second half of the period, each next one a period later.
  start_scrub();
  scrub->on_turn_end({seconds(100), 0}, now);
  EXPECT_GE(scrub->wake_at(), now + seconds(50));
  EXPECT_LE(scrub->wake_at(), now + seconds(100));
  scrub->on_turn_end({seconds(10), 0}, now);
  EXPECT_LE(scrub->wake_at(), now + seconds(10));
}

TEST_F(ScrubTest, WhoeverCouldNotUseAFileBringsTheNextPassForwardOnceAMinute) {
  make_snapshot(5);
  const Scrub::Pace slow{seconds(100'000), 0};
  scrub->hurry(now);
  EXPECT_EQ(scrub->wake_at(), Instant::never()) << "it has not been told to read at all";
  scrub->on_turn_end(slow, now);
  scrub->hurry(now);
  EXPECT_EQ(scrub->wake_at(), now);
  const Instant began = now;
  pass(slow);
  scrub->hurry(began + seconds(1));
  EXPECT_EQ(scrub->wake_at(), began + seconds(60));
}

// ---- What makes a segment unneeded --------------------------------------------------------------

TEST_F(ScrubTest, ASegmentIsGoneWhenItsEntriesAreForgotten) {
  fill();
  const SegmentExtent second = log->extents()[1];
  const auto entries = log->entries_up_to(second);
  ASSERT_EQ(entries.size(), 1U);
  flip(log->name_of(second), 200);
  pass();
  ASSERT_EQ(scrub->damaged().size(), 1U);
  log->forget(kGroup, entries.at(kGroup), epoch(1));
  EXPECT_EQ(log->forgotten(kGroup), entries.at(kGroup));
  log->flush();
  while (disk.step(env::Lane::log)) {
  }
  turn();
  EXPECT_TRUE(repaired.empty()) << "unneeded, but not removed yet";
  turn();
  EXPECT_EQ(repaired, std::vector{log->name_of(second)});
  reopen();
  EXPECT_EQ(found().before, entries.at(kGroup));
}

// The damaged file may be the one that is written, in a log in which nothing happens any more.
TEST_F(ScrubTest, TheSegmentThatIsWrittenIsLeftEvenIfNothingElseIsWritten) {
  fill(10);
  const SegmentExtent active = log->extents().back();
  const auto entries = log->entries_up_to(active);
  log->forget(kGroup, entries.at(kGroup), epoch(1));
  flush_all();
  log->roll();
  flush_all();
  flush_all();
  ASSERT_EQ(log->extents().size(), 1U);
  EXPECT_EQ(log->extents().front().number, active.number + 1);
  EXPECT_FALSE(disk.has(log->name_of(active)));
  reopen();
  EXPECT_EQ(found().before, entries.at(kGroup));
  append("goes on");
  flush_all();
  reopen();
  EXPECT_EQ(found().entries.size(), 1U);
}

TEST_F(ScrubTest, WithoutRoomForAnotherSegmentTheLogGoesOnInItsOwn) {
  ASSERT_EQ(open(), "");
  append("one");
  flush_all();
  disk.run_all();
  disk.capacity = 0;
  log->roll();  // the next one was made before
  append("two");
  flush_all();
  const std::uint64_t number = log->extents().back().number;
  log->roll();
  append("three");
  flush_all();
  EXPECT_EQ(acknowledged, 3);
  EXPECT_EQ(log->extents().back().number, number);
  disk.capacity = 1 << 20;
  for (int i = 0; i < 200; ++i) flush_all();
  EXPECT_EQ(log->extents().back().number, number + 1);
}

}  // namespace
}  // namespace holdfast::storage
