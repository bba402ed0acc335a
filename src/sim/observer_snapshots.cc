#include "sim/observer_snapshots.h"

#include <fmt/format.h>

#include "storage/snapshot_file.h"

namespace holdfast::sim {

void SnapshotsAreStates::see(const Look& look, const Memory& memory, Problems& problems) {
  const Sight& now = look.now;
  if (look.started || !memory.data_trusted(now.machine)) begun_.erase(now.machine);
  const auto begun = begun_.find(now.machine);
  if (begun != begun_.end() && now.stored != nullptr && begun->second.index == now.snapshot) {
    see_stored(look, begun->second, problems);
  }
  // One may be begun in the turn in which another is done.
  const bool fresh = look.started || !look.before->making_snapshot ||
                     look.before->snapshot != now.snapshot;
  if (now.making_snapshot && fresh && now.data != nullptr) {
    begun_[now.machine] = {now.applied, now.data->digest()};
  }
}

void SnapshotsAreStates::see_stored(const Look& look, const Begun& begun, Problems& problems) {
  const Sight& now = look.now;
  ++read_;
  keyspace::Keyspace held(1);
  const auto name = storage::snapshot_name(GroupId(), now.snapshot);
  const auto header = storage::read_snapshot(
      name, *now.stored, [&](std::string_view chunk) { return held.load_chunk(chunk).ok(); });
  Result<void> complete;
  if (header.ok()) complete = held.finish_load();
  if (!header.ok() || !complete.ok()) {
    const auto& error = header.ok() ? complete.error() : header.error();
    problems.add(kName, now.at, fmt::format("of node {}: {}", now.node, error.message));
  } else if (held.digest() != begun.digest) {
    problems.add(kName, now.at,
                 fmt::format("the one of node {} up to entry {} does not hold what the node held "
                             "after that entry",
                             now.node, now.snapshot));
  }
}

}  // namespace holdfast::sim
