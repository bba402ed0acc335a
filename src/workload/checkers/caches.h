// Caches' leases: never two that are good at once, nothing is stored under one that is not, nobody is
// told what was out of date before he asked, and who waits is told what is stored.
#pragma once

#include "workload/checkers/options.h"
#include "workload/checkers/verdict.h"
#include "workload/history.h"

namespace holdfast::workload {

Verdict check_caches(const History& history, const CheckOptions& options);

}  // namespace holdfast::workload
