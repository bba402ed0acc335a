#include "server/restore_source.h"

#include <fmt/format.h>

#include <algorithm>
#include <utility>

#include "base/checksum.h"
#include "commands/restore.h"
#include "keyspace/keyspace.h"
#include "replica/batch.h"

namespace holdfast::server {
namespace {

// Raised when the same file would be cut in another way.
constexpr std::uint64_t kCut = 1;

}  // namespace

struct RestoreSource::State {
  storage::BackupHeader header;
  storage::SnapshotHeader snapshot;
  keyspace::Keyspace keyspace{0};
  std::uint64_t id = 0;
  std::uint64_t pieces = 0;
  bool walking = false;

  std::string next() {
    if (!std::exchange(walking, true)) keyspace.begin_snapshot();
    std::string piece = keyspace.next_chunk(kPiece);
    walking = !piece.empty();
    return piece;
  }
};

RestoreSource::RestoreSource(std::unique_ptr<State> state) : state_(std::move(state)) {}
RestoreSource::~RestoreSource() = default;

Result<std::unique_ptr<RestoreSource>> RestoreSource::open(std::string_view name,
                                                           std::string_view bytes) {
  const auto wrong = [name](std::string_view what) {
    return Error{fmt::format("{}: {}. Nothing was changed.", name, what)};
  };
  auto backup = storage::read_backup(name, bytes);
  if (!backup) return backup.error();
  if (backup->shards.size() != 1 || !backup->header.shards[0].space.empty()) {
    return wrong(
        "the backup holds spaces or shards of a kind that this version does not have; use "
        "the newer program that wrote it");
  }
  const auto& shard = backup->shards[0];
  if (shard.snapshot.semantics > replica::kSemantics) {
    return wrong(fmt::format(
        "the backup needs semantics version {}, this program knows 1 to {}; use the newer program "
        "that wrote it",
        shard.snapshot.semantics, replica::kSemantics));
  }
  auto state = std::make_unique<State>();
  std::string refused;
  const auto read = storage::read_snapshot(name, shard.file, [&](std::string_view chunk) {
    const auto loaded = state->keyspace.load_chunk(chunk);
    if (!loaded) refused = loaded.error().message;
    return loaded.ok();
  });
  auto finished = read.ok() ? state->keyspace.finish_load() : Result<void>();
  if (!finished) refused = finished.error().message;
  if (!read || !finished) return wrong(fmt::format("the backup makes no sense: {}", refused));
  const std::string* restoring = state->keyspace.setting(commands::Restore::kSetting);
  const auto restore = commands::Restore::decode(restoring == nullptr ? "" : *restoring);
  if (!restore || restore->under_way()) {
    return wrong("the backup was made while another one was being restored: it holds only a part");
  }
  state->keyspace.drop_waits();
  state->header = std::move(backup->header);
  state->snapshot = shard.snapshot;
  state->id = std::max<std::uint64_t>(mix(backup->sum, kCut), 1);
  while (!state->next().empty()) ++state->pieces;
  return std::unique_ptr<RestoreSource>(new RestoreSource(std::move(state)));
}

const storage::BackupHeader& RestoreSource::header() const { return state_->header; }
const storage::SnapshotHeader& RestoreSource::snapshot() const { return state_->snapshot; }
std::uint64_t RestoreSource::id() const { return state_->id; }
std::uint64_t RestoreSource::pieces() const { return state_->pieces; }
std::uint64_t RestoreSource::revision() const { return state_->keyspace.revision(); }
std::uint64_t RestoreSource::keys() const { return state_->keyspace.size(); }
std::uint64_t RestoreSource::held_locks() const { return state_->keyspace.locks().held(); }
std::string RestoreSource::next_piece() { return state_->next(); }

}  // namespace holdfast::server
