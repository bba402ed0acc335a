// Is there an order of the operations that explains what every client saw, and in which each takes
// effect between its call and its return?
//
// Registers, key by key (linearizability is local: Herlihy & Wing 1990, section 3.1). The search is
// Wing & Gong's with Lowe's memoisation ("Testing for linearizability", 2017): a configuration is
// the set of operations done and the value of the register, and none is visited twice.
#pragma once

#include <cstdint>
#include <string>

#include "workload/history.h"

namespace holdfast::workload {

struct Verdict {
  bool ok = true;
  std::string explanation;  // if not: the key and the operations around the point of failure
};

// `budget`: configurations visited before the search gives up; giving up is not ok.
Verdict check_linearizable(const History& history, std::uint64_t budget = 5'000'000);

}  // namespace holdfast::workload
