#include "server/health.h"

#include <fmt/format.h>

namespace holdfast::server {

Readiness readiness_of(const Standing& standing) {
  if (standing.removed) return {false, "removed from the cluster: this node has no place any more"};
  if (standing.ending) return {false, "shutting down: use another node"};
  if (!standing.serving) return {false, "not part of a cluster yet: the log says what is missing"};
  if (standing.agreement == replica::Agreement::rebuilding) {
    return {false, "recovering: this node's data is being replaced by a copy of the majority's"};
  }
  if (standing.agreement == replica::Agreement::stopped) {
    return {false, "stopped: the replicas differ and no majority agrees; no command is run"};
  }
  if (standing.recovering) {
    return {false, "recovering: this node has lost a part of its log and takes it from the others"};
  }
  if (standing.restoring) {
    return {false, "restoring: a backup is being put into the cluster; commands on data are refused"};
  }
  if (!standing.leader) return {false, "no leader is known: commands wait, then are refused"};
  const std::uint64_t lag =
      standing.commit > standing.applied ? standing.commit.value - standing.applied.value : 0;
  if (lag > kSmallLag) {
    return {false, fmt::format("catching up: {} committed entries are not applied here yet", lag)};
  }
  if (standing.draining) return {false, "draining: this node is about to leave; use another one"};
  return {true, "ready"};
}

}  // namespace holdfast::server
