#include "replica/snapshots.h"

#include <algorithm>
#include <utility>

#include "base/check.h"

namespace holdfast::replica {
namespace {

// Work per turn: small enough that no client notices, large enough to get done.
constexpr std::size_t kWalkedPerTurn = 256 << 10;
// So much memory of a chunk is kept for the next one. A single value may be much larger.
constexpr std::size_t kRoomKept = 4 << 20;
// After a chunk that the log's syncs had to share the disk with: so many times as long as it took, but no
// longer than this.
constexpr std::int64_t kRest = 3;
constexpr Duration kLongestRest = milliseconds(200);

}  // namespace

Snapshots::Snapshots(env::Disk& disk, Trace& trace, Stored stored)
    : disk_(disk),
      trace_(trace),
      stored_(std::move(stored)),
      generation_(std::make_shared<int>(0)) {}

Snapshots::~Snapshots() = default;

void Snapshots::begin(const storage::SnapshotHeader& header, keyspace::Keyspace& keyspace) {
  CHECK(!making());
  header_ = header;
  encoded_ = false;
  chunk_given_ = false;
  rest_until_ = Instant{};
  keyspace.begin_snapshot();
  writer_ = std::make_unique<storage::SnapshotWriter>(disk_, header);
  trace_.info("snapshot begun", {{"index", fmt::format("{}", header.mark.index)}});
}

Instant Snapshots::wake_at() const {
  if (!making() || encoded_ || writer_->pending() > 0) return Instant::never();
  return chunk_given_ ? Instant{} : rest_until_;
}

void Snapshots::advance(keyspace::Keyspace& keyspace, const Pace& pace, Instant now) {
  if (!making() || encoded_ || writer_->pending() > 0) return;
  if (std::exchange(chunk_given_, false) && pace.log_syncs != chunk_syncs_) {
    rest_until_ = now + std::min(kLongestRest, (now - chunk_began_) * kRest);
  }
  if (now < rest_until_ && !pace.hurry) return;
  const bool free = chunk_ != nullptr && chunk_.use_count() == 1 && chunk_->capacity() <= kRoomKept;
  if (!free) chunk_ = std::make_shared<std::string>();
  *chunk_ = keyspace.next_chunk(kWalkedPerTurn, std::move(*chunk_));
  if (!chunk_->empty()) {
    chunk_given_ = true;
    chunk_began_ = now;
    chunk_syncs_ = pace.log_syncs;
    writer_->add_chunk(SharedBytes(chunk_));
    return;
  }
  chunk_.reset();
  encoded_ = true;
  writer_->finish([this, alive = std::weak_ptr<int>(generation_)](Result<void> result) {
    if (!alive.expired()) finished(std::move(result));
  });
}

void Snapshots::finished(Result<void> result) {
  const storage::SnapshotFile file{writer_->name(), header_.mark.index, writer_->bytes()};
  writer_.reset();
  if (!result.ok()) {
    // The log still holds everything: nothing is lost, it only grows until the next try.
    failed_ = true;
    trace_.error("a snapshot could not be written; the log is kept and the next one will be tried",
                 {{"error", result.error().message}});
    return;
  }
  adopt(file);
  trace_.info("snapshot stored",
              {{"index", fmt::format("{}", file.index)}, {"bytes", fmt::format("{}", file.size)}});
  stored_(header_);
}

void Snapshots::adopt(storage::SnapshotFile file) {
  file.version = ++adopted_;
  if (newest_ && newest_->name == file.name) {
    newest_ = file;
    return;
  }
  if (previous_) leave(*previous_);
  previous_ = std::exchange(newest_, file);
}

void Snapshots::adopt_only(storage::SnapshotFile file) {
  file.version = ++adopted_;
  for (const auto& old : {std::exchange(previous_, std::nullopt), std::exchange(newest_, file)}) {
    if (old && old->name != file.name) remove(*old);
  }
  for (const Held& held : std::exchange(held_, {})) {
    if (held.leaving && held.file.name != file.name) remove(held.file);
  }
}

std::vector<storage::SnapshotFile> Snapshots::files() const {
  std::vector<storage::SnapshotFile> files;
  if (newest_) files.push_back(*newest_);
  if (previous_) files.push_back(*previous_);
  for (const Held& held : held_) {
    if (held.leaving) files.push_back(held.file);
  }
  files.insert(files.end(), going_.begin(), going_.end());
  return files;
}

void Snapshots::drop(const storage::SnapshotFile& file) {
  const auto is_it = [&file](const storage::SnapshotFile& one) {
    return one.name == file.name && one.version == file.version;
  };
  if (newest_ && newest_->name == file.name) return;
  const auto held = std::find_if(held_.begin(), held_.end(), [&](const Held& one) {
    return one.leaving && is_it(one.file);
  });
  const bool before = previous_ && is_it(*previous_);
  if (!before && held == held_.end()) return;
  if (before) previous_.reset();
  if (held != held_.end()) held_.erase(held);
  remove(file);
}

std::shared_ptr<void> Snapshots::hold() {
  CHECK(newest_.has_value());
  for (Held& held : held_) {
    if (held.file.name != newest_->name) continue;
    if (auto holders = held.holders.lock()) return holders;
  }
  auto holders = std::make_shared<int>(0);
  held_.push_back({*newest_, holders});
  return holders;
}

void Snapshots::leave(const storage::SnapshotFile& file) {
  bool held = false;
  for (Held& one : held_) {
    if (one.file.name == file.name && !one.holders.expired()) held = one.leaving = true;
  }
  if (!held) remove(file);
}

void Snapshots::tidy() {
  std::erase_if(held_, [this](const Held& held) {
    if (!held.holders.expired()) return false;
    if (held.leaving) remove(held.file);
    return true;
  });
}

void Snapshots::remove(const storage::SnapshotFile& file) {
  going_.push_back(file);
  disk_.submit(env::Lane::background,
               {{env::RemoveFile{file.name}, env::SyncFolder{}},
                [this, version = file.version,
                 alive = std::weak_ptr<int>(alive_)](Result<void> removed) {
                  if (alive.expired()) return;
                  std::erase_if(going_, [version](const auto& one) {
                    return one.version == version;
                  });
                  if (!removed.ok()) {
                    trace_.warning("an old snapshot could not be removed",
                                   {{"error", removed.error().message}});
                  }
                }});
}

void Snapshots::abandon(keyspace::Keyspace& keyspace) {
  if (!making()) return;
  keyspace.abandon_snapshot();
  writer_.reset();
  chunk_.reset();
  generation_ = std::make_shared<int>(0);
}

}  // namespace holdfast::replica
