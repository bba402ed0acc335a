// Feeds: who reads along from the beginning is told of everything that was written, once, in one
// order that is the same for all; of a transaction whole or not at all; and of what ended by itself.
#pragma once

#include "workload/checkers/options.h"
#include "workload/checkers/verdict.h"
#include "workload/history.h"

namespace holdfast::workload {

Verdict check_feeds(const History& history, const CheckOptions& options);

}  // namespace holdfast::workload
