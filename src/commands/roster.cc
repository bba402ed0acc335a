#include "commands/roster.h"

#include <algorithm>

#include "base/codec.h"

namespace holdfast::commands {
namespace {

constexpr std::uint8_t kRosterVersion = 1;

}  // namespace

std::string_view name_of(NodeState state) {
  switch (state) {
    case NodeState::active:
      return "active";
    case NodeState::draining:
      return "draining";
    case NodeState::removed:
      return "removed";
  }
  return "?";
}

const RosterNode* Roster::find(NodeId node) const {
  const auto found = std::find_if(nodes.begin(), nodes.end(),
                                  [node](const RosterNode& one) { return one.node == node; });
  return found == nodes.end() ? nullptr : &*found;
}

RosterNode* Roster::find(NodeId node) {
  return const_cast<RosterNode*>(static_cast<const Roster*>(this)->find(node));
}

const RosterNode* Roster::of_folder(std::uint64_t uid) const {
  if (uid == 0) return nullptr;
  const auto found = std::find_if(nodes.begin(), nodes.end(),
                                  [uid](const RosterNode& one) { return one.uid == uid; });
  return found == nodes.end() ? nullptr : &*found;
}

std::string Roster::encode() const {
  std::string bytes;
  Writer writer(bytes);
  writer.u8(kRosterVersion);
  writer.varint(version);
  writer.varint(last.value);
  writer.varint(nodes.size());
  for (const RosterNode& one : nodes) {
    writer.varint(one.node.value);
    writer.bytes(one.address);
    writer.bytes(one.peer_address);
    writer.u64(one.uid);
    writer.u8(static_cast<std::uint8_t>(one.state));
  }
  return bytes;
}

Result<Roster> Roster::decode(std::string_view bytes) {
  Roster roster;
  if (bytes.empty()) return roster;
  Reader reader(bytes);
  if (reader.u8() != kRosterVersion) return Error{"a list of nodes of another version"};
  roster.version = reader.varint();
  roster.last = NodeId(reader.varint());
  const std::uint64_t count = reader.varint();
  if (count > kMaxNodes) reader.fail();
  NodeId previous;
  for (std::uint64_t i = 0; i < count && reader.ok(); ++i) {
    RosterNode one;
    one.node = NodeId(reader.varint());
    one.address = reader.bytes(kMaxAddress);
    one.peer_address = reader.bytes(kMaxAddress);
    one.uid = reader.u64();
    const std::uint8_t state = reader.u8();
    if (one.node <= previous || one.node > roster.last || state < 1 || state > 3) reader.fail();
    previous = one.node;
    one.state = static_cast<NodeState>(state);
    roster.nodes.push_back(std::move(one));
  }
  if (!reader.finished()) return Error{"a list of nodes that makes no sense"};
  return roster;
}

}  // namespace holdfast::commands
