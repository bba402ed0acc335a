// Counters that only grow: do they count everything that was acknowledged, nothing twice, and no
// more than what may have been done?
//
// Says less than the search for an order (linearizable.h) but never gives up, whatever the history.
#pragma once

#include "workload/checkers/verdict.h"
#include "workload/history.h"

namespace holdfast::workload {

// The end of a counter is its last read: see with_finals().
Verdict check_counters(const History& history);

}  // namespace holdfast::workload
