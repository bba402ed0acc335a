#include "os/busy_poll.h"

#include <algorithm>

namespace holdfast::os {
namespace {

// Looked through are waits of less than so many times `longest` on average. A mean says little of each:
// some are short and end by a look, others long, and of those a quarter or more is spent in vain.
constexpr std::int64_t kWorthwhile = 4;
// No wait counts for more: a loop is busy again soon after it was idle.
constexpr std::int64_t kCounted = 20;
constexpr std::int64_t kRemembered = 8;

// Whoever comes back only after so long has found somebody at work who does not sleep (or was
// stopped): then to sleep is quicker, since one who wakes up goes before one who works.
constexpr Duration kLost = microseconds(1500);
// After that nobody looks for so many times as long, and, if it happens again within so many
// waits, for twice as long each time.
constexpr std::int64_t kPause = 20;
constexpr std::uint64_t kSoon = 256;
constexpr Duration kLongestPause = seconds(10);
// Whoever was away for longer was not on a machine that ran.
constexpr Duration kLongestAway = milliseconds(500);

}  // namespace

void BusyPoll::set_longest(Duration longest) {
  if (longest != longest_) any_wait_ = false;
  longest_ = longest;
}

bool BusyPoll::begin(Instant now) {
  began_ = looked_ = now;
  const bool busy = any_wait_ && mean_wait_ < longest_ * kWorthwhile;
  if (!busy || now < not_before_) return false;
  ++waits_;
  return true;
}

bool BusyPoll::goes_on(Instant now) {
  const Duration away = std::min(now - looked_, kLongestAway);
  spent_ = spent_ + away;
  looked_ = now;
  if (away >= kLost) {
    lost_the_processor(away, now);
    return false;
  }
  return now - began_ < longest_;
}

void BusyPoll::lost_the_processor(Duration away, Instant now) {
  const Duration again = waits_ <= kSoon ? pause_ * 2 : Duration{};
  pause_ = std::min(std::max(again, away * kPause), kLongestPause);
  not_before_ = now + pause_;
  waits_ = 0;
}

void BusyPoll::end(Instant now) {
  const Duration took = std::min(now - began_, longest_ * kCounted);
  if (!any_wait_) mean_wait_ = longest_ * kCounted;
  any_wait_ = true;
  mean_wait_ = mean_wait_ + (took - mean_wait_) / kRemembered;
}

}  // namespace holdfast::os
