// Which semantics version is in force, and which each node knows at most: replicated, so that every
// replica raises the level at the same entry, and nobody who cannot follow is left behind.
//
// Kept as a setting of the shard, changed by _NODES.LEVEL alone (level_commands.cc), which each
// node says of itself when it differs from what is known of it. A node of which nothing is known
// counts as one of kFirst. The level never goes back.
#pragma once

#include <cstdint>
#include <map>
#include <string>
#include <string_view>

#include "base/ids.h"
#include "base/result.h"
#include "commands/roster.h"

namespace holdfast::commands {

struct Levels {
  static constexpr std::string_view kSetting = "levels";
  // In force in a cluster in which nobody has said anything: the version of the first program that
  // knew of levels.
  static constexpr std::uint16_t kFirst = 2;
  // From here on: locks in full, semaphores, elections, sessions, latches, limits, caches' leases,
  // feeds.
  static constexpr std::uint16_t kCoordination = 3;

  std::uint16_t level = kFirst;                // in force: what new entries are written in
  std::map<NodeId, std::uint16_t> nodes = {};  // the highest that each agrees to

  std::uint16_t known_of(NodeId node) const;
  // Takes note of it; forgets nodes that have left; raises the level as far as all nodes go.
  void note(NodeId node, std::uint16_t highest, const Roster& roster);

  std::string encode() const;
  // "" is what holds in the beginning.
  static Result<Levels> decode(std::string_view bytes);
  bool operator==(const Levels&) const = default;
};

}  // namespace holdfast::commands
