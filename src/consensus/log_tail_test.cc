#include "consensus/log_tail.h"

#include <gtest/gtest.h>

namespace holdfast::consensus {
namespace {

Epoch epoch(std::uint64_t round) { return {round, NodeId(1)}; }

Entry entry(std::uint64_t index, std::uint64_t round, std::string payload = "12345") {
  Entry result;
  result.index = Index(index);
  result.epoch = epoch(round);
  result.kind = EntryKind::batch;
  result.payload = SharedBytes(std::move(payload));
  return result;
}

LogTail five() {
  LogTail log(Index(10), epoch(2));
  log.append(entry(11, 2));
  log.append(entry(12, 2));
  log.append(entry(13, 4));
  log.append(entry(14, 4));
  log.append(entry(15, 7));
  return log;
}

TEST(LogTail, knows_its_ends) {
  LogTail log(Index(10), epoch(2));
  EXPECT_EQ(log.first(), Index(11));
  EXPECT_EQ(log.last(), Index(10));
  EXPECT_EQ(log.last_epoch(), epoch(2));
  EXPECT_EQ(log.epoch_at(Index(10)), epoch(2));
  EXPECT_EQ(log.epoch_at(Index(9)), std::nullopt);
  EXPECT_EQ(log.epoch_at(Index(11)), std::nullopt);
  log = five();
  EXPECT_EQ(log.last(), Index(15));
  EXPECT_EQ(log.last_epoch(), epoch(7));
  EXPECT_EQ(log.bytes(), 25u);
}

TEST(LogTail, cuts_and_forgets) {
  LogTail log = five();
  log.cut(Index(14));
  EXPECT_EQ(log.last(), Index(13));
  log.cut(Index(20));
  EXPECT_EQ(log.last(), Index(13));
  log.forget(Index(12));
  EXPECT_EQ(log.before(), Index(12));
  EXPECT_EQ(log.epoch_at(Index(12)), epoch(2));
  EXPECT_EQ(log.bytes(), 5u);
  log.forget(Index(3));
  EXPECT_EQ(log.before(), Index(12));
  log.reset(Index(40), epoch(9));
  EXPECT_EQ(log.last(), Index(40));
  EXPECT_EQ(log.bytes(), 0u);
}

TEST(LogTail, slices_by_bytes_but_gives_at_least_one) {
  const LogTail log = five();
  EXPECT_EQ(log.slice(Index(11), 1).size(), 1u);
  EXPECT_EQ(log.slice(Index(11), 14).size(), 2u);
  EXPECT_EQ(log.slice(Index(11), 15).size(), 3u);
  EXPECT_EQ(log.slice(Index(14), 1000).size(), 2u);
  EXPECT_TRUE(log.slice(Index(16), 1000).empty());
}

TEST(LogTail, finds_the_last_entry_not_above_an_epoch) {
  const LogTail log = five();
  EXPECT_EQ(log.last_not_above(Index(15), epoch(9)), Index(15));
  EXPECT_EQ(log.last_not_above(Index(15), epoch(6)), Index(14));
  EXPECT_EQ(log.last_not_above(Index(13), epoch(6)), Index(13));
  EXPECT_EQ(log.last_not_above(Index(15), epoch(3)), Index(12));
  EXPECT_EQ(log.last_not_above(Index(15), epoch(1)), Index(10));
  EXPECT_EQ(log.last_not_above(Index(99), epoch(9)), Index(15));
  EXPECT_EQ(log.last_not_above(Index(4), epoch(9)), Index(4));
  // Like a search from the end, for every question.
  for (std::uint64_t index = 10; index <= 15; ++index) {
    for (std::uint64_t round = 0; round <= 8; ++round) {
      std::uint64_t slow = index;
      while (slow > 10 && *log.epoch_at(Index(slow)) > epoch(round)) --slow;
      EXPECT_EQ(log.last_not_above(Index(index), epoch(round)), Index(slow));
    }
  }
}

TEST(LogTailDeathTest, refuses_holes_and_epochs_that_go_back) {
  LogTail log = five();
  EXPECT_DEATH(log.append(entry(17, 7)), "17 after 15");
  EXPECT_DEATH(log.append(entry(16, 6)), "after");
  EXPECT_DEATH(log.cut(Index(10)), "not after");
}

}  // namespace
}  // namespace holdfast::consensus
