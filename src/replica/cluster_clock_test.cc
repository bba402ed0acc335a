#include "replica/cluster_clock.h"

#include <gtest/gtest.h>

namespace holdfast::replica {
namespace {

constexpr Instant at_ms(std::int64_t ms) { return Instant{ms * 1'000'000}; }

TEST(ClusterClock, RunsWithTheNodesOwnElapsedTime) {
  ClusterClock clock({1000}, at_ms(5));
  EXPECT_EQ(clock.at(at_ms(5)), ClusterTime{1000});
  EXPECT_EQ(clock.at(at_ms(105)), ClusterTime{1100});
}

TEST(ClusterClock, AWallThatJumpsMovesItByAtMost500Ppm) {
  ClusterClock clock({1000}, at_ms(0));
  // Ten seconds later the wall claims that a year has passed.
  const auto ahead = clock.advance(at_ms(10'000), WallTime{31'536'000'000});
  EXPECT_EQ(ahead, ClusterTime{11'005});
  // And now that it is 1970 again.
  const auto behind = clock.advance(at_ms(20'000), WallTime{0});
  EXPECT_EQ(behind, ClusterTime{21'000});
}

TEST(ClusterClock, NeverRunsBackForTheLeader) {
  ClusterClock clock({1000}, at_ms(0));
  ClusterTime last{0};
  for (std::int64_t i = 0; i < 1000; ++i) {
    const auto now = clock.advance(at_ms(i), WallTime{(i * 7919) % 5000});
    EXPECT_GE(now, last);
    last = now;
  }
}

TEST(ClusterClock, AFollowerTakesTheLeadersTimeButNotBehindItsOwnLog) {
  ClusterClock clock({1000}, at_ms(0));
  clock.told({5000}, at_ms(10));
  EXPECT_EQ(clock.at(at_ms(10)), ClusterTime{5000});
  clock.told({4000}, at_ms(20));  // the follower's own clock had run fast
  EXPECT_EQ(clock.at(at_ms(20)), ClusterTime{4000});
  clock.logged({6000}, at_ms(30));
  clock.told({5500}, at_ms(40));
  EXPECT_EQ(clock.at(at_ms(40)), ClusterTime{6000});
}

TEST(ClusterClock, TellsHowLongUntilADeadline) {
  ClusterClock clock({1000}, at_ms(0));
  EXPECT_EQ(clock.until({1500}, at_ms(100)), milliseconds(401));
  EXPECT_EQ(clock.until({900}, at_ms(100)), milliseconds(0));
  EXPECT_GT(clock.until(ClusterTime::never(), at_ms(0)), seconds(1'000'000));
}

}  // namespace
}  // namespace holdfast::replica
