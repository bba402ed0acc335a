#include "commands/gcra.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <utility>
#include <vector>

#include "base/prng.h"

namespace holdfast::commands {
namespace {

constexpr std::int64_t kSecond = 1'000'000'000;

// A limit on a clock of its own.
class Limit {
 public:
  explicit Limit(Quota quota) : quota_(quota) {}

  Passage ask(std::int64_t at_ns, std::int64_t quantity) {
    const auto passage = pass(quota_, quantity, std::max<std::int64_t>(0, full_at_ - at_ns));
    EXPECT_TRUE(passage.has_value());
    full_at_ = at_ns + passage->full_after_ns;
    return *passage;
  }

 private:
  Quota quota_;
  std::int64_t full_at_ = 0;
};

void expect(const Passage& passage, bool limited, std::int64_t remaining, std::int64_t full_after,
            std::int64_t retry_after) {
  EXPECT_EQ(passage.limited, limited);
  EXPECT_EQ(passage.remaining, remaining);
  EXPECT_EQ(passage.full_after_ns, full_after);
  EXPECT_EQ(passage.retry_after_ns, retry_after);
}

TEST(Gcra, LetsABurstPassAndThenOneAtATime) {
  Limit limit({.max_burst = 4, .count = 1, .period_s = 1});
  // More than there ever is does not pass, now or later, and costs nothing.
  expect(limit.ask(0, 6), true, 5, 0, -1);
  for (std::int64_t i = 1; i <= 5; ++i) expect(limit.ask(0, 1), false, 5 - i, i * kSecond, -1);
  expect(limit.ask(0, 1), true, 0, 5 * kSecond, kSecond);
  expect(limit.ask(kSecond - 1, 1), true, 0, 4 * kSecond + 1, 1);
  expect(limit.ask(kSecond, 1), false, 0, 5 * kSecond, -1);
  expect(limit.ask(kSecond, 0), false, 0, 5 * kSecond, -1);
  expect(limit.ask(3 * kSecond, 0), false, 2, 3 * kSecond, -1);
  expect(limit.ask(3 * kSecond, 4), true, 2, 3 * kSecond, 2 * kSecond);
  expect(limit.ask(9 * kSecond, 5), false, 0, 5 * kSecond, -1);
}

TEST(Gcra, RoundsIntervalsUp) {
  Limit limit({.max_burst = 0, .count = 3, .period_s = 1});
  EXPECT_EQ(limit.ask(0, 1).full_after_ns, 333'333'334);
}

TEST(Gcra, RefusesWhatTakesLongerThanTenYearsToFill) {
  constexpr std::int64_t kMost = (std::int64_t{1} << 53) - 1;
  EXPECT_FALSE(pass({.max_burst = kMost, .count = 1, .period_s = kMost}, kMost, 0).has_value());
  EXPECT_FALSE(pass({.max_burst = 1, .count = 1, .period_s = 3650 * 24 * 3600}, 1, 0).has_value());
  const auto longest = pass({.max_burst = 0, .count = 1, .period_s = 3650 * 24 * 3600}, 1, 0);
  ASSERT_TRUE(longest.has_value());
  EXPECT_EQ(longest->full_after_ns, kLongestRefillNs);
  const auto quick = pass({.max_burst = 0, .count = kMost, .period_s = 1}, kMost, kLongestRefillNs);
  ASSERT_TRUE(quick.has_value());
  EXPECT_TRUE(quick->limited);
}

// Against the sentence that it is about: in no span of time more than burst and rate allow. And
// against a bucket that leaks: what was let pass is exactly what had room.
TEST(Gcra, NeverLetsMorePassThanItSaysInAnySpan) {
  Prng prng(7);
  for (int round = 0; round < 200; ++round) {
    const Quota quota{.max_burst = static_cast<std::int64_t>(prng.below(6)),
                      .count = prng.between(1, 20),
                      .period_s = prng.between(1, 4)};
    const std::int64_t interval = (quota.period_s * kSecond + quota.count - 1) / quota.count;
    const std::int64_t room = (quota.max_burst + 1) * interval;
    Limit limit(quota);
    std::vector<std::pair<std::int64_t, std::int64_t>> passed;
    std::int64_t now = 0;
    std::int64_t level = 0;  // of the bucket, in time
    for (int i = 0; i < 60; ++i) {
      const std::int64_t gone = prng.between(0, 2 * interval);
      now += gone;
      level = std::max<std::int64_t>(0, level - gone);
      const std::int64_t quantity = prng.between(0, 3);
      const Passage passage = limit.ask(now, quantity);
      const bool fits = level + quantity * interval <= room || quantity == 0;
      ASSERT_EQ(passage.limited, !fits);
      if (!fits) continue;
      level += quantity * interval;
      passed.emplace_back(now, quantity);
    }
    for (std::size_t from = 0; from < passed.size(); ++from) {
      std::int64_t sum = 0;
      for (std::size_t to = from; to < passed.size(); ++to) {
        sum += passed[to].second;
        ASSERT_LE(sum * interval, room + passed[to].first - passed[from].first);
      }
    }
  }
}

}  // namespace
}  // namespace holdfast::commands
