// Latches that are set once: what is left is the count without those who have counted, each once;
// and who waits is told that it is open when it is, and only then.
#pragma once

#include "workload/checkers/options.h"
#include "workload/checkers/verdict.h"
#include "workload/history.h"

namespace holdfast::workload {

Verdict check_latches(const History& history, const CheckOptions& options);

}  // namespace holdfast::workload
