// The other nodes of the cluster: links to each, what travels on them, who is alive.
//
// Each node dials every other: one connection for small and urgent things (heartbeats, votes,
// liveness) and one for data (entries, forwards, outcomes, snapshots), so that a megabyte of
// entries never delays a heartbeat. A connection starts with a handshake: protocol version,
// cluster, node, folder, incarnation, and the proof of the secret, if there is one; what does not
// fit is refused with a reason in both logs. What arrives from an incarnation older than the newest
// seen is dropped. Format: docs/formats/peer.md.
//
// A connection carries one way: what a node says travels on those it dialled, what it hears arrives
// on those it accepted. A peer counts as gone when nothing connects to it any more, either way
// (milliseconds after a kill -9), or when it has long been silent. That its process has ended is
// certain only when another one greets in its place.
//
// Threads: the loop's.
#pragma once

#include <cstdint>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "base/ids.h"
#include "base/time.h"
#include "base/trace.h"
#include "consensus/message.h"
#include "env/disk.h"
#include "env/network.h"
#include "replica/outbox.h"
#include "server/peer_link.h"
#include "server/snapshot_sender.h"
#include "storage/identity_file.h"
#include "storage/met_starts.h"
#include "storage/snapshot_file.h"

namespace holdfast::server {

// What arrives from other nodes.
class PeerEvents {
 public:
  virtual ~PeerEvents() = default;
  virtual void on_peer_message(consensus::Message message, ClusterTime stamp) = 0;
  // A command that a client gave to `from`; see Replica::submit.
  virtual void on_forward(NodeId from, std::string_view record, bool write, Epoch under) = 0;
  // How a command of one of our connections ended at the leader.
  virtual void on_outcome(const Origin& origin, replica::Verdict verdict, std::string_view reply,
                          Index index) = 0;
  // alive=false: its connections were reset or it has been silent for `peer_timeout`; also told
  // when it returns with a new incarnation (false, then true). Told again when one that was silent
  // turns out to have ended. Meanwhile Peers::incarnation() is still that of the one that is gone.
  virtual void on_peer_liveness(NodeId node, bool alive) = 0;
  // Commands may (again) be forwarded to it. What was forwarded before and has no outcome yet may
  // be lost.
  virtual void on_peer_linked(NodeId /*node*/) {}
  // A snapshot has arrived whole and verified: whether its state can be loaded. What comes back is
  // kept until it is durable.
  virtual Result<std::shared_ptr<void>> try_snapshot(GroupId group, Index index,
                                                     std::string_view content) = 0;
  // … and is durable under its final name.
  virtual void on_snapshot(GroupId group, Index index, std::string content) = 0;
  virtual void on_snapshot_sent(GroupId group, NodeId to, bool delivered) = 0;
  // Whether replicas hold the same: see replica/divergence.h.
  virtual void on_digest(NodeId from, const DigestReport& report) = 0;
  virtual void on_rebuild(NodeId from, const RebuildOrder& order) = 0;
  virtual void on_snapshot_wanted(NodeId by, const SnapshotRequest& request) = 0;
  // A client of another node publishes. The views are valid during the call only.
  virtual void on_published(const Published& /*published*/) {}
  // `by` has met this start of our own folder, of which our identity knows nothing. False: this process
  // ends and must not say another word.
  virtual bool on_unknown_own_start(NodeId by, Incarnation met) = 0;
};

class Peers {
 public:
  struct Options {
    storage::Identity identity;
    storage::MetStarts met;                      // what an earlier process has kept in mind
    Duration reconnect = milliseconds(100);      // first pause, doubled up to ten times as long
    Duration peer_timeout = milliseconds(1000);  // silence after which a peer counts as gone
    std::size_t output_limit = 256 << 20;  // bytes queued for one peer; beyond, its link is cut
    PeerLink::Owner* founding = nullptr;   // gets connections of the founding lane
    PeerKeys keys;
  };
  Peers(Options options, env::Network& network, env::Disk& disk, Trace& trace, PeerEvents& events);
  ~Peers();

  // For node.cc's listener of the peer port.
  std::shared_ptr<env::StreamHandler> accept(env::Stream& stream);
  // Members have come, gone, or got a uid. Not to be called from inside PeerEvents.
  void members_changed(const storage::Identity& identity);

  void send(const consensus::Message& message, ClusterTime stamp);
  // False if there is no link: the command is certainly not done.
  bool forward(NodeId to, std::string_view record, bool write, Epoch under);
  void send_outcome(const Origin& origin, replica::Verdict verdict, std::string_view reply,
                    Index index);
  void send_snapshot(NodeId to, SnapshotSender::Wish wish);
  // Of all snapshots together, from now on; 0: no limit.
  void set_snapshot_rate(std::uint64_t bytes_per_s);
  const SnapshotTraffic& snapshot_traffic() const;
  // A small thing on the data lane, in order with the entries. Lost if there is no link.
  void send_note(NodeId to, FrameKind kind, std::string_view body);

  // To all that are linked and take what is sent to them; the others miss it.
  void publish(const Published& published);

  bool connected(NodeId node) const;  // commands may be forwarded to it
  bool alive(NodeId node) const;
  // Not alive, and surely so: it has been started again, or removed from the cluster. A peer that is
  // silent, or whose connections were reset, may go on later where it stopped.
  bool ended(NodeId node) const;
  Instant last_heard(NodeId node) const;       // Instant{} if never
  Incarnation incarnation(NodeId node) const;  // the newest seen; 0 if never
  // Whether it is on our disk that this start of the node was met.
  bool keeps_in_mind(NodeId node, Incarnation incarnation, std::uint64_t start) const;
  void on_turn_end(Instant now);
  Instant wake_at() const;

  class State;  // peers_state.h

 private:
  std::unique_ptr<State> state_;
};

}  // namespace holdfast::server
