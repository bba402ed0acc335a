// Clients that read and write registers, count and take locks, on a small cluster under faults.
//
// One seed, one verdict: every history of the registers must be linearizable, the counter must lie
// between what was acknowledged and what may have been done, no token may repeat or run backwards,
// and once the faults have stopped the cluster must serve again and its replicas must be equal.
#pragma once

#include <cstdint>
#include <string>

namespace holdfast::sim {

struct WorldOptions {
  std::uint64_t seed = 1;
  std::size_t nodes = 3;
  std::size_t clients = 5;
  std::int64_t faulty_ms = 5000;   // virtual time under faults
  bool faults = true;
};

struct WorldReport {
  bool ok = true;
  std::string problem;
  std::uint64_t hash = 0;          // of everything that happened
  std::uint64_t operations = 0;
  std::uint64_t acknowledged = 0;
  std::uint64_t unknown = 0;
  std::uint64_t crashes = 0;
  std::uint64_t elections = 0;
  std::uint64_t snapshots_installed = 0;
  std::uint64_t grants = 0;
};

WorldReport run_register_world(const WorldOptions& options);

}  // namespace holdfast::sim
