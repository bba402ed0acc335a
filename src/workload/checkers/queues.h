// Those who wait for a lock: granted in the order of queueing, not forgotten, not sent away early.
#pragma once

#include <cstdint>
#include <string_view>
#include <vector>

#include "workload/checkers/holds.h"
#include "workload/checkers/options.h"
#include "workload/checkers/verdict.h"
#include "workload/history.h"

namespace holdfast::workload {

// When the answer to each operation could be heard at the earliest: answers come in order, so not
// before those to what was sent earlier on its connection.
std::vector<std::int64_t> audible_from(const History& history);

Verdict check_queue(const History& history, const std::vector<std::int64_t>& audible,
                    std::string_view name, const LockStory& story, const CheckOptions& options);

}  // namespace holdfast::workload
