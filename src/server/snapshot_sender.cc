#include "server/snapshot_sender.h"

#include <fmt/format.h>

#include <algorithm>
#include <utility>

namespace holdfast::server {
namespace {

// A chunk is read when less than this is still to be sent, entries included.
constexpr std::size_t kOutputAhead = kSnapshotWindow;
// Looked at again after this if the link does not say that it has room.
constexpr Duration kLookAgain = milliseconds(10);
// A transfer that has not moved for this long has failed.
constexpr Duration kStalled = seconds(30);
// A receiver that could not take one (its disk is full, say) is not asked at the speed of the loop.
constexpr Duration kAfterRejection = milliseconds(500);

}  // namespace

SnapshotSender::SnapshotSender(env::Disk& disk, SnapshotTraffic& traffic, Trace& trace, Sent sent)
    : disk_(disk), traffic_(traffic), trace_(trace), sent_(std::move(sent)) {}

SnapshotSender::~SnapshotSender() { *alive_ = false; }

// ---- What happens -------------------------------------------------------------------------------

void SnapshotSender::start(Wish wish) {
  if (current_ && current_->wish.group == wish.group) current_.reset();
  std::erase_if(waiting_, [&wish](const Wish& other) { return other.group == wish.group; });
  waiting_.push_back(std::move(wish));
}

void SnapshotSender::on_progress(const SnapshotProgress& progress) {
  if (!current_ || current_->id != progress.transfer) return;
  Transfer& transfer = *current_;
  if (transfer.stage < Stage::announced || progress.offset > transfer.snapshot.size) return;
  if (progress.from_here) {
    moved_ = moved_ || transfer.stage == Stage::announced;
    transfer.stage = Stage::sending;
    transfer.taken = transfer.read = progress.offset;
    transfer.chunk.reset();
    transfer.reading = false;
    ++transfer.reads;
  } else if (transfer.stage >= Stage::sending && progress.offset <= transfer.read) {
    transfer.taken = std::max(transfer.taken, progress.offset);
  }
  // What it has had before is no progress: two that misunderstand each other come to an end.
  moved_ = moved_ || transfer.taken > transfer.most_taken;
  transfer.most_taken = std::max(transfer.most_taken, transfer.taken);
}

void SnapshotSender::on_result(const SnapshotResult& result) {
  if (!current_ || current_->id != result.transfer) return;
  rejected_ = !result.delivered;
  finish(result.delivered);
}

void SnapshotSender::on_link_lost() {
  if (current_) finish(false);
  for (const Wish& wish : waiting_) ended_.emplace_back(wish.group, false);
  waiting_.clear();
}

void SnapshotSender::on_answers_lost() {
  if (current_ && current_->stage >= Stage::announced) finish(false);
}

void SnapshotSender::fail(std::string_view why) {
  // A newer snapshot may have taken its place: the group asks again and gets that one.
  trace_.warning("snapshot not delivered",
                 {{"file", current_->wish.file.name}, {"reason", std::string(why)}});
  finish(false);
}

void SnapshotSender::finish(bool delivered) {
  ended_.emplace_back(current_->wish.group, delivered);
  current_.reset();
}

// ---- The turn -----------------------------------------------------------------------------------

void SnapshotSender::on_turn_end(PeerLink* link, Instant now) {
  if (link == nullptr) on_link_lost();
  read_at_ = Instant::never();
  if (std::exchange(rejected_, false)) begin_again_ = now + kAfterRejection;
  if (!current_ && !waiting_.empty() && now >= begin_again_) begin_next(now);
  if (current_ && std::exchange(moved_, false)) current_->progress_at = now;
  if (current_ && now - current_->progress_at > kStalled) fail("no progress for 30 s");
  if (current_) advance(*link, now);
  for (const auto& [group, delivered] : std::exchange(ended_, {})) sent_(group, delivered);
}

void SnapshotSender::begin_next(Instant now) {
  moved_ = false;
  current_ = Transfer{};
  current_->id = ++next_id_;
  current_->wish = std::move(waiting_.front());
  current_->progress_at = now;
  waiting_.pop_front();
  if (current_->wish.file.name.empty()) {
    finish(false);  // there is none
  } else {
    open();
  }
}

void SnapshotSender::open() {
  struct Ends {
    std::string beginning;
    std::string trailer;
  };
  const auto ends = std::make_shared<Ends>();
  const storage::SnapshotFile& file = current_->wish.file;
  const auto done = [this, ends, id = current_->id, alive = alive_](Result<void> result) {
    if (!*alive || !current_ || current_->id != id) return;
    if (!result) return fail(result.error().message);
    auto snapshot = storage::identify_snapshot(current_->wish.file, ends->beginning, ends->trailer);
    if (!snapshot) return fail(snapshot.error().message);
    current_->snapshot = *snapshot;
    current_->stage = Stage::known;
  };
  const std::uint64_t tail = std::min<std::uint64_t>(file.size, storage::kSnapshotTrailerBytes);
  disk_.submit(env::Lane::background,
               {{env::ReadFile{file.name, 0, storage::kSnapshotHeaderMax, &ends->beginning},
                 env::ReadFile{file.name, file.size - tail, tail, &ends->trailer}},
                done});
}

void SnapshotSender::advance(PeerLink& link, Instant now) {
  Transfer& transfer = *current_;
  if (transfer.stage == Stage::known) {
    link.send(FrameKind::snapshot_begin, encode_snapshot_begin({transfer.id, transfer.snapshot}));
    transfer.stage = Stage::announced;
  }
  if (transfer.stage != Stage::sending) return;
  if (transfer.chunk) {
    const std::uint64_t offset = transfer.read - transfer.chunk->size();
    traffic_.sent_bytes += transfer.chunk->size();
    link.send(FrameKind::snapshot_chunk, encode_snapshot_chunk({transfer.id, offset}),
              *std::exchange(transfer.chunk, std::nullopt));
    transfer.progress_at = now;
  }
  if (transfer.reading) return;
  if (transfer.read == transfer.snapshot.size) {
    link.send(FrameKind::snapshot_end, encode_snapshot_end(transfer.id));
    transfer.stage = Stage::all_sent;
    return;
  }
  read_at_ = may_read_at(link, now);
  // Who is only waiting for his share has not stalled.
  if (read_at_ == traffic_.throttle.ready_at()) transfer.progress_at = now;
  if (read_at_ > now) return;
  read_at_ = Instant::never();
  read_chunk(now);
}

Instant SnapshotSender::may_read_at(const PeerLink& link, Instant now) const {
  if (current_->read - current_->taken >= kSnapshotWindow) return Instant::never();
  if (link.pending() >= kOutputAhead) return now + kLookAgain;
  return std::max(now, traffic_.throttle.ready_at());
}

void SnapshotSender::read_chunk(Instant now) {
  Transfer& transfer = *current_;
  const std::uint64_t offset = transfer.read;
  const std::uint64_t length =
      std::min<std::uint64_t>(kSnapshotChunk, transfer.snapshot.size - offset);
  traffic_.throttle.take(length, now);
  transfer.read += length;
  transfer.reading = true;
  auto out = std::make_shared<std::string>();
  const auto done = [this, out, length, id = transfer.id, read = ++transfer.reads,
                     alive = alive_](Result<void> result) {
    if (!*alive || !current_ || current_->id != id || current_->reads != read) return;
    current_->reading = false;
    if (!result) return fail(result.error().message);
    if (out->size() != length) return fail("the file is shorter than it was");
    current_->chunk = SharedBytes(std::move(*out));
  };
  disk_.submit(env::Lane::background,
               {{env::ReadFile{transfer.wish.file.name, offset, length, out.get()}}, done});
}

Instant SnapshotSender::wake_at() const {
  // Reports, new wishes and chunks that were read come up in a turn of their own.
  if (!ended_.empty() || moved_ || rejected_) return Instant{};
  if (!current_) return waiting_.empty() ? Instant::never() : begin_again_;
  if (current_->stage == Stage::known || current_->chunk) return Instant{};
  return std::min(current_->progress_at + kStalled, read_at_);
}

}  // namespace holdfast::server
