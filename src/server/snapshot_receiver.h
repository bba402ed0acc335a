// The one snapshot that is coming from another node.
//
// It arrives in memory and in a file of its own name, which says which snapshot it is; what is
// there when a link, the sender or this process ends is gone on with if the very same one is
// announced again, and given up if another one is, or if none is for a while. Only chunks that
// match their checksums are believed after a start, and they are written anew: what the page cache
// shows may not be on the disk.
//
// A chunk out of its place changes nothing: the sender is told, once, from where on to go on. What
// fails its checksums in the end, or could not be written, leaves nothing behind, and the sender is
// told. So does one whose checksums are right and whose state cannot be loaded, before it gets a name
// under which the next start would look for a state: and the same one is not taken again for a while.
//
// Threads: the loop's; files are read and written on the background lane.
#pragma once

#include <cstdint>
#include <functional>
#include <memory>
#include <optional>
#include <set>
#include <string>
#include <string_view>

#include "base/bytes.h"
#include "base/ids.h"
#include "base/result.h"
#include "base/time.h"
#include "base/trace.h"
#include "env/disk.h"
#include "server/peer_frame.h"
#include "server/snapshot_sender.h"
#include "storage/snapshot_file.h"

namespace holdfast::server {

// A longer one is refused.
inline constexpr std::uint64_t kSnapshotBytesMax = std::uint64_t{1} << 40;
// What has come so far is kept for this long without its sender.
inline constexpr Duration kPartKept = seconds(300);
// One that cannot be loaded is refused for this long when it is announced again.
inline constexpr Duration kUnloadableFor = seconds(60);

class SnapshotReceiver {
 public:
  // All of it is here: whether it can be loaded. What comes back is kept until Arrived returns.
  using Try = std::function<Result<std::shared_ptr<void>>(GroupId, Index, std::string_view content)>;
  // It is durable under its final name.
  using Arrived = std::function<void(GroupId, Index, std::string content)>;
  using Tell = std::function<void(NodeId to, FrameKind, const std::string& body)>;
  // Looks, blocking, for what an earlier process has left.
  SnapshotReceiver(env::Disk& disk, SnapshotTraffic& traffic, Trace& trace, Try try_it,
                   Arrived arrived, Tell tell);
  ~SnapshotReceiver();

  void on_begin(NodeId from, const SnapshotBegin& begin);
  void on_chunk(NodeId from, const SnapshotChunk& chunk, SharedBytes bytes);
  void on_end(NodeId from, std::uint64_t transfer);
  // The connection that it came over is gone.
  void on_link_lost(NodeId from);
  void on_turn_end(Instant now);
  Instant wake_at() const;

 private:
  struct Transfer;
  void begin(NodeId from, const SnapshotBegin& begin);
  void go_on(NodeId from, const SnapshotBegin& begin);
  void look_at_part();
  void take_part(const std::string& bytes);
  void ask_from_here(Transfer& transfer);
  void resume(Transfer& transfer);
  void write(std::uint64_t offset, SharedBytes bytes);
  // Gives up the current transfer and removes its file. The sender is told unless it is gone.
  void abandon(std::string_view why, bool tell_sender = true);
  // Makes what has arrived durable, then gives it its final name.
  void store();
  void name();
  // The current transfer, if the frame belongs to it.
  Transfer* find(NodeId from, std::uint64_t id);
  void remove(const std::string& file);
  void refuse_again(const std::string& why);

  env::Disk& disk_;
  SnapshotTraffic& traffic_;
  Trace& trace_;
  Try try_;
  Arrived arrived_;
  Tell tell_;
  std::shared_ptr<bool> alive_ = std::make_shared<bool>(true);
  std::shared_ptr<Transfer> current_;
  std::set<std::string> left_;  // by an earlier process
  // Could not be loaded, and until when it is not taken again; Instant{}: since this turn.
  std::optional<storage::SnapshotIdentity> unloadable_;
  Instant unloadable_until_;
  bool left_behind_ = false;    // neither a sender nor a time that ends it
  Instant give_up_at_ = Instant::never();
};

}  // namespace holdfast::server
