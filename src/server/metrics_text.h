// The text of /metrics: what this node counts and measures, in Prometheus' text format 0.0.4. Names
// and units follow Prometheus' conventions; what each means stands in its HELP line.
#pragma once

#include <cstdint>
#include <optional>
#include <string>

#include "env/process_figures.h"
#include "server/connection_table.h"
#include "server/health.h"
#include "server/histogram.h"

namespace holdfast::server {

// What the node knows and its clients' side does not.
struct NodeFigures {
  Readiness readiness = {};
  std::uint64_t leader_changes = 0;     // since start, as this node saw them
  std::uint64_t elections = 0;          // that this node stood in since start
  std::uint64_t unfinished_writes = 0;  // cut off the end of the log at start
  std::uint64_t damages = 0;            // of log or snapshots, set aside at start
  const Histogram* log_syncs = nullptr;
  std::optional<env::ProcessFigures> process = std::nullopt;
};

std::string metrics_text(const ConnectionTable& table, const NodeFigures& figures);

}  // namespace holdfast::server
