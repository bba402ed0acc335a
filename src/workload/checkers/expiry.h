// Keys that were written to end by themselves: is none gone before its time, and none there long
// after it?
#pragma once

#include "workload/checkers/options.h"
#include "workload/checkers/verdict.h"
#include "workload/history.h"

namespace holdfast::workload {

Verdict check_expiry(const History& history, const CheckOptions& options);

}  // namespace holdfast::workload
