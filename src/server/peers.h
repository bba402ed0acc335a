// The other nodes of the cluster: links to each, what travels on them, who is alive.
//
// Each node dials every other: one connection for small and urgent things (heartbeats, votes,
// liveness) and one for data (entries, forwards, outcomes, snapshots), so that a megabyte of
// entries never delays a heartbeat. A connection starts with a handshake: protocol version, cluster,
// node, folder, incarnation; what does not fit is refused with a reason in both logs. What arrives
// from an incarnation older than the newest seen is dropped. Format: docs/formats/peer.md.
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
#include "storage/identity_file.h"
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
  // alive=false: its connections were reset or it has been silent for `peer_timeout`; also told when
  // it returns with a new incarnation (false, then true).
  virtual void on_peer_liveness(NodeId node, bool alive) = 0;
  // A snapshot has arrived whole, verified, durable under its final name.
  virtual void on_snapshot(GroupId group, Index index, std::string content) = 0;
  virtual void on_snapshot_sent(GroupId group, NodeId to, bool delivered) = 0;
};

class Peers {
 public:
  struct Options {
    storage::Identity identity;
    Duration reconnect = milliseconds(100);     // first pause, doubled up to ten times as long
    Duration peer_timeout = milliseconds(1000);  // silence after which a peer counts as gone
    std::size_t output_limit = 256 << 20;       // bytes queued for one peer; beyond, its link is cut
  };
  Peers(Options options, env::Network& network, env::Disk& disk, Trace& trace, PeerEvents& events);
  ~Peers();

  // For node.cc's listener of the peer port.
  std::shared_ptr<env::StreamHandler> accept(env::Stream& stream);

  void send(const consensus::Message& message, ClusterTime stamp);
  // False if there is no link: the command is certainly not done.
  bool forward(NodeId to, std::string_view record, bool write, Epoch under);
  void send_outcome(const Origin& origin, replica::Verdict verdict, std::string_view reply,
                    Index index);
  void send_snapshot(GroupId group, NodeId to, const storage::SnapshotFile& file);

  bool connected(NodeId node) const;
  Instant last_heard(NodeId node) const;  // Instant{} if never
  void on_turn_end(Instant now);
  Instant wake_at() const;

 private:
  struct State;
  std::unique_ptr<State> state_;
};

}  // namespace holdfast::server
