#include "storage/log.h"

#include <gtest/gtest.h>

#include "storage/log_fixture.h"
#include "storage/log_format.h"

namespace holdfast::storage {
namespace {

using LogTest = LogFixture;

TEST_F(LogTest, AnEmptyFolderGivesAnEmptyLog) {
  ASSERT_EQ(open(), "");
  EXPECT_TRUE(recovered.groups.empty());
  EXPECT_EQ(recovered.torn_bytes, 0u);
  EXPECT_TRUE(log->idle());
  EXPECT_TRUE(log->may_accept());
  reopen();
  EXPECT_TRUE(recovered.groups.empty());
}

TEST_F(LogTest, WhatWasWrittenComesBack) {
  ASSERT_EQ(open(), "");
  write(kGroup, {entry(kGroup, 1, 3, ""), entry(kGroup, 2, 3, "two")}, 3);
  append(std::string(5000, 'x'));
  write(GroupId(7), {}, 9);
  flush_all();
  EXPECT_EQ(acknowledged, 3);
  reopen();
  ASSERT_EQ(recovered.groups.size(), 2u);
  EXPECT_EQ(found().promise, epoch(3));
  EXPECT_EQ(found().before, Index(0));
  ASSERT_EQ(found().entries.size(), 3u);
  EXPECT_EQ(found().entries[0].kind, consensus::EntryKind::noop);
  EXPECT_EQ(found().entries[1].epoch, epoch(3));
  EXPECT_EQ(payload(2), "two");
  EXPECT_EQ(payload(3), std::string(5000, 'x'));
  EXPECT_EQ(found(GroupId(7)).promise, epoch(9));
  EXPECT_TRUE(found(GroupId(7)).entries.empty());
}

TEST_F(LogTest, NothingHappensBeforeFlush) {
  ASSERT_EQ(open(), "");
  disk.run_all();
  append("a");
  EXPECT_FALSE(disk.step());
  EXPECT_FALSE(log->idle());
  EXPECT_EQ(acknowledged, 0);
}

TEST_F(LogTest, OneSyncServesAllThatWaits) {
  ASSERT_EQ(open(), "");
  disk.run_all();
  append("first");
  log->flush();
  for (int i = 0; i < 10; ++i) append("more", GroupId(static_cast<std::uint32_t>(i % 3)));
  log->flush();  // a chain is under way: this one gathers
  EXPECT_TRUE(disk.step(env::Lane::log));
  EXPECT_EQ(acknowledged, 0) << "written, not synced";
  EXPECT_TRUE(disk.step(env::Lane::log));
  EXPECT_EQ(acknowledged, 1);
  EXPECT_EQ(log->syncs(), 1u);
  log->flush();
  disk.run_all();
  EXPECT_EQ(acknowledged, 11);
  EXPECT_EQ(log->syncs(), 2u);
  EXPECT_TRUE(log->idle());
}

TEST_F(LogTest, CompletionsComeInOrderAndMayQueueMore) {
  ASSERT_EQ(open(), "");
  std::vector<int> order;
  for (int i = 0; i < 3; ++i) {
    const auto e = entry(kGroup, static_cast<std::uint64_t>(i) + 1, 1, "x");
    log->write({kGroup, {}, {}, {&e, 1}}, [&order, i, this] {
      order.push_back(i);
      if (i == 0) log->write({kGroup, epoch(5), {}, {}}, [&order] { order.push_back(9); });
    });
  }
  flush_all();
  EXPECT_EQ(order, (std::vector<int>{0, 1, 2, 9}));
}

TEST_F(LogTest, PayloadsAreSharedWithTheDisk) {
  ASSERT_EQ(open(), "");
  disk.run_all();
  const auto big = entry(kGroup, 1, 1, std::string(3000, 'b'));
  log->write({kGroup, {}, {}, {&big, 1}}, nullptr);
  bool shared = false;
  disk.fault = [&](const env::DiskOperation& operation) -> std::optional<Error> {
    if (const auto* write = std::get_if<env::WriteFile>(&operation)) {
      for (const auto& part : write->parts)
        shared |= part.view().data() == big.payload.view().data();
    }
    return {};
  };
  flush_all();
  EXPECT_TRUE(shared);
}

TEST_F(LogTest, ACutIsDurable) {
  ASSERT_EQ(open(), "");
  for (const char* text : {"a", "b", "c"}) append(text);
  write(kGroup, {entry(kGroup, 2, 2, "B")}, 2, 2);
  flush_all();
  reopen();
  EXPECT_EQ(found().entries.size(), 2u);
  EXPECT_EQ(payload(2), "B");
  EXPECT_EQ(found().promise, epoch(2));
  write(kGroup, {}, {}, 1);  // only a cut
  flush_all();
  EXPECT_EQ(acknowledged, 5);
  reopen();
  EXPECT_TRUE(found().entries.empty());
}

TEST_F(LogTest, ACutOfNothingCostsNoRecord) {
  ASSERT_EQ(open(), "");
  append("a");
  flush_all();
  const std::string name = segment_name("log-", 1);
  const std::size_t before = disk.content(name).find_last_not_of('\0');
  write(kGroup, {entry(kGroup, 2, 1, "12345678")}, {}, 2);
  flush_all();
  EXPECT_LE(disk.content(name).find_last_not_of('\0') - before, kRecordHeaderBytes + 16);
}

TEST_F(LogTest, ForgottenEntriesDoNotComeBack) {
  ASSERT_EQ(open(), "");
  for (const char* text : {"a", "b", "c"}) append(text);
  log->forget(kGroup, Index(2), epoch(1));
  log->forget(kGroup, Index(1), epoch(1));  // already
  flush_all();
  reopen();
  EXPECT_EQ(found().before, Index(2));
  EXPECT_EQ(found().before_epoch, epoch(1));
  ASSERT_EQ(found().entries.size(), 1u);
  EXPECT_EQ(payload(3), "c");
}

TEST_F(LogTest, AResetReplacesEverything) {
  ASSERT_EQ(open(), "");
  for (const char* text : {"a", "b", "c"}) append(text);
  log->reset(kGroup, Index(2), epoch(4), count());
  write(kGroup, {entry(kGroup, 3, 4, "C")});
  flush_all();
  EXPECT_EQ(acknowledged, 5);
  reopen();
  EXPECT_EQ(found().before, Index(2));
  EXPECT_EQ(found().before_epoch, epoch(4));
  ASSERT_EQ(found().entries.size(), 1u);
  EXPECT_EQ(payload(3), "C");
  log->reset(kGroup, Index(100), epoch(5), count());
  flush_all();
  reopen();
  EXPECT_EQ(found().before, Index(100));
  EXPECT_TRUE(found().entries.empty());
}

TEST_F(LogTest, SegmentsFollowEachOther) {
  ASSERT_EQ(open(), "");
  write(GroupId(3), {}, 8);
  for (int i = 0; i < 60; ++i) {
    append(std::string(500, static_cast<char>('a' + i % 26)));
    flush_all();
  }
  EXPECT_TRUE(disk.has(segment_name("log-", 5)));
  EXPECT_GE(log->bytes(), 5 * options.segment_bytes);
  reopen();
  ASSERT_EQ(found().entries.size(), 60u);
  EXPECT_EQ(payload(60), std::string(500, 'a' + 59 % 26));
  EXPECT_EQ(found(GroupId(3)).promise, epoch(8));
}

TEST_F(LogTest, OldSegmentsGoOnceForgotten) {
  ASSERT_EQ(open(), "");
  write(GroupId(3), {}, 8);
  for (int i = 0; i < 60; ++i) append(std::string(500, 'x'));
  flush_all();
  const auto before = disk.files().size();
  log->forget(kGroup, Index(55), epoch(1));
  flush_all();
  EXPECT_LT(disk.files().size(), before);
  EXPECT_FALSE(disk.has(segment_name("log-", 1)));
  EXPECT_LE(log->bytes(), 3 * options.segment_bytes);
  reopen();
  EXPECT_EQ(found().before, Index(55));
  EXPECT_EQ(found().entries.size(), 5u);
  EXPECT_EQ(found(GroupId(3)).promise, epoch(8)) << "carried over by each segment's beginning";
}

TEST_F(LogTest, AGroupThatNeedsItKeepsASegment) {
  ASSERT_EQ(open(), "");
  append("needed", GroupId(3));
  for (int i = 0; i < 60; ++i) append(std::string(500, 'x'));
  log->forget(kGroup, Index(60), epoch(1));
  flush_all();
  EXPECT_TRUE(disk.has(segment_name("log-", 1)));
  reopen();
  EXPECT_EQ(payload(1, GroupId(3)), "needed");
}

TEST_F(LogTest, AnEntryMayBeBiggerThanASegment) {
  ASSERT_EQ(open(), "");
  append("small");
  append(std::string(100000, 'b'));
  append("after");
  flush_all();
  EXPECT_EQ(acknowledged, 3);
  reopen();
  EXPECT_EQ(payload(2), std::string(100000, 'b'));
  EXPECT_EQ(payload(3), "after");
}

TEST_F(LogTest, TheTailIsCopiedAndSyncedBeforeAnythingElse) {
  ASSERT_EQ(open(), "");
  append("in the page cache");
  log->flush();
  ASSERT_TRUE(disk.step(env::Lane::log));  // written, not synced
  reopen();                                // the process died, the machine did not
  EXPECT_EQ(payload(1), "in the page cache");
  Prng prng(1);
  close();
  disk.crash(prng);
  ASSERT_EQ(open(), "");
  EXPECT_EQ(payload(1), "in the page cache") << "what was shown once must not vanish";
}

TEST_F(LogTest, AFullDiskRefusesAndRecovers) {
  ASSERT_EQ(open(), "");
  disk.run_all();
  disk.capacity = 2 * options.segment_bytes;  // the one in use and the next
  for (int i = 0; log->may_accept() && i < 100; ++i) {
    append(std::string(400, 'x'));
    flush_all();
  }
  EXPECT_FALSE(log->may_accept());
  EXPECT_TRUE(fatal.empty());
  write(kGroup, {}, 7);  // a promise still finds room
  flush_all();
  EXPECT_TRUE(log->idle());
  const int before = acknowledged;
  for (int i = 0; i < 20; ++i) append(std::string(400, 'y'));  // more than there is room for
  flush_all();
  EXPECT_LT(acknowledged, before + 20);
  EXPECT_TRUE(fatal.empty());
  disk.capacity *= 10;
  log->forget(kGroup, Index(1), epoch(1));  // asks for room again
  flush_all();
  EXPECT_EQ(acknowledged, before + 20);
  EXPECT_TRUE(log->may_accept());
  reopen();
  EXPECT_EQ(found().promise, epoch(7));
}

TEST_F(LogTest, FlushingAsksAFullDiskAgainNowAndThen) {
  ASSERT_EQ(open(), "");
  disk.capacity = options.segment_bytes;
  disk.run_all();
  append(std::string(7000, 'x'));
  append(std::string(7000, 'y'));
  flush_all();
  EXPECT_EQ(acknowledged, 1);
  const auto asked = disk.operations;
  for (int i = 0; i < 10; ++i) flush_all();
  EXPECT_LE(disk.operations - asked, 4u) << "not at every turn";
  disk.capacity *= 10;
  for (int i = 0; i < 200; ++i) flush_all();
  EXPECT_EQ(acknowledged, 2);
}

// ClickHouse#112101: what a cut voids lies in several segments. Wherever the power fails, either all of it
// is there, or the cut, with a first part of what was written in its place.
TEST_F(LogTest, row33_crash_during_a_cut_across_segments) {
  bool kept = false;
  bool cut = false;
  for (std::uint64_t operations = 0; operations < 40; ++operations) {
    disk = TestDisk();
    acknowledged = 0;
    ASSERT_EQ(open(), "");
    for (int i = 0; i < 30; ++i) {
      append(std::string(900, 'o'));
      flush_all();
    }
    ASSERT_GE(log->extents().size(), 3U);
    disk.power_until = disk.operations + operations;
    std::vector<consensus::Entry> replacing;
    for (std::uint64_t index = 5; index < 20; ++index) {
      replacing.push_back(entry(kGroup, index, 2, std::string(900, 'n')));
    }
    write(kGroup, replacing, 2, 5);
    for (int i = 0; i < 20; ++i) flush_all();
    const bool told = acknowledged == 31;
    Prng prng(operations);
    close();
    disk.crash(prng);
    ASSERT_EQ(open(), "") << operations;
    const auto& entries = found().entries;
    const bool old = entries.size() == 30 && entries[4].epoch == epoch(1);
    kept = kept || old;
    cut = cut || !old;
    ASSERT_FALSE(told && old) << "acknowledged and undone: " << operations;
    ASSERT_TRUE(!told || entries.size() == 19) << operations;
    for (std::size_t i = 0; i < entries.size(); ++i) {
      const std::uint64_t round = old || i < 4 ? 1 : 2;
      ASSERT_EQ(entries[i].epoch, epoch(round)) << operations << " entry " << i + 1;
    }
  }
  EXPECT_TRUE(kept && cut);
}

TEST_F(LogTest, AFailedWriteOrSyncIsTheEnd) {
  for (const bool of_sync : {false, true}) {
    disk = TestDisk();
    fatal.clear();
    acknowledged = 0;
    ASSERT_EQ(open(), "");
    disk.run_all();
    append("good");
    flush_all();
    ASSERT_EQ(acknowledged, 1);
    int failures = 0;
    disk.fault = [&](const env::DiskOperation& operation) -> std::optional<Error> {
      const bool hit = of_sync ? std::holds_alternative<env::SyncFile>(operation)
                               : std::holds_alternative<env::WriteFile>(operation);
      if (!hit || failures++ > 0) return {};  // fails once, then "succeeds"
      return Error{"input/output error"};
    };
    append("bad");
    append("after");
    flush_all();
    append("later");
    flush_all();
    EXPECT_EQ(acknowledged, 1) << "nothing after the failure";
    ASSERT_EQ(fatal.size(), 1u);
    EXPECT_NE(fatal[0].find("input/output error"), std::string::npos);
  }
}

TEST_F(LogTest, NobodyIsCalledOnceTheLogIsGone) {
  ASSERT_EQ(open(), "");
  append("a");
  log->flush();
  close();
  disk.run_all();
  EXPECT_EQ(acknowledged, 0);
}

}  // namespace
}  // namespace holdfast::storage
