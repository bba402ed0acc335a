// A plain transfer of a snapshot's file from one node to another: begin, chunks in order, end, and
// the receiver's word that it is durable.
//
// The sender reads a chunk when the last one has mostly left, so a transfer needs memory for a few
// chunks. The receiver takes one transfer at a time; a newer one replaces it; a broken one leaves
// nothing behind. There is no resuming and no throttling yet: a chunk names its offset and a begin
// its size, so that both may come without another format.
//
// Threads: the loop's; files are read and written on the background lane.
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
#include "base/time.h"
#include "base/trace.h"
#include "env/disk.h"
#include "server/peer_frame.h"
#include "server/peer_link.h"
#include "storage/snapshot_file.h"

namespace holdfast::server {

inline constexpr std::size_t kSnapshotChunk = 256 * 1024;

// Transfers to one peer, one after the other.
class SnapshotSender {
 public:
  using Sent = std::function<void(GroupId, bool delivered)>;
  SnapshotSender(env::Disk& disk, Trace& trace, Sent sent);
  ~SnapshotSender();

  // Replaces what this group had waiting or under way, which is then not reported.
  void start(GroupId group, const storage::SnapshotFile& file);
  void on_result(const SnapshotResult& result);
  // Everything under way or waiting has failed.
  void on_link_lost();
  // The peer's own link to us is a new one: what it said while it had none is lost. The result may
  // be among that, so whoever asked has to find out by himself.
  void on_answers_lost();
  // Goes on as far as the link takes it; reports what has ended. `link` may be null.
  void on_turn_end(PeerLink* link, Instant now);
  Instant wake_at() const;

 private:
  struct Transfer {
    std::uint64_t id = 0;
    GroupId group;
    storage::SnapshotFile file;
    std::uint64_t read = 0;  // bytes read so far
    bool begun = false;
    bool ended = false;  // everything is sent, the result is awaited
    bool reading = false;
    std::optional<SharedBytes> chunk;  // read, not yet sent
    Instant progress_at;               // when it last moved
  };

  void read_chunk();
  void finish(bool delivered);

  env::Disk& disk_;
  Trace& trace_;
  Sent sent_;
  std::shared_ptr<bool> alive_ = std::make_shared<bool>(true);
  std::uint64_t next_id_ = 0;
  std::optional<Transfer> current_;
  std::deque<std::pair<GroupId, storage::SnapshotFile>> waiting_;
  std::vector<std::pair<GroupId, bool>> ended_;  // to be reported
  bool blocked_ = false;                         // on the link's output
  Instant blocked_until_;
};

// The one incoming transfer.
class SnapshotReceiver {
 public:
  using Arrived = std::function<void(GroupId, Index, std::string content)>;
  using Tell = std::function<void(NodeId to, SnapshotResult)>;
  SnapshotReceiver(env::Disk& disk, Trace& trace, Arrived arrived, Tell tell);
  ~SnapshotReceiver();

  void on_begin(NodeId from, const SnapshotBegin& begin);
  void on_chunk(NodeId from, const SnapshotChunk& chunk, SharedBytes bytes);
  void on_end(NodeId from, std::uint64_t transfer);
  // The connection that it came over is gone.
  void on_link_lost(NodeId from);

 private:
  struct Transfer;
  // Gives up the current transfer and removes its file. The sender is told unless it is gone.
  void abandon(std::string_view why, bool tell_sender = true);
  // Makes what has arrived durable, then gives it its final name.
  void store(std::shared_ptr<Transfer> transfer);
  void name(std::shared_ptr<Transfer> transfer);
  // The current transfer, if the frame belongs to it.
  Transfer* find(NodeId from, std::uint64_t id);

  env::Disk& disk_;
  Trace& trace_;
  Arrived arrived_;
  Tell tell_;
  std::shared_ptr<bool> alive_ = std::make_shared<bool>(true);
  std::shared_ptr<Transfer> current_;
};

}  // namespace holdfast::server
