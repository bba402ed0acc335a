#include "workload/checkers/check_all.h"

#include <utility>

#include "workload/checkers/linearizable.h"

namespace holdfast::workload {

std::vector<Verdict> check_all(const History& history, const std::vector<Finals>&,
                               const CheckOptions& options) {
  std::vector<Verdict> objections;
  const auto ask = [&](Verdict verdict) {
    if (!verdict.ok) objections.push_back(std::move(verdict));
  };
  ask(check_linearizable(history, options.budget));
  return objections;
}

}  // namespace holdfast::workload
