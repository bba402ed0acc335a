#include "server/snapshot_receiver.h"

#include <fmt/format.h>

#include <utility>

namespace holdfast::server {

struct SnapshotReceiver::Transfer {
  enum class Stage : std::uint8_t {
    looking,  // reading what an earlier process has left of it
    receiving,
    storing,  // all of it is here and good
  };

  NodeId from;
  SnapshotBegin begin;
  std::string file;
  Stage stage = Stage::receiving;
  std::string content;
  std::shared_ptr<void> loaded;  // its state, once all of it is here
  bool asked = false;  // for the chunk that comes next
};

SnapshotReceiver::SnapshotReceiver(env::Disk& disk, SnapshotTraffic& traffic, Trace& trace,
                                   Try try_it, Arrived arrived, Tell tell)
    : disk_(disk),
      traffic_(traffic),
      trace_(trace),
      try_(std::move(try_it)),
      arrived_(std::move(arrived)),
      tell_(std::move(tell)) {
  const auto files = disk_.list();
  if (!files) return;  // whoever needs the folder will say so
  for (const env::FileInfo& file : *files) {
    if (storage::is_arriving_snapshot(file.name)) left_.insert(file.name);
  }
  left_behind_ = !left_.empty();
}

SnapshotReceiver::~SnapshotReceiver() { *alive_ = false; }

SnapshotReceiver::Transfer* SnapshotReceiver::find(NodeId from, std::uint64_t id) {
  const bool ours = current_ && current_->from == from && current_->begin.transfer == id;
  return ours ? current_.get() : nullptr;
}

// ---- The beginning ------------------------------------------------------------------------------

void SnapshotReceiver::on_begin(NodeId from, const SnapshotBegin& begin) {
  if (begin.snapshot.size > kSnapshotBytesMax) {
    trace_.warning("snapshot refused", {{"from", fmt::to_string(from.value)},
                                        {"bytes", fmt::to_string(begin.snapshot.size)},
                                        {"limit", fmt::to_string(kSnapshotBytesMax)}});
    return tell_(from, FrameKind::snapshot_result, encode_snapshot_result({begin.transfer, false}));
  }
  // The sender asks again soon; by then it may have another one, or another node leads.
  if (unloadable_ == begin.snapshot) {
    return tell_(from, FrameKind::snapshot_result, encode_snapshot_result({begin.transfer, false}));
  }
  left_behind_ = false;
  give_up_at_ = Instant::never();
  if (current_ && current_->begin.snapshot == begin.snapshot) return go_on(from, begin);
  if (current_) abandon("another one has begun");
  this->begin(from, begin);
}

void SnapshotReceiver::go_on(NodeId from, const SnapshotBegin& begin) {
  current_->from = from;
  current_->begin = begin;
  // Otherwise what is under way will tell it.
  if (current_->stage == Transfer::Stage::receiving) resume(*current_);
}

void SnapshotReceiver::begin(NodeId from, const SnapshotBegin& begin) {
  current_ = std::make_shared<Transfer>();
  current_->from = from;
  current_->begin = begin;
  current_->file = storage::snapshot_arriving_name(begin.snapshot);
  trace_.info("snapshot coming", {{"from", fmt::to_string(from.value)},
                                  {"group", fmt::to_string(begin.snapshot.group.value)},
                                  {"index", fmt::to_string(begin.snapshot.index.value)},
                                  {"bytes", fmt::to_string(begin.snapshot.size)}});
  const bool has_part = left_.erase(current_->file) != 0;
  for (const std::string& file : std::exchange(left_, {})) remove(file);
  if (has_part) return look_at_part();
  ask_from_here(*current_);
}

void SnapshotReceiver::look_at_part() {
  current_->stage = Transfer::Stage::looking;
  auto bytes = std::make_shared<std::string>();
  const auto done = [this, alive = alive_, bytes, transfer = current_](Result<void> result) {
    if (!*alive || current_ != transfer) return;
    take_part(result ? *bytes : std::string());
  };
  disk_.submit(
      env::Lane::background,
      {{env::ReadFile{current_->file, 0, current_->begin.snapshot.size, bytes.get()}}, done});
}

void SnapshotReceiver::take_part(const std::string& bytes) {
  Transfer& transfer = *current_;
  transfer.content = bytes.substr(0, storage::whole_snapshot_bytes(transfer.begin.snapshot, bytes));
  transfer.stage = Transfer::Stage::receiving;
  remove(transfer.file);
  if (!transfer.content.empty()) write(0, SharedBytes(transfer.content));
  resume(transfer);
}

void SnapshotReceiver::resume(Transfer& transfer) {
  if (!transfer.content.empty()) {
    ++traffic_.resumed;
    trace_.info("snapshot goes on", {{"from", fmt::to_string(transfer.from.value)},
                                     {"index", fmt::to_string(transfer.begin.snapshot.index.value)},
                                     {"at_byte", fmt::to_string(transfer.content.size())},
                                     {"bytes", fmt::to_string(transfer.begin.snapshot.size)}});
  }
  ask_from_here(transfer);
}

void SnapshotReceiver::ask_from_here(Transfer& transfer) {
  transfer.asked = true;
  tell_(transfer.from, FrameKind::snapshot_progress,
        encode_snapshot_progress({transfer.begin.transfer, transfer.content.size(), true}));
}

// ---- The middle ---------------------------------------------------------------------------------

void SnapshotReceiver::on_chunk(NodeId from, const SnapshotChunk& chunk, SharedBytes bytes) {
  Transfer* transfer = find(from, chunk.transfer);
  // Of one that was abandoned, or nobody has asked for it.
  if (transfer == nullptr || transfer->stage != Transfer::Stage::receiving) return;
  const std::uint64_t expected = transfer->content.size();
  if (chunk.offset < expected && bytes.size() <= expected - chunk.offset) return;  // here already
  if (chunk.offset != expected) {
    if (!transfer->asked) ask_from_here(*transfer);
    return;
  }
  if (bytes.size() > transfer->begin.snapshot.size - expected) {
    return abandon("it is longer than announced");
  }
  transfer->asked = false;
  transfer->content += bytes.view();
  traffic_.received_bytes += bytes.size();
  write(expected, std::move(bytes));
}

// What is written is taken: the sender goes no faster than this disk.
void SnapshotReceiver::write(std::uint64_t offset, SharedBytes bytes) {
  const std::uint64_t end = offset + bytes.size();
  const auto done = [this, alive = alive_, transfer = current_, end](Result<void> result) {
    if (!*alive || current_ != transfer) return;
    if (!result) return abandon(result.error().message);
    tell_(transfer->from, FrameKind::snapshot_progress,
          encode_snapshot_progress({transfer->begin.transfer, end, false}));
  };
  disk_.submit(env::Lane::background,
               {{env::WriteFile{current_->file, offset, {std::move(bytes)}}}, done});
}

// ---- The end ------------------------------------------------------------------------------------

void SnapshotReceiver::on_end(NodeId from, std::uint64_t id) {
  Transfer* transfer = find(from, id);
  if (transfer == nullptr || transfer->stage != Transfer::Stage::receiving) return;
  const storage::SnapshotIdentity& announced = transfer->begin.snapshot;
  const std::string_view content = transfer->content;
  if (content.size() != announced.size) {
    // What is missing has been asked for: the end comes again behind it.
    if (!transfer->asked) abandon("it is shorter than announced");
    return;
  }
  const auto header =
      storage::read_snapshot(transfer->file, content, [](std::string_view) { return true; });
  if (!header) return abandon(header.error().message);
  const auto arrived =
      storage::identify_snapshot({transfer->file, announced.index, content.size()}, content,
                                 content.substr(content.size() - storage::kSnapshotTrailerBytes));
  if (!arrived || *arrived != announced) return abandon("it is not the one announced");
  auto loaded = try_(announced.group, announced.index, content);
  if (!loaded) return refuse_again(loaded.error().message);
  transfer->loaded = *std::move(loaded);
  store();
}

void SnapshotReceiver::refuse_again(const std::string& why) {
  trace_.error(
      "a snapshot that arrived whole cannot be loaded: this node keeps the data that it has, and does not "
      "catch up until it is sent another one. Do the nodes run the same build?",
      {{"from", fmt::to_string(current_->from.value)},
       {"index", fmt::to_string(current_->begin.snapshot.index.value)},
       {"reason", why}});
  unloadable_ = current_->begin.snapshot;
  unloadable_until_ = {};
  abandon("it cannot be loaded");
}

// The name is given by a job of its own, once every write has reported: one that failed in the lane
// does not keep the jobs behind it from running.
void SnapshotReceiver::store() {
  current_->stage = Transfer::Stage::storing;
  const auto synced = [this, alive = alive_, transfer = current_](Result<void> result) {
    if (!*alive || current_ != transfer) return;
    if (!result) return abandon(result.error().message);
    name();
  };
  disk_.submit(env::Lane::background, {{env::SyncFile{current_->file}}, synced});
}

void SnapshotReceiver::name() {
  const storage::SnapshotIdentity& snapshot = current_->begin.snapshot;
  const std::string final_name = storage::snapshot_name(snapshot.group, snapshot.index);
  const auto done = [this, alive = alive_, transfer = current_](Result<void> result) {
    if (!*alive || current_ != transfer) return;
    if (!result) return abandon(result.error().message);
    current_.reset();
    give_up_at_ = Instant::never();
    left_behind_ = false;
    const storage::SnapshotIdentity& stored = transfer->begin.snapshot;
    arrived_(stored.group, stored.index, std::move(transfer->content));
    tell_(transfer->from, FrameKind::snapshot_result,
          encode_snapshot_result({transfer->begin.transfer, true}));
  };
  disk_.submit(env::Lane::background,
               {{env::RenameFile{current_->file, final_name}, env::SyncFolder{}}, done});
}

// ---- Without a sender ---------------------------------------------------------------------------

void SnapshotReceiver::on_link_lost(NodeId from) {
  if (current_ && current_->from == from) left_behind_ = true;
}

void SnapshotReceiver::on_turn_end(Instant now) {
  if (std::exchange(left_behind_, false)) give_up_at_ = now + kPartKept;
  if (unloadable_ && unloadable_until_ == Instant{}) unloadable_until_ = now + kUnloadableFor;
  if (now >= unloadable_until_) unloadable_.reset();
  if (now < give_up_at_) return;
  give_up_at_ = Instant::never();
  if (current_) abandon("its sender did not come back", false);
  for (const std::string& file : std::exchange(left_, {})) remove(file);
}

Instant SnapshotReceiver::wake_at() const { return left_behind_ ? Instant{} : give_up_at_; }

void SnapshotReceiver::abandon(std::string_view why, bool tell_sender) {
  const auto transfer = std::exchange(current_, nullptr);
  give_up_at_ = Instant::never();
  left_behind_ = false;
  trace_.warning("snapshot abandoned",
                 {{"from", fmt::to_string(transfer->from.value)},
                  {"index", fmt::to_string(transfer->begin.snapshot.index.value)},
                  {"reason", std::string(why)}});
  remove(transfer->file);
  if (tell_sender) {
    tell_(transfer->from, FrameKind::snapshot_result,
          encode_snapshot_result({transfer->begin.transfer, false}));
  }
}

void SnapshotReceiver::remove(const std::string& file) {
  disk_.submit(env::Lane::background, {{env::RemoveFile{file}}, [](Result<void>) {}});
}

}  // namespace holdfast::server
