// How long a leader may answer reads on the strength of promises (decision 0018; Raft thesis 6.4.1).
//
// A voter that is asked promises to elect nobody else, itself included, for a time that it counts
// from when the question *arrived*. The leader counts from when the question *left*, which is earlier
// whatever the network does, and for a shorter time:
//
//     lease = promise - promise / kMarginShare
//
// The margin is for clocks. It bears any two whose rates differ by up to 1,000 millionths, each of
// which stands still, or catches up, by not more than a tenth of the promise within it: that is the
// bound which operators have to keep, and to which the simulator keeps where it plays leases. Time
// that a process or a machine sleeps is no matter: the clock goes on (env/clock.h).
#pragma once

#include <cstdint>
#include <deque>
#include <optional>

#include "base/time.h"

namespace holdfast::consensus {

inline constexpr std::int64_t kMarginShare = 5;

// For how many election time-outs after a read that asked for it leases are kept up: without reads a
// leader that is lost is replaced sooner.
inline constexpr std::int64_t kLeasesOutliveReads = 10;

Duration lease_of(Duration promise);

// When the leader's rounds of heartbeats left. Not of all of them, and not for long: an answer to a
// round that is not known is worth no lease.
class RoundTimes {
 public:
  // Rounds grow, and time does not run backwards. Those older than `useful` are forgotten.
  void add(std::uint64_t round, Instant now, Duration useful);
  // When this round left, or an earlier one.
  std::optional<Instant> sent_at(std::uint64_t round) const;
  void clear() { sent_.clear(); }
  std::size_t size() const { return sent_.size(); }

 private:
  struct Sent {
    std::uint64_t round = 0;
    Instant at;
  };

  std::deque<Sent> sent_;
};

}  // namespace holdfast::consensus
