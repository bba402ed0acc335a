// The semantics version in force: commands/levels.h.
#include <algorithm>

#include "base/check.h"
#include "base/codec.h"
#include "commands/arguments.h"
#include "commands/errors.h"
#include "commands/levels.h"
#include "commands/rows.h"

namespace holdfast::commands {
namespace {

constexpr std::uint8_t kLevelsVersion = 1;

template <class T>
T setting_of(const keyspace::Keyspace& keyspace) {
  const std::string* text = keyspace.setting(T::kSetting);
  auto value = T::decode(text == nullptr ? std::string_view() : std::string_view(*text));
  CHECK(value.ok(), "{}", value.error().message);
  return *std::move(value);
}

// _NODES.LEVEL node highest: the level in force from the next entry on.
void level(WriteContext& context, Args args) {
  const auto node = parse_unsigned(args[1]);
  const auto highest = parse_unsigned(args[2]);
  if (!node || !highest || *highest < Levels::kFirst || *highest > UINT16_MAX) {
    return context.reply.error(kNotInteger);
  }
  // Nobody speaks for another: what one node gets wrong shall not stop the others.
  if (context.origin.node != NodeId(*node)) return context.reply.error(kSyntaxError);
  const auto before = setting_of<Levels>(context.keyspace);
  Levels levels = before;
  levels.note(NodeId(*node), static_cast<std::uint16_t>(*highest),
              setting_of<Roster>(context.keyspace));
  if (levels != before) context.keyspace.set_setting(Levels::kSetting, levels.encode());
  context.reply.integer(levels.level);
}

constexpr CommandSpec kLevelRows[] = {
    {"_nodes.level", 3, kWrite | kInternal, 0, 0, 0, nullptr, level, nullptr, "server",
     "holdfast 0.1", "@write", "Say which semantics version a node agrees to.", "O(N) for N nodes",
     "", ""},
};

}  // namespace

std::span<const CommandSpec> level_rows() { return kLevelRows; }

std::uint16_t Levels::known_of(NodeId node) const {
  const auto found = nodes.find(node);
  return found == nodes.end() ? kFirst : found->second;
}

void Levels::note(NodeId node, std::uint16_t highest, const Roster& roster) {
  nodes[node] = highest;
  std::erase_if(nodes, [&roster](const auto& one) { return roster.find(one.first) == nullptr; });
  if (roster.nodes.empty()) return;
  std::uint16_t all = UINT16_MAX;
  for (const RosterNode& one : roster.nodes) all = std::min(all, known_of(one.node));
  level = std::max(level, all);
}

std::string Levels::encode() const {
  std::string bytes;
  Writer writer(bytes);
  writer.u8(kLevelsVersion);
  writer.u16(level);
  writer.varint(nodes.size());
  for (const auto& [node, highest] : nodes) {
    writer.varint(node.value);
    writer.u16(highest);
  }
  return bytes;
}

Result<Levels> Levels::decode(std::string_view bytes) {
  Levels levels;
  if (bytes.empty()) return levels;
  Reader reader(bytes);
  if (reader.u8() != kLevelsVersion) return Error{"the list of levels is of another version"};
  levels.level = reader.u16();
  const std::uint64_t count = reader.varint();
  if (levels.level < kFirst || count > Roster::kMaxNodes) reader.fail();
  NodeId previous;
  for (std::uint64_t i = 0; i < count && reader.ok(); ++i) {
    const NodeId node(reader.varint());
    const std::uint16_t highest = reader.u16();
    if (node <= previous || highest < kFirst) reader.fail();
    previous = node;
    levels.nodes[node] = highest;
  }
  if (!reader.finished()) return Error{"the list of levels makes no sense"};
  return levels;
}

}  // namespace holdfast::commands
