// Is there an order of the operations that explains what every client saw, and in which each takes
// effect between its call and its return?
//
// Key by key and lock by lock (linearizability is local: Herlihy & Wing 1990, section 3.1), with
// the windows that windows.h concludes from the whole history, so that the order of connections
// across keys counts as well. What a key is follows from what is done to it: a register, a counter,
// a set.
#pragma once

#include <cstdint>

#include "workload/checkers/verdict.h"
#include "workload/history.h"

namespace holdfast::workload {

// `budget`: configurations visited for a key before the search gives up; giving up is not ok.
Verdict check_linearizable(const History& history, std::uint64_t budget = 30'000'000);

}  // namespace holdfast::workload
