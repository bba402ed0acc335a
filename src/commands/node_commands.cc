// The roster of the cluster's nodes: found, joined, drained, removed. Nodes say the internal ones;
// HOLDFAST REMOVE and DRAIN are for people. (HOLDFAST NODES and TRANSFER are answered by the node
// itself, which also knows who votes and who is there.)
#include <fmt/format.h>

#include <algorithm>

#include "base/check.h"
#include "base/mutation.h"
#include "commands/arguments.h"
#include "commands/errors.h"
#include "commands/roster.h"
#include "commands/rows.h"

namespace holdfast::commands {
namespace {

Roster roster_of(const keyspace::Keyspace& keyspace) {
  const std::string* text = keyspace.setting(Roster::kSetting);
  auto roster = Roster::decode(text == nullptr ? std::string_view() : std::string_view(*text));
  CHECK(roster.ok(), "{}", roster.error().message);
  return *std::move(roster);
}

void keep_roster(WriteContext& context, Roster roster) {
  ++roster.version;
  context.keyspace.set_setting(Roster::kSetting, roster.encode());
}

std::optional<NodeId> node_in(WriteContext& context, std::string_view word) {
  const auto number = parse_unsigned(word);
  if (!number) context.reply.error(kNotInteger);
  return number ? std::optional(NodeId(*number)) : std::nullopt;
}

// _NODES.FOUND roster: the founding places; afterwards, of a cluster of one, that one's address.
void found(WriteContext& context, Args args) {
  const Roster known = roster_of(context.keyspace);
  const auto wanted = Roster::decode(args[1]);
  const bool moved = known.nodes.size() == 1 && wanted.ok() && wanted->nodes.size() == 1 &&
                     wanted->nodes[0].node == known.nodes[0].node;
  if (!wanted || !(known.nodes.empty() || moved)) return context.reply.integer(0);
  Roster next = *wanted;
  next.version = known.version;
  next.last = std::max(next.last, known.last);
  if (moved) next.nodes[0].state = known.nodes[0].state;
  keep_roster(context, next);
  context.reply.integer(1);
}

// _NODES.JOIN uid address peer-address: the number of the folder's node, a new one if it has none.
// 0: there is no room, or the address is another node's.
void join(WriteContext& context, Args args) {
  const auto uid = parse_unsigned(args[1]);
  Roster roster = roster_of(context.keyspace);
  if (!uid || *uid == 0 || roster.nodes.empty()) return context.reply.integer(0);
  if (const RosterNode* one = roster.of_folder(*uid)) {
    return context.reply.integer(static_cast<std::int64_t>(one->node.value));
  }
  const bool taken = std::any_of(roster.nodes.begin(), roster.nodes.end(), [&](const auto& one) {
    return one.address == args[2] || one.peer_address == args[3];
  });
  const bool too_long = std::max(args[2].size(), args[3].size()) > Roster::kMaxAddress;
  if (taken || too_long || roster.nodes.size() >= Roster::kMaxNodes) {
    return context.reply.integer(0);
  }
  const NodeId newest = mutated(Mutation::number_given_again) ? roster.nodes.back().node : roster.last;
  roster.last = NodeId(newest.value + 1);
  roster.nodes.push_back(
      {roster.last, std::string(args[2]), std::string(args[3]), *uid, NodeState::active});
  keep_roster(context, roster);
  context.reply.integer(static_cast<std::int64_t>(roster.last.value));
}

// _NODES.GONE node: it has left the membership.
void gone(WriteContext& context, Args args) {
  const auto node = node_in(context, args[1]);
  if (!node) return;
  Roster roster = roster_of(context.keyspace);
  const auto erased = std::erase_if(roster.nodes, [&](const RosterNode& one) {
    return one.node == *node && one.state == NodeState::removed;
  });
  if (erased != 0) keep_roster(context, roster);
  context.reply.integer(static_cast<std::int64_t>(erased));
}

// HOLDFAST REMOVE node. At least one active node stays.
void remove(WriteContext& context, Args args) {
  const auto node = node_in(context, args[2]);
  if (!node) return;
  Roster roster = roster_of(context.keyspace);
  RosterNode* one = roster.find(*node);
  if (one == nullptr) return context.reply.error("ERR no such node");
  const bool others = std::any_of(roster.nodes.begin(), roster.nodes.end(), [&](const auto& other) {
    return other.node != *node && other.state == NodeState::active;
  });
  if (!others) {
    return context.reply.error(
        "ERR this is the last active node: there would be nobody left to keep the data");
  }
  one->state = NodeState::removed;
  keep_roster(context, roster);
  context.reply.ok();
}

// HOLDFAST DRAIN node [OFF]
void drain(WriteContext& context, Args args) {
  const auto node = node_in(context, args[2]);
  if (!node) return;
  const bool off = args.size() == 4;
  if (args.size() > 4 || (off && !is_word(args[3], "off"))) return context.reply.error(kSyntaxError);
  Roster roster = roster_of(context.keyspace);
  RosterNode* one = roster.find(*node);
  if (one == nullptr) return context.reply.error("ERR no such node");
  if (one->state == NodeState::removed) return context.reply.error("ERR the node is being removed");
  const bool others = std::any_of(roster.nodes.begin(), roster.nodes.end(), [&](const auto& other) {
    return other.node != *node && other.state == NodeState::active;
  });
  if (!off && !others) {
    return context.reply.error("ERR this is the last active node: another one must lead");
  }
  one->state = off ? NodeState::active : NodeState::draining;
  keep_roster(context, roster);
  context.reply.ok();
}

constexpr CommandSpec kNodeRows[] = {
    {"_nodes.found", 2, kWrite | kInternal, 0, 0, 0, nullptr, found, nullptr, "server", kSince,
     "@write", "Take note of the founding nodes.", "O(N) for N nodes", "", ""},
    {"_nodes.gone", 2, kWrite | kInternal, 0, 0, 0, nullptr, gone, nullptr, "server", kSince,
     "@write", "Forget a node that has left.", "O(N) for N nodes", "", ""},
    {"_nodes.join", 4, kWrite | kInternal, 0, 0, 0, nullptr, join, nullptr, "server", kSince,
     "@write", "Give a data folder a number.", "O(N) for N nodes", "", ""},
    {"holdfast", -2, kSubcommands, 0, 0, 0, nullptr, nullptr, nullptr, "server", kSince, "@slow",
     "A container for commands on the cluster itself.", "Depends on subcommand.", "", ""},
    {"holdfast|drain", -3, kWrite | kAdmin | kNoMulti, 0, 0, 0, nullptr, drain, nullptr, "server",
     kSince, "@write @admin @slow @dangerous",
     "Keep a node from voting and leading; with OFF, let it again.", "O(N) for N nodes", "", ""},
    {"holdfast|nodes", 2, kConnection | kAdmin | kLoading | kStale, 0, 0, 0, nullptr, nullptr,
     nullptr, "server", kSince, "@admin @slow @dangerous",
     "The nodes of the cluster, and which of them vote.", "O(N) for N nodes", "", ""},
    {"holdfast|remove", 3, kWrite | kAdmin | kNoMulti, 0, 0, 0, nullptr, remove, nullptr, "server",
     kSince, "@write @admin @slow @dangerous", "Take a node out of the cluster, for good.",
     "O(N) for N nodes", "", ""},
    {"holdfast|transfer", -2, kConnection | kAdmin | kNoMulti, 0, 0, 0, nullptr, nullptr, nullptr,
     "server", kSince, "@admin @slow @dangerous",
     "Hand leadership to a node, or to whoever is furthest.", "O(1)", "", ""},
};

}  // namespace

std::span<const CommandSpec> node_rows() { return kNodeRows; }

}  // namespace holdfast::commands
