#include "base/warning_limit.h"

#include <gtest/gtest.h>

namespace holdfast {
namespace {

constexpr Instant at(std::int64_t s) { return Instant{} + seconds(s); }

TEST(WarningLimit, OneOfAKindAtATimeAndTheNextSaysHowManyWereLeftOut) {
  WarningLimit limit;
  EXPECT_EQ(limit.take("wrong proof", at(100)), 0U);
  for (int i = 0; i < 1000; ++i) EXPECT_EQ(limit.take("wrong proof", at(105)), std::nullopt);
  EXPECT_EQ(limit.take("wrong proof", at(109)), std::nullopt);
  EXPECT_EQ(limit.take("wrong proof", at(110)), 1001U);
  EXPECT_EQ(limit.take("wrong proof", at(120)), 0U);
}

TEST(WarningLimit, AnotherKindIsNotHeldBack) {
  WarningLimit limit;
  EXPECT_EQ(limit.take("wrong proof", at(100)), 0U);
  EXPECT_EQ(limit.take("no proof", at(100)), 0U);
  EXPECT_EQ(limit.take("no proof", at(101)), std::nullopt);
}

// Whoever can choose the text of a warning cannot fill the log with it, nor the memory.
TEST(WarningLimit, KindsWithoutEndCountAsOne) {
  WarningLimit limit;
  std::size_t written = 0;
  for (int i = 0; i < 100'000; ++i) {
    written += limit.take(std::to_string(i), at(100)).has_value();
    written += limit.take(std::to_string(i), at(100)).has_value();
  }
  EXPECT_EQ(written, WarningLimit::kKinds + 1);
  // Later there is room for others, also after kinds that came twice.
  EXPECT_EQ(limit.take("another", at(111)), 0U);
  EXPECT_EQ(limit.take("another", at(112)), std::nullopt);
}

}  // namespace
}  // namespace holdfast
