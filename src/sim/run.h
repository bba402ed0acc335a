// One seed of a scenario, from the founding of the cluster to the verdict.
//
// Clients work while faults come and go. Then everything (or in liveness mode a core) is healed:
// the cluster must serve every client again within kRecovery, let them finish, and come to rest
// with equal replicas. After that the checkers judge what the clients saw (workload/checkers), and
// what the observers saw inside must have held at every turn.
#pragma once

#include <array>
#include <cstdint>
#include <string>
#include <vector>

#include "base/time.h"
#include "sim/fault.h"
#include "sim/scenario.h"
#include "workload/history.h"

namespace holdfast::sim {

// Virtual time that the cluster may take after the last fault: to answer every client, to let them
// finish, to come to rest.
inline constexpr Duration kRecovery = seconds(40);

struct RunOptions {
  std::uint64_t seed = 1;
  bool timeline = false;  // fill Report::timeline
  Trace* log = nullptr;   // what the nodes say goes there as well
};

struct Report {
  // "rule: what happened", the rule as shrink.h's way_of wants it. Empty: nothing to object to.
  std::vector<std::string> problems;
  std::uint64_t hash = 0;  // of everything that happened
  Duration simulated;
  std::uint64_t acknowledged = 0;  // operations by how they ended
  std::uint64_t failed = 0;
  std::uint64_t unknown = 0;
  std::uint64_t elections = 0;
  std::uint64_t deaths = 0;  // of nodes, of their own accord
  std::uint64_t snapshots_installed = 0;
  std::array<std::uint64_t, kFaultKinds> faults{};  // by kind
  workload::History history;
  std::string timeline;

  bool ok() const { return problems.empty(); }
};

Report run(const Scenario& scenario, const RunOptions& options);

}  // namespace holdfast::sim
