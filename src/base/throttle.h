// How fast something may go in bytes a second, shared by all who take from it.
//
// What is taken is paid for afterwards: a piece of any size may be taken as soon as the one before
// it is paid. So nothing needs to be split, and over a second no more passes than the rate and one
// piece.
//
// Threads: one. Time is told.
#pragma once

#include <algorithm>
#include <cstdint>

#include "base/time.h"

namespace holdfast {

class Throttle {
 public:
  // 0: no limit.
  explicit Throttle(std::uint64_t bytes_per_s = 0) : bytes_per_s_(bytes_per_s) {}
  // From the next piece on.
  void set_rate(std::uint64_t bytes_per_s) {
    if (bytes_per_s == bytes_per_s_) return;
    bytes_per_s_ = bytes_per_s;
    ready_at_ = Instant{};
  }

  bool ready(Instant now) const { return now >= ready_at_; }
  Instant ready_at() const { return ready_at_; }
  // REQUIRES: ready(now).
  void take(std::uint64_t bytes, Instant now) {
    if (bytes_per_s_ == 0) return;
    // Who comes a little late, since turns have their length, catches up.
    constexpr Duration kLate = milliseconds(100);
    const double cost = static_cast<double>(bytes) / static_cast<double>(bytes_per_s_) * 1e9;
    ready_at_ = std::max(ready_at_, now - kLate) + nanoseconds(static_cast<std::int64_t>(cost));
  }

 private:
  std::uint64_t bytes_per_s_;
  Instant ready_at_;
};

}  // namespace holdfast
