// Locks that may be shared, semaphores and elections: who may hold together, and who may not.
//
//   - never one who has it alone beside anybody; never more permits than the limit; one leader
//   - all who share a lock at a time have one fence, and each his own token; tokens grow
//   - granted in the order of queueing, nobody forgotten (queues.h)
//   - what was given back or taken away by force is good for nothing any more
//   - after a holder has failed, nobody gets in for as long as he had asked
#pragma once

#include "workload/checkers/options.h"
#include "workload/checkers/verdict.h"
#include "workload/history.h"

namespace holdfast::workload {

Verdict check_holdings(const History& history, const CheckOptions& options);

}  // namespace holdfast::workload
