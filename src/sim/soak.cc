#include "sim/soak.h"

#include <fmt/format.h>

#include "base/checksum.h"

namespace holdfast::sim {

void Soak::add(std::uint64_t seed, const Report& report) {
  ++seeds_;
  if (!report.ok()) ++violations_;
  hash_ += mix(seed, report.hash);
  sum_.simulated = sum_.simulated + report.simulated;
  sum_.acknowledged += report.acknowledged;
  sum_.failed += report.failed;
  sum_.unknown += report.unknown;
  sum_.elections += report.elections;
  sum_.deaths += report.deaths;
  sum_.snapshots_installed += report.snapshots_installed;
  for (std::size_t kind = 0; kind < kFaultKinds; ++kind) sum_.faults[kind] += report.faults[kind];
}

std::string Soak::text() const {
  std::string text = fmt::format(
      "{} seeds, {:.2f} simulated hours\n"
      "operations: {} acknowledged, {} failed, {} unknown\n"
      "elections: {}; snapshots installed: {}; nodes that ended themselves: {}\n"
      "faults:",
      seeds_, static_cast<double>(sum_.simulated.ms()) / 3'600'000, sum_.acknowledged, sum_.failed,
      sum_.unknown, sum_.elections, sum_.snapshots_installed, sum_.deaths);
  std::uint64_t all = 0;
  for (std::size_t kind = 0; kind < kFaultKinds; ++kind) {
    all += sum_.faults[kind];
    if (sum_.faults[kind] == 0) continue;
    text += fmt::format(" {} {},", name_of(static_cast<FaultKind>(kind)), sum_.faults[kind]);
  }
  return text + fmt::format(" {} in all\nseeds with a violation: {}\n", all, violations_);
}

}  // namespace holdfast::sim
