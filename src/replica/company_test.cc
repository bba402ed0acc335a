#include "replica/company.h"

#include <gtest/gtest.h>

namespace holdfast::replica {
namespace {

constexpr Instant kStart{1'000'000'000};
constexpr Duration kCommit = microseconds(300);

Company::Gathered idle(std::size_t writes) { return {.bytes = writes * 50, .writes = writes}; }
Company::Gathered busy(std::size_t writes) {
  return {.bytes = writes * 50, .writes = writes, .log_idle = false, .entry_running = true};
}
Company::Gathered behind(std::size_t writes) {
  return {.bytes = writes * 50, .writes = writes, .entry_running = true};
}

TEST(Company, OnAnIdleLogNothingWaits) {
  Company company;
  EXPECT_FALSE(company.waits(idle(1), kStart));
  EXPECT_EQ(company.until(), Instant{});
  EXPECT_EQ(company.since(), Instant{});
}

TEST(Company, WaitsForTheLogButNotLongerThanTheBound) {
  Company company;
  EXPECT_TRUE(company.waits(busy(1), kStart));
  EXPECT_EQ(company.since(), kStart);
  EXPECT_EQ(company.until(), kStart + Company::kForLog);
  EXPECT_TRUE(company.waits(busy(2), kStart + Company::kForLog - microseconds(1)));
  EXPECT_FALSE(company.waits(busy(3), kStart + Company::kForLog));
  EXPECT_EQ(company.since(), Instant{});
  EXPECT_TRUE(company.waits(busy(1), kStart + Company::kForLog)) << "the next ones, from then on";
}

TEST(Company, ManyBytesWaitForNobody) {
  Company company;
  EXPECT_FALSE(company.waits({.bytes = Company::kBytes, .writes = 1, .log_idle = false}, kStart));
}

TEST(Company, WithoutWritesNothingWaits) {
  Company company;
  EXPECT_FALSE(company.waits({.bytes = 0, .writes = 0, .log_idle = false}, kStart));
}

TEST(Company, WaitsForAnEntryUnderWayIfCommitsAreQuick) {
  Company quick;
  EXPECT_FALSE(quick.waits(behind(1), kStart)) << "it does not know yet";
  quick.answered(1, kCommit, kStart);
  EXPECT_TRUE(quick.waits(behind(8), kStart));
  EXPECT_EQ(quick.until(), kStart + Company::kForEntry);

  Company slow;
  slow.answered(1, milliseconds(20), kStart);
  EXPECT_FALSE(slow.waits(behind(8), kStart));
}

// Most of a commit is this node's own sync.
TEST(Company, WaitsAsLongAsASlowDiskSyncs) {
  Company company;
  company.synced(milliseconds(9));
  company.answered(1, milliseconds(10), kStart);
  EXPECT_TRUE(company.waits(busy(8), kStart));
  EXPECT_EQ(company.until(), kStart + milliseconds(15));
  EXPECT_TRUE(company.waits(behind(8), kStart + milliseconds(12))) << "the log, then the entry";
  EXPECT_FALSE(company.waits(behind(8), kStart + milliseconds(15)));

  Company network;
  network.synced(milliseconds(4));
  network.answered(1, milliseconds(10), kStart);
  EXPECT_TRUE(network.waits(busy(8), kStart));
  EXPECT_EQ(network.until(), kStart + Company::kForLog) << "of others it hears anyway";

  Company hanging;
  hanging.synced(seconds(2));
  hanging.answered(1, seconds(2), kStart);
  EXPECT_TRUE(hanging.waits(busy(8), kStart));
  EXPECT_EQ(hanging.until(), kStart + Company::kForSlowDisks);
}

TEST(Company, MoreBytesWaitForASlowDisk) {
  Company company;
  const Company::Gathered some{.bytes = Company::kBytes * 5, .writes = 100, .log_idle = false};
  EXPECT_FALSE(company.waits(some, kStart));
  company.synced(milliseconds(9));
  company.answered(1, milliseconds(10), kStart);
  EXPECT_TRUE(company.waits(some, kStart));
  EXPECT_FALSE(company.waits({.bytes = Company::kBytes * 7, .writes = 100, .log_idle = false}, kStart));
  company.synced(milliseconds(2));
  company.answered(1, milliseconds(3), kStart);
  EXPECT_FALSE(company.waits(some, kStart)) << "where turns take as long, more bytes bring nothing";
}

// Who answers slept through the sync, and so did who is answered.
TEST(Company, GivesThoseWhoSleptThroughALongSyncTimeToWakeUp) {
  Company company;
  company.synced(milliseconds(10));
  company.answered(40, milliseconds(10), kStart);
  const Instant sent = kStart + microseconds(300);
  EXPECT_TRUE(company.waits(idle(10), sent));
  EXPECT_EQ(company.until(), sent + milliseconds(15) / 8);
  Instant now = sent + milliseconds(1);
  EXPECT_TRUE(company.waits(idle(11), now)) << "the first, and then none for a while";
  now = sent + microseconds(1800);
  EXPECT_TRUE(company.waits(idle(30), now));
  EXPECT_EQ(company.until(), now + Company::kLull) << "only the first wait is a long one";
  EXPECT_FALSE(company.waits(idle(30), now + Company::kLull));
}

// Fifty clients, each with one command at a time: two groups become one.
TEST(Company, WaitsForThoseWhoWereAnsweredWhileTheyComeBack) {
  Company company;
  Instant now = kStart;
  EXPECT_TRUE(company.waits(busy(25), now));
  company.answered(25, kCommit, now);
  for (std::size_t back = 1; back < 20; ++back) {
    now = now + microseconds(10);
    EXPECT_TRUE(company.waits(idle(25 + back), now)) << back;
    EXPECT_EQ(company.until(), now + Company::kLull) << back;
  }
  EXPECT_FALSE(company.waits(idle(45), now + microseconds(10))) << "five are not worth it";
}

TEST(Company, WaitsNoLongerThanALullForWhoDoesNotComeBack) {
  Company company;
  company.answered(10, kCommit, kStart);
  Instant now = kStart + microseconds(20);
  EXPECT_TRUE(company.waits(idle(1), now)) << "nine are missing";
  now = now + Company::kLull - microseconds(1);
  EXPECT_TRUE(company.waits(idle(1), now));
  EXPECT_FALSE(company.waits(idle(1), now + microseconds(1)));
  // They are given up: the next one is not kept waiting on their account.
  EXPECT_FALSE(company.waits(idle(1), now + microseconds(200)));
}

TEST(Company, ALoneClientNeverWaits) {
  Company company;
  Instant now = kStart;
  for (int i = 0; i < 100; ++i) {
    EXPECT_FALSE(company.waits(idle(1), now)) << i;
    now = now + kCommit;
    company.answered(1, kCommit, now);
    now = now + microseconds(40);
  }
}

TEST(Company, DoesNotWaitWhereMostDoNotComeBack) {
  Company company;
  Instant now = kStart;
  int waited = 0;
  for (int i = 0; i < 100; ++i) {
    company.answered(10, kCommit, now);
    now = now + microseconds(50);  // one comes: another, or the same
    waited += company.waits(idle(1), now) ? 1 : 0;
    now = now + milliseconds(2);
    EXPECT_FALSE(company.waits(idle(1), now)) << i;
  }
  EXPECT_LE(waited, 1) << "only as long as nothing is known";
  // … and does again when they do.
  for (int i = 0; i < 200; ++i) {
    company.answered(10, kCommit, now);
    for (std::size_t back = 1; back <= 10; ++back) {
      now = now + microseconds(10);
      company.waits(idle(back), now);
    }
  }
  company.answered(10, kCommit, now);
  EXPECT_TRUE(company.waits(idle(1), now + microseconds(10)));
}

TEST(Company, NeverWaitsLongerThanTheBoundInAll) {
  Company company;
  Instant now = kStart;
  company.answered(1000, kCommit, now);
  std::size_t writes = 1;
  EXPECT_TRUE(company.waits(idle(writes), now));
  const Instant began = now;
  while (company.waits(idle(++writes), now)) {  // a trickle that never pauses
    ASSERT_LT(now - began, Company::kAtMost);
    EXPECT_LE(company.until(), began + Company::kAtMost);
    now = now + microseconds(100);
  }
  EXPECT_GT(now - began, Company::kForLog);
}

}  // namespace
}  // namespace holdfast::replica
