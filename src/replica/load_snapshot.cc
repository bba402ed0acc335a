#include "replica/load_snapshot.h"

#include <fmt/format.h>

#include <algorithm>
#include <string>
#include <utility>

#include "commands/levels.h"
#include "commands/restore.h"
#include "replica/state_machine.h"

namespace holdfast::replica {
namespace {

// What StateMachine::replace takes for granted.
std::string state_objection(const storage::SnapshotHeader& header, const keyspace::Keyspace& keyspace) {
  const std::string* level = keyspace.setting(commands::Levels::kSetting);
  const auto levels = commands::Levels::decode(level == nullptr ? "" : *level);
  if (!levels) return levels.error().message;
  const std::string* text = keyspace.setting(commands::Restore::kSetting);
  const auto restore = commands::Restore::decode(text == nullptr ? "" : *text);
  if (text != nullptr && !restore) return restore.error().message;
  return semantics_objection(std::max<std::uint32_t>(header.semantics, levels->level));
}

}  // namespace

Result<LoadedSnapshot> load_snapshot(std::string_view name, std::string_view content,
                                     std::uint64_t hash_seed,
                                     const std::function<void(std::uint64_t bytes)>& progress) {
  LoadedSnapshot loaded;
  loaded.bytes = content.size();
  loaded.keyspace = std::make_unique<keyspace::Keyspace>(hash_seed);
  std::string refused;
  const auto header = storage::read_snapshot(name, content, [&](std::string_view chunk) {
    const auto result = loaded.keyspace->load_chunk(chunk);
    if (!result.ok()) refused = result.error().message;
    // The chunk is a part of the content.
    if (progress) progress(static_cast<std::uint64_t>(chunk.data() + chunk.size() - content.data()));
    return result.ok();
  });
  if (!header) {
    return Error{refused.empty() ? header.error().message
                                 : fmt::format("{}: {}", header.error().message, refused)};
  }
  const auto complete = loaded.keyspace->finish_load();
  if (!complete) return Error{fmt::format("{}: {}", name, complete.error().message)};
  const std::string objection = state_objection(*header, *loaded.keyspace);
  if (!objection.empty()) return Error{fmt::format("{} {}. No data was changed.", name, objection)};
  loaded.header = *header;
  return loaded;
}

}  // namespace holdfast::replica
