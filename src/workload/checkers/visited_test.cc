#include "workload/checkers/visited.h"

#include <gtest/gtest.h>

namespace holdfast::workload {
namespace {

constexpr auto kNoneIsOver = [](std::size_t) { return false; };

TEST(Visited, OneIsCoveredByWhatHasDoneNoMore) {
  Visited visited;
  const auto a = visited.take(Visited::kNothing, 5);
  const auto ab = visited.take(a, 3);
  const auto c = visited.take(Visited::kNothing, 4);
  EXPECT_TRUE(visited.add(1, a, kNoneIsOver));
  EXPECT_FALSE(visited.add(1, a, kNoneIsOver));
  EXPECT_FALSE(visited.add(1, ab, kNoneIsOver));
  EXPECT_FALSE(visited.covers(1, Visited::kNothing, kNoneIsOver));
  EXPECT_FALSE(visited.covers(1, c, kNoneIsOver));
  EXPECT_FALSE(visited.covers(2, a, kNoneIsOver));
  EXPECT_EQ(visited.count(), 1U);
}

TEST(Visited, WhatCoversAnotherTakesItsPlace) {
  Visited visited;
  const auto a = visited.take(Visited::kNothing, 1);
  const auto ab = visited.take(a, 2);
  const auto abc = visited.take(ab, 3);
  EXPECT_TRUE(visited.add(1, abc, kNoneIsOver));
  EXPECT_TRUE(visited.add(1, a, kNoneIsOver));
  EXPECT_TRUE(visited.covers(1, abc, kNoneIsOver));
  EXPECT_TRUE(visited.covers(1, ab, kNoneIsOver));
  EXPECT_EQ(visited.count(), 2U);  // also what was replaced was work
}

TEST(Visited, ASetIsTheSameInWhateverOrderItCameTogether) {
  Visited visited;
  const auto ab = visited.take(visited.take(Visited::kNothing, 1), 2);
  const auto ba = visited.take(visited.take(Visited::kNothing, 2), 1);
  EXPECT_EQ(ab, ba);
  EXPECT_NE(ab, visited.take(Visited::kNothing, 3));
}

TEST(Visited, WhatIsOverMakesNoDifference) {
  Visited visited;
  const auto a = visited.take(Visited::kNothing, 1);
  const auto b = visited.take(Visited::kNothing, 2);
  const auto first_is_over = [](std::size_t task) { return task == 1; };
  EXPECT_TRUE(visited.add(1, a, first_is_over));
  EXPECT_FALSE(visited.add(1, b, first_is_over));
  EXPECT_FALSE(visited.add(1, Visited::kNothing, first_is_over));
}

}  // namespace
}  // namespace holdfast::workload
