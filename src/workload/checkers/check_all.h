// Everything that can be judged from what clients saw, and from what is there in the end.
#pragma once

#include <cstdint>
#include <map>
#include <string>
#include <vector>

#include "base/time.h"
#include "workload/checkers/verdict.h"
#include "workload/history.h"

namespace holdfast::workload {

// The values of all keys on one replica, read when nothing was under way any more; the sets as one
// value each. Keys without a value are left out.
using Finals = std::map<std::string, std::string>;

// What clocks and faults allow. The defaults promise only what holds under any faults, with clocks
// of clients and nodes that run at rates which differ as little as cluster time is slewed.
struct CheckOptions {
  // Cluster time may run faster than that of the observer by so much: nothing that was promised for
  // a time is counted on for longer.
  std::uint32_t clock_ppm = 1000;
  // The same for what clocks are off by at once (steps, bursts).
  Duration clock_slack = {};
  // A key or lock that is there so long after its time is there too long; never: not judged, since
  // cluster time stands still while there is no leader.
  Duration late = {INT64_MAX};
  // From here on there are no faults: who waits for a lock is not forgotten, nor sent away early.
  Instant calm_from = Instant::never();
  // In the calm, an answer takes no longer than that.
  Duration answer_within = seconds(2);
  // Configurations that the search for an order visits for a key.
  std::uint64_t budget = 2'000'000;
};

// One verdict for each checker that objects; none if all is well. `finals`: of any number of
// replicas.
std::vector<Verdict> check_all(const History& history, const std::vector<Finals>& finals,
                               const CheckOptions& options = {});

}  // namespace holdfast::workload
