// Those who wait for a lock: granted in the order of queueing, not forgotten, not sent away early.
#pragma once

#include <string_view>

#include "workload/checkers/holds.h"
#include "workload/checkers/options.h"
#include "workload/checkers/verdict.h"
#include "workload/history.h"

namespace holdfast::workload {

Verdict check_queue(const History& history, std::string_view name, const LockStory& story,
                    const CheckOptions& options);

}  // namespace holdfast::workload
