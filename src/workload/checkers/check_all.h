// Everything that can be judged from what clients saw, and from what is there in the end.
#pragma once

#include <vector>

#include "workload/checkers/durability.h"
#include "workload/checkers/options.h"
#include "workload/checkers/verdict.h"
#include "workload/history.h"

namespace holdfast::workload {

// One verdict for each checker that objects; none if all is well. `finals`: of any number of
// replicas, none if they are not known.
std::vector<Verdict> check_all(const History& history, const std::vector<Finals>& finals,
                               const CheckOptions& options = {});

}  // namespace holdfast::workload
