#include "base/prng.h"

#include <gtest/gtest.h>

namespace holdfast {
namespace {

TEST(Prng, TheSameSeedGivesTheSameNumbers) {
  Prng a(42);
  Prng b(42);
  for (int i = 0; i < 100; ++i) EXPECT_EQ(a.next(), b.next());
  EXPECT_NE(Prng(1).next(), Prng(2).next());
}

TEST(Prng, StaysInItsRange) {
  Prng prng(7);
  bool low = false;
  bool high = false;
  for (int i = 0; i < 1000; ++i) {
    const auto value = prng.between(-2, 2);
    ASSERT_GE(value, -2);
    ASSERT_LE(value, 2);
    low = low || value == -2;
    high = high || value == 2;
  }
  EXPECT_TRUE(low && high);
  EXPECT_EQ(prng.between(INT64_MAX, INT64_MAX), INT64_MAX);
}

}  // namespace
}  // namespace holdfast
