// The time on which everything that expires is counted: the last stamp known plus this node's own
// elapsed time, on a clock that counts through suspend. Never a node's wall clock: the leader only
// slews towards its own, by at most 500 ppm, so that cluster time stays near calendar time without
// ever jumping with it.
//
// Invariant: never below the stamp of any entry in this replica's log.
#pragma once

#include <cstdint>

#include "base/time.h"

namespace holdfast::replica {

class ClusterClock {
 public:
  // Starts at a stamp: that of the newest entry or snapshot, or the wall at the founding.
  ClusterClock(ClusterTime start, Instant now);

  // A stamp in this replica's log: time is not before it.
  void logged(ClusterTime stamp, Instant now);
  // Entries were cut from this replica's log; `stamp` is that of the newest one left. What was
  // stamped in vain holds time back no longer.
  void cut(ClusterTime stamp);
  // What the leader said its time is. Followers take it over, back as well as forth: a TTL must not
  // run faster here than there.
  void told(ClusterTime stamp, Instant now);
  // For followers and readers.
  ClusterTime at(Instant now) const;
  // For the leader: moves on, slewing towards the wall. Never back.
  ClusterTime advance(Instant now, WallTime wall);
  // How long until `deadline` has passed, as seen from now; 0 if it has.
  Duration until(ClusterTime deadline, Instant now) const;

 private:
  std::int64_t ns_at(Instant now) const;

  std::int64_t base_ns_;  // cluster time, nanoseconds, at since_
  Instant since_;
  std::int64_t floor_ns_;  // newest stamp in the log
};

}  // namespace holdfast::replica
