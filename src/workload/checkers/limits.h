// Rate limits: in no span of time more passes than the burst and the rate allow; what is refused
// costs nothing; and the five numbers of an answer agree with each other.
#pragma once

#include "workload/checkers/options.h"
#include "workload/checkers/verdict.h"
#include "workload/history.h"

namespace holdfast::workload {

Verdict check_limits(const History& history, const CheckOptions& options);

}  // namespace holdfast::workload
