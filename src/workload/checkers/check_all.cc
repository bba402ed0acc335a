#include "workload/checkers/check_all.h"

#include <utility>

#include "workload/checkers/caches.h"
#include "workload/checkers/claims.h"
#include "workload/checkers/counters.h"
#include "workload/checkers/expiry.h"
#include "workload/checkers/feeds.h"
#include "workload/checkers/holdings.h"
#include "workload/checkers/latches.h"
#include "workload/checkers/limits.h"
#include "workload/checkers/linearizable.h"
#include "workload/checkers/locks.h"
#include "workload/checkers/session.h"
#include "workload/checkers/tenancies.h"

namespace holdfast::workload {

std::vector<Verdict> check_all(const History& history, const std::vector<Finals>& finals,
                               const CheckOptions& options) {
  std::vector<Verdict> objections;
  const auto ask = [&](Verdict verdict) {
    if (!verdict.ok) objections.push_back(std::move(verdict));
  };
  const History whole = with_finals(history, finals);
  // What says most about what went wrong comes first.
  ask(check_durability(history, finals));
  ask(check_counters(whole));
  ask(check_locks(whole, options));
  ask(check_holdings(whole, options));
  ask(check_limits(history, options));
  ask(check_latches(history, options));
  ask(check_feeds(history, options));
  ask(check_caches(history, options));
  ask(check_sessions(history));
  ask(check_tenancies(history, options));
  ask(check_claims(history, options));
  ask(check_expiry(history, options));
  ask(check_linearizable(whole, options.budget));
  return objections;
}

}  // namespace holdfast::workload
