// What a holder can be sure of: until when nobody else can hold the lock, as this machine's clock
// has it, and when to renew.
//
// A server counts a TTL from an entry that it wrote after the request was sent. So whoever counts
// from the moment of sending is always early, however long the answer took. Clocks do not run alike
// either: cluster time is slewed by up to 0.05 % (replica/cluster_clock.h), and quartz adds a
// little.
//
// Time is told. Threads: one at a time.
#pragma once

#include <algorithm>

#include "base/time.h"

namespace holdfast::client {

class Tenure {
 public:
  explicit Tenure(Duration ttl) : ttl_(ttl) {}

  // A server said, to what was sent at `sent_at`, that `left` is left of the hold.
  void confirm(Instant sent_at, Duration left) {
    const Duration sure = std::min(left, ttl_);
    sure_until_ = std::max(sure_until_, sent_at + sure - sure / kClockShare);
    renew_at_ = sent_at + ttl_ / kRenewals;
  }
  // A renewal came to nothing; the next one is soon, but leaves the servers time to breathe.
  void try_again(Instant now) { renew_at_ = now + std::min(kPause, ttl_ / 20); }

  bool sure(Instant now) const { return now < sure_until_; }
  Instant sure_until() const { return sure_until_; }
  Instant renew_at() const { return renew_at_; }
  // For one server to answer: so that there is time for others if it does not.
  Duration patience(Duration most) const { return std::min(most, ttl_ / 6); }

 private:
  static constexpr std::int64_t kRenewals = 3;      // in a TTL
  static constexpr std::int64_t kClockShare = 500;  // 0.2 %
  static constexpr Duration kPause = milliseconds(100);

  Duration ttl_;
  Instant sure_until_ = {};
  Instant renew_at_ = {};
};

}  // namespace holdfast::client
