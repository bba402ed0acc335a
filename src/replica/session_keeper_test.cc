// When a session was last kept, and which are due.
#include "replica/session_keeper.h"

#include <gtest/gtest.h>

namespace holdfast::replica {
namespace {

constexpr ClusterTime at(std::int64_t ms) { return {ms}; }

std::vector<std::uint64_t> due(SessionKeeper& keeper, std::int64_t ms) {
  return keeper.take_due(at(ms), 1000);
}

using Ids = std::vector<std::uint64_t>;

}  // namespace

TEST(SessionKeeper, ASessionThatNobodyKeepsIsDueAfterItsTtl) {
  SessionKeeper keeper;
  keeper.begin(at(0));
  keeper.add(7, 100, at(50));
  EXPECT_EQ(keeper.next_due(), at(150));
  EXPECT_EQ(due(keeper, 150), Ids{}) << "the whole of its time is given";
  EXPECT_EQ(due(keeper, 151), Ids{7});
  EXPECT_EQ(due(keeper, 300), Ids{}) << "once";
}

TEST(SessionKeeper, KeepingCountsFromTheAskingAndTellsWhatIsLeft) {
  SessionKeeper keeper;
  keeper.begin(at(0));
  keeper.add(7, 100, at(0));
  keeper.tell_time(at(80), at(95));
  EXPECT_EQ(keeper.keep(7, 100), 85);
  EXPECT_EQ(keeper.remaining(7, 100), 85);
  EXPECT_EQ(due(keeper, 180), Ids{});
  EXPECT_EQ(due(keeper, 181), Ids{7});
}

TEST(SessionKeeper, AnOlderAskingDoesNotShortenALaterOne) {
  SessionKeeper keeper;
  keeper.begin(at(0));
  keeper.tell_time(at(50), at(50));
  keeper.keep(7, 100);
  keeper.tell_time(at(40), at(60));
  EXPECT_EQ(keeper.keep(7, 100), 80) << "of what this asking is good for";
  EXPECT_EQ(due(keeper, 150), Ids{});
}

TEST(SessionKeeper, NobodyKeepsASessionWhoseEndIsOnItsWayUnlessItWasRefused) {
  SessionKeeper keeper;
  keeper.begin(at(0));
  keeper.add(7, 100, at(0));
  ASSERT_EQ(due(keeper, 101), Ids{7});
  keeper.tell_time(at(101), at(101));
  EXPECT_EQ(keeper.keep(7, 100), std::nullopt);
  EXPECT_EQ(keeper.remaining(7, 100), 0);
  keeper.give_back({7});
  EXPECT_EQ(keeper.keep(7, 100), 100);
  EXPECT_EQ(due(keeper, 201), Ids{});
  EXPECT_EQ(due(keeper, 202), Ids{7});
}

TEST(SessionKeeper, ANewLeaderGivesEachItsWholeTtl) {
  SessionKeeper keeper;
  keeper.begin(at(0));
  keeper.add(7, 100, at(0));
  keeper.begin(at(90));
  EXPECT_EQ(keeper.size(), 0u);
  keeper.add(7, 100, at(0));
  EXPECT_EQ(due(keeper, 190), Ids{});
  EXPECT_EQ(due(keeper, 191), Ids{7});
}

TEST(SessionKeeper, OnlySoManyAreTakenAtOnceAndNoneIsForgotten) {
  SessionKeeper keeper;
  keeper.begin(at(0));
  for (std::uint64_t id = 1; id <= 1000; ++id) keeper.add(id, 100, at(0));
  std::size_t taken = 0;
  for (int i = 0; i < 10; ++i) taken += keeper.take_due(at(500), 100).size();
  EXPECT_EQ(taken, 1000u);
  EXPECT_EQ(keeper.next_due(), ClusterTime::never());
}

TEST(SessionKeeper, LinesOfSessionsThatAreGoneDoNotPileUp) {
  SessionKeeper keeper;
  keeper.begin(at(0));
  constexpr std::int64_t kYears = 1'000'000'000'000;
  for (std::uint64_t id = 1; id <= 200'000; ++id) {
    keeper.add(id, kYears, at(0));
    keeper.remove(id);
  }
  EXPECT_EQ(keeper.size(), 0u);
  EXPECT_LT(keeper.lines(), 256u * 70u);
}

// A million sessions, each kept three times in its TTL: no turn looks at more than it should.
TEST(SessionKeeper, AMillionThatAreKeptCostAStepEachTtl) {
  SessionKeeper keeper;
  keeper.begin(at(0));
  constexpr std::uint64_t kMany = 100'000;  // a tenth of a million: the step is what is tested
  for (std::uint64_t id = 1; id <= kMany; ++id) keeper.add(id, 3000, at(0));
  for (std::int64_t now = 1; now <= 9000; ++now) {
    keeper.tell_time(at(now), at(now));
    for (std::uint64_t i = 0; i < kMany / 1000; ++i) {
      const auto id = 1 + (static_cast<std::uint64_t>(now) * (kMany / 1000) + i) % kMany;
      ASSERT_TRUE(keeper.keep(id, 3000).has_value());
    }
    ASSERT_TRUE(keeper.take_due(at(now), 1000).empty());
  }
  EXPECT_EQ(keeper.size(), kMany);
  EXPECT_LE(keeper.lines(), kMany);
}

}  // namespace holdfast::replica
