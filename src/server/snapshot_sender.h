// Snapshots on their way to one other node: begin, chunks from where the receiver wants them, end,
// and its word that the file is durable.
//
// Nothing is sent before the receiver has said from where on: it may have a part of the very same
// file, from before a link or a process ended. No more than a window is on the way that it has not
// taken, so a transfer needs memory for a few chunks and never stands for long before an entry; and
// all transfers of a node share a throttle, so that clients do not suffer from them.
//
// Threads: the loop's; files are read on the background lane.
#pragma once

#include <cstdint>
#include <deque>
#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "base/bytes.h"
#include "base/ids.h"
#include "base/throttle.h"
#include "base/time.h"
#include "base/trace.h"
#include "env/disk.h"
#include "server/peer_frame.h"
#include "server/peer_link.h"
#include "storage/snapshot_file.h"

namespace holdfast::server {

inline constexpr std::size_t kSnapshotChunk = 256 * 1024;
// Sent and not yet taken by the receiver.
inline constexpr std::uint64_t kSnapshotWindow = 4 * kSnapshotChunk;

// What all transfers of a node have in common.
struct SnapshotTraffic {
  Throttle throttle;  // of what is sent
  // Since the node started.
  std::uint64_t sent_bytes = 0;
  std::uint64_t received_bytes = 0;
  std::uint64_t resumed = 0;  // received, and gone on with where an earlier transfer had ended
};

// Transfers to one peer, one after the other.
class SnapshotSender {
 public:
  struct Wish {
    GroupId group;
    storage::SnapshotFile file;
    std::shared_ptr<void> holders;  // keeps the file on the disk; may be null
  };
  using Sent = std::function<void(GroupId, bool delivered)>;
  SnapshotSender(env::Disk& disk, SnapshotTraffic& traffic, Trace& trace, Sent sent);
  ~SnapshotSender();

  // Replaces what this group had waiting or under way, which is then not reported.
  void start(Wish wish);
  void on_progress(const SnapshotProgress& progress);
  void on_result(const SnapshotResult& result);
  // Everything under way or waiting has failed.
  void on_link_lost();
  // The peer's own link to us is a new one: what it said while it had none is lost. How much it
  // has, or the result, may be among that; whoever asks again begins where the peer is.
  void on_answers_lost();
  // Goes on as far as window, throttle and link let it; reports what has ended. `link` may be null.
  void on_turn_end(PeerLink* link, Instant now);
  Instant wake_at() const;

 private:
  enum class Stage : std::uint8_t {
    opening,    // finding out which snapshot the file is
    known,      // to be announced
    announced,  // waiting for the receiver's first word
    sending,
    all_sent,  // waiting for the result
  };
  struct Transfer {
    std::uint64_t id = 0;
    Wish wish;
    Stage stage = Stage::opening;
    storage::SnapshotIdentity snapshot;
    std::uint64_t read = 0;   // up to here it is read, or being read
    std::uint64_t taken = 0;  // up to here the receiver has it
    std::uint64_t most_taken = 0;
    std::uint64_t reads = 0;  // the newest; the result of an earlier one counts for nothing
    bool reading = false;
    std::optional<SharedBytes> chunk;  // read, not yet sent
    Instant progress_at;               // when it last moved
  };

  void begin_next(Instant now);
  void open();
  void advance(PeerLink& link, Instant now);
  // When the next chunk may be read: now, later, or never (something else has to happen first).
  Instant may_read_at(const PeerLink& link, Instant now) const;
  void read_chunk(Instant now);
  void fail(std::string_view why);
  void finish(bool delivered);

  env::Disk& disk_;
  SnapshotTraffic& traffic_;
  Trace& trace_;
  Sent sent_;
  std::shared_ptr<bool> alive_ = std::make_shared<bool>(true);
  std::uint64_t next_id_ = 0;
  std::optional<Transfer> current_;
  std::deque<Wish> waiting_;
  std::vector<std::pair<GroupId, bool>> ended_;  // to be reported
  bool moved_ = false;                           // in this turn
  bool rejected_ = false;                        // in this turn: the receiver could not take it
  Instant begin_again_;                          // not before, after that
  Instant read_at_ = Instant::never();
};

}  // namespace holdfast::server
