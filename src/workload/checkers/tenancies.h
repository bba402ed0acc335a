// Sessions (SESSION.*): does none end before its time that was kept, and each soon after when nobody
// keeps it; is its key there exactly as long as it is; is nobody told that one lives which has ended?
//
// Not to be confused with checkers/session.h: what one connection sees in order.
#pragma once

#include "workload/checkers/options.h"
#include "workload/checkers/verdict.h"
#include "workload/history.h"

namespace holdfast::workload {

Verdict check_tenancies(const History& history, const CheckOptions& options);

}  // namespace holdfast::workload
