// What clocks and faults allow: the checkers judge by it.
#pragma once

#include <cstdint>

#include "base/time.h"

namespace holdfast::workload {

// The defaults promise only what holds under any faults, with clocks of clients and nodes that run
// at rates which differ as little as cluster time is slewed.
struct CheckOptions {
  // Cluster time may run faster than that of the observer by so much: nothing that was promised for
  // a time is counted on for longer.
  std::uint32_t clock_ppm = 1000;
  // The same for what clocks are off by at once (steps, bursts).
  Duration clock_slack = {};
  // A key that is there so long after its time is there too long; never: not judged, since cluster
  // time stands still while there is no leader.
  Duration late = {INT64_MAX};
  // From here on there are no faults: who waits for a lock is not forgotten, nor sent away early,
  // and a lock whose time is over is given to the next. What was under way has ended by then.
  Instant calm_from = Instant::never();
  // In the calm, an answer takes no longer than that.
  Duration answer_within = seconds(2);
  // Configurations that the search for an order visits for a key. Hardly one history in ten thousand
  // needs more than two million (1.3 GB at the end of this budget): one key, deep pipelines, and
  // dozens of writes that were never answered.
  std::uint64_t budget = 30'000'000;

  // How much of a promised time can be counted on, by the observer's clock.
  std::int64_t surely_ns(std::int64_t promised_ms) const {
    const std::int64_t ns = promised_ms * 1'000'000;
    return ns - promised_ms * clock_ppm - clock_slack.ns;
  }
  // How much of it may go by at most.
  std::int64_t at_most_ns(std::int64_t promised_ms) const {
    return promised_ms * 1'000'000 + promised_ms * clock_ppm + clock_slack.ns;
  }
};

}  // namespace holdfast::workload
