// The nodes of a cluster, as every replica knows them: who has which number, where it is reached,
// whose data folder it is, and whether it is to take part. Who votes is another thing: that is the
// group's membership (consensus/membership.h), which the leader brings into line with this.
//
// Replicated: kept as a setting of the shard, changed by the commands of node_commands.cc alone.
// Numbers are never given twice.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "base/ids.h"
#include "base/result.h"

namespace holdfast::commands {

enum class NodeState : std::uint8_t {
  active = 1,
  draining = 2,  // keeps a copy, does not vote or lead
  removed = 3,   // is to leave; gone from the roster when it has left the membership
};
std::string_view name_of(NodeState state);

struct RosterNode {
  NodeId node;
  std::string address;       // of clients, HOST:PORT
  std::string peer_address;  // HOST:PORT
  std::uint64_t uid = 0;     // of its data folder; 0: a founding place that nobody had claimed
  NodeState state = NodeState::active;

  bool operator==(const RosterNode&) const = default;
};

struct Roster {
  // The setting that holds it.
  static constexpr std::string_view kSetting = "nodes";
  static constexpr std::size_t kMaxNodes = 64;
  static constexpr std::size_t kMaxAddress = 512;  // bytes

  std::uint64_t version = 0;      // grows with each change
  NodeId last;                    // the greatest number ever given
  std::vector<RosterNode> nodes;  // by number

  const RosterNode* find(NodeId node) const;
  RosterNode* find(NodeId node);
  const RosterNode* of_folder(std::uint64_t uid) const;

  std::string encode() const;
  // "" is an empty roster.
  static Result<Roster> decode(std::string_view bytes);
  bool operator==(const Roster&) const = default;
};

}  // namespace holdfast::commands
