#include "server/snapshot_transfer.h"

#include <fmt/format.h>

#include <algorithm>
#include <utility>

namespace holdfast::server {
namespace {

// The next chunk is read when less than this is still to be sent.
constexpr std::size_t kOutputAhead = 4 * kSnapshotChunk;
// Looked at again after this if the link does not say that it has room.
constexpr Duration kLookAgain = milliseconds(10);
// A transfer that has not moved for this long has failed.
constexpr Duration kStalled = seconds(30);

}  // namespace

// ---- Sending ------------------------------------------------------------------------------------

SnapshotSender::SnapshotSender(env::Disk& disk, Trace& trace, Sent sent)
    : disk_(disk), trace_(trace), sent_(std::move(sent)) {}

SnapshotSender::~SnapshotSender() { *alive_ = false; }

void SnapshotSender::start(GroupId group, const storage::SnapshotFile& file) {
  if (current_ && current_->group == group) current_.reset();
  std::erase_if(waiting_, [group](const auto& wish) { return wish.first == group; });
  waiting_.emplace_back(group, file);
}

void SnapshotSender::on_result(const SnapshotResult& result) {
  if (current_ && current_->id == result.transfer) finish(result.delivered);
}

void SnapshotSender::on_link_lost() {
  if (current_) finish(false);
  for (const auto& [group, file] : waiting_) ended_.emplace_back(group, false);
  waiting_.clear();
}

void SnapshotSender::on_answers_lost() {
  if (current_ && current_->ended) finish(false);
}

void SnapshotSender::finish(bool delivered) {
  ended_.emplace_back(current_->group, delivered);
  current_.reset();
  blocked_ = false;
}

void SnapshotSender::on_turn_end(PeerLink* link, Instant now) {
  if (link == nullptr) on_link_lost();
  blocked_ = false;
  if (!current_ && !waiting_.empty()) {
    auto [group, file] = std::move(waiting_.front());
    waiting_.pop_front();
    current_ = Transfer{.id = ++next_id_,
                        .group = group,
                        .file = std::move(file),
                        .read = 0,
                        .begun = false,
                        .ended = false,
                        .reading = false,
                        .chunk = std::nullopt,
                        .progress_at = now};
  }
  if (current_ && now - current_->progress_at > kStalled) {
    trace_.warning("snapshot not delivered", {{"reason", "no progress for 30 s"}});
    finish(false);
  }
  if (current_ && !current_->ended) {
    Transfer& transfer = *current_;
    if (!std::exchange(transfer.begun, true)) {
      link->send(FrameKind::snapshot_begin,
                 encode_snapshot_begin(
                     {transfer.id, transfer.group, transfer.file.index, transfer.file.size}));
    }
    if (transfer.chunk) {
      const std::uint64_t offset = transfer.read - transfer.chunk->size();
      link->send(FrameKind::snapshot_chunk, encode_snapshot_chunk({transfer.id, offset}),
                 *std::exchange(transfer.chunk, std::nullopt));
      transfer.progress_at = now;
    }
    if (transfer.read == transfer.file.size && !transfer.reading) {
      link->send(FrameKind::snapshot_end, encode_snapshot_end(transfer.id));
      transfer.ended = true;
    } else if (link->pending() >= kOutputAhead) {
      blocked_ = true;
      blocked_until_ = now + kLookAgain;
    } else if (!transfer.reading) {
      read_chunk();
    }
  }
  for (const auto& [group, delivered] : std::exchange(ended_, {})) sent_(group, delivered);
}

void SnapshotSender::read_chunk() {
  current_->reading = true;
  const std::uint64_t length =
      std::min<std::uint64_t>(kSnapshotChunk, current_->file.size - current_->read);
  auto out = std::make_shared<std::string>();
  const auto done = [this, out, length, id = current_->id, alive = alive_](Result<void> result) {
    if (!*alive || !current_ || current_->id != id) return;
    current_->reading = false;
    if (result && out->size() == length) {
      current_->read += length;
      current_->chunk = SharedBytes(std::move(*out));
      return;
    }
    // A newer snapshot may have taken its place: the group asks again and gets that one.
    trace_.warning("snapshot not delivered", {{"file", current_->file.name},
                                              {"reason", result ? "the file is shorter than it was"
                                                                : result.error().message}});
    finish(false);
  };
  disk_.submit(env::Lane::background,
               {{env::ReadFile{current_->file.name, current_->read, length, out.get()}}, done});
}

Instant SnapshotSender::wake_at() const {
  // Reports, new wishes and chunks that were read come up in a turn of their own.
  if (!ended_.empty() || (!current_ && !waiting_.empty())) return Instant{};
  if (!current_) return Instant::never();
  if (current_->chunk) return Instant{};
  const Instant stalled = current_->progress_at + kStalled;
  return blocked_ ? std::min(stalled, blocked_until_) : stalled;
}

// ---- Receiving ----------------------------------------------------------------------------------

struct SnapshotReceiver::Transfer {
  NodeId from;
  SnapshotBegin begin;
  std::string content;
  std::string temporary;
};

SnapshotReceiver::SnapshotReceiver(env::Disk& disk, Trace& trace, Arrived arrived, Tell tell)
    : disk_(disk), trace_(trace), arrived_(std::move(arrived)), tell_(std::move(tell)) {}

SnapshotReceiver::~SnapshotReceiver() { *alive_ = false; }

SnapshotReceiver::Transfer* SnapshotReceiver::find(NodeId from, std::uint64_t id) {
  const bool ours = current_ && current_->from == from && current_->begin.transfer == id;
  return ours ? current_.get() : nullptr;
}

void SnapshotReceiver::on_begin(NodeId from, const SnapshotBegin& begin) {
  if (current_) abandon("a newer one has begun");
  current_ = std::make_shared<Transfer>();
  current_->from = from;
  current_->begin = begin;
  current_->temporary = storage::snapshot_arriving_name(begin.group, begin.index);
  trace_.info("snapshot coming", {{"from", fmt::to_string(from.value)},
                                  {"group", fmt::to_string(begin.group.value)},
                                  {"index", fmt::to_string(begin.index.value)},
                                  {"bytes", fmt::to_string(begin.size)}});
  disk_.submit(env::Lane::background,
               {{env::RemoveFile{current_->temporary}}, [](Result<void>) {}});
}

void SnapshotReceiver::on_chunk(NodeId from, const SnapshotChunk& chunk, SharedBytes bytes) {
  Transfer* transfer = find(from, chunk.transfer);
  if (transfer == nullptr) return;  // of one that was abandoned
  if (chunk.offset != transfer->content.size() ||
      bytes.size() > transfer->begin.size - transfer->content.size()) {
    abandon("a chunk is out of its place");
    return;
  }
  transfer->content += bytes.view();
  const auto done = [this, alive = alive_, id = chunk.transfer, from](Result<void> result) {
    if (*alive && !result && find(from, id) != nullptr) abandon(result.error().message);
  };
  disk_.submit(env::Lane::background,
               {{env::WriteFile{transfer->temporary, chunk.offset, {std::move(bytes)}}}, done});
}

void SnapshotReceiver::on_end(NodeId from, std::uint64_t id) {
  Transfer* transfer = find(from, id);
  if (transfer == nullptr) return;
  if (transfer->content.size() != transfer->begin.size) {
    abandon("it is shorter than announced");
    return;
  }
  const auto header = storage::read_snapshot(transfer->temporary, transfer->content,
                                             [](std::string_view) { return true; });
  if (!header) {
    abandon(header.error().message);
  } else if (header->group != transfer->begin.group ||
             header->mark.index != transfer->begin.index) {
    abandon("it is not the one announced");
  } else {
    store(current_);
  }
}

// The name is given by a job of its own, once every write has reported: one that failed in the lane
// does not keep the jobs behind it from running.
void SnapshotReceiver::store(std::shared_ptr<Transfer> transfer) {
  const auto synced = [this, alive = alive_, transfer](Result<void> result) {
    if (!*alive || current_ != transfer) return;
    if (!result) return abandon(result.error().message);
    name(transfer);
  };
  disk_.submit(env::Lane::background, {{env::SyncFile{transfer->temporary}}, synced});
}

void SnapshotReceiver::name(std::shared_ptr<Transfer> transfer) {
  const std::string final_name =
      storage::snapshot_name(transfer->begin.group, transfer->begin.index);
  const auto done = [this, alive = alive_, transfer](Result<void> result) {
    if (!*alive || current_ != transfer) return;
    if (!result) return abandon(result.error().message);
    current_.reset();
    arrived_(transfer->begin.group, transfer->begin.index, std::move(transfer->content));
    tell_(transfer->from, {transfer->begin.transfer, true});
  };
  disk_.submit(env::Lane::background,
               {{env::RenameFile{transfer->temporary, final_name}, env::SyncFolder{}}, done});
}

void SnapshotReceiver::on_link_lost(NodeId from) {
  if (current_ && current_->from == from) abandon("its sender is gone", false);
}

void SnapshotReceiver::abandon(std::string_view why, bool tell_sender) {
  const auto transfer = std::exchange(current_, nullptr);
  trace_.warning("snapshot abandoned", {{"from", fmt::to_string(transfer->from.value)},
                                        {"index", fmt::to_string(transfer->begin.index.value)},
                                        {"reason", std::string(why)}});
  disk_.submit(env::Lane::background,
               {{env::RemoveFile{transfer->temporary}}, [](Result<void>) {}});
  if (tell_sender) tell_(transfer->from, {transfer->begin.transfer, false});
}

}  // namespace holdfast::server
