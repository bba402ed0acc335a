// What the client side of a node may ask of the node. Implemented by node.cc, and by a fake in
// tests of connections and dispatch.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "base/ids.h"
#include "base/time.h"
#include "base/trace.h"
#include "env/loop.h"
#include "env/process_figures.h"
#include "replica/replica.h"
#include "server/config.h"
#include "server/snapshot_sender.h"
#include "storage/scrub.h"

namespace holdfast::server {

// A command that waits for a lock, a semaphore or an election in the name of one of this node's
// connections.
struct LockWait {
  keyspace::HoldingKind kind = keyspace::HoldingKind::lock;
  std::string name;
  Origin origin;
};

class AuditLog;

class Services {
 public:
  virtual ~Services() = default;

  // Routes a command to the leader as this node knows it. What comes back comes through
  // Clients::outcome. `under` must be the epoch told by leader_epoch().
  enum class Routed : std::uint8_t {
    sent,        // submitted here or forwarded: an outcome will follow (or the epoch ends)
    no_leader,   // not done: nobody known, or no link to it
    busy,        // not done: try again in the next turn
    no_space,    // not done: the leader's disk is full
  };
  virtual Routed route(std::string_view record, bool write, Epoch under) = 0;
  virtual NodeId leader() const = 0;       // 0: unknown
  virtual Epoch leader_epoch() const = 0;  // of that leader

  virtual NodeId self() const = 0;               // 0 until the node is part of a cluster
  virtual Incarnation incarnation() const = 0;
  virtual const replica::Replica* replica() const = 0;  // null until then
  // Nothing until the node is part of a cluster.
  virtual std::optional<replica::ReplicaStatus> status() const {
    if (replica() == nullptr) return std::nullopt;
    return replica()->status();
  }
  // What this node's replica has applied.
  virtual Index applied() const { return replica() == nullptr ? Index() : replica()->applied(); }
  virtual std::uint64_t cluster_id() const { return 0; }  // 0: unknown
  // Null until then, like the next one.
  virtual const storage::Scrub* scrub() const { return nullptr; }
  // Of snapshots between nodes; null until the node is part of a cluster.
  virtual const SnapshotTraffic* snapshot_traffic() const { return nullptr; }
  // Bytes of a snapshot file of this node, for whoever makes a backup.
  struct Image {
    Index index;             // 0: not ready yet, ask again in a moment
    std::uint64_t size = 0;  // of the whole file
    std::string bytes;       // from the offset asked for; "" at its end
  };
  // `at_least`: what the snapshot holds. The first answer to `who` says which it is; who asks on
  // gets more of that one.
  virtual Result<Image> image(ConnectionId /*who*/, Index /*at_least*/, std::uint64_t /*offset*/) {
    return Error{"ERR this node has no snapshots"};
  }
  // Hands leadership over, if this node leads.
  virtual void hand_over(NodeId /*to*/) {}
  // To the clients of the other nodes, as far as it gets there.
  virtual void publish_elsewhere(std::string_view /*channel*/, std::string_view /*message*/) {}
  // Replica::read_at_once, where this node leads.
  virtual replica::EarlyAnswer read_at_once(const commands::CommandSpec& /*spec*/,
                                            commands::Args /*words*/, resp::Version /*version*/,
                                            bool /*may_be_withheld*/, std::string& /*reply*/) {
    return {};
  }
  // Null: nobody watches it.
  virtual env::LoopWatch* loop() { return nullptr; }
  // Null: there is none.
  virtual AuditLog* audit() { return nullptr; }
  // What became of the newest such order, for INFO (server/transfer_watch.h).
  virtual std::string handed_over() const { return "none"; }
  // Removed from the cluster: no leader will be known here any more.
  virtual bool left() const { return false; }
  // The newest change that a feed tells of, as far as this node has heard.
  virtual std::uint64_t newest_of_feeds() const {
    return replica() == nullptr ? 0 : replica()->newest_of_feeds();
  }
  // The level of the cluster (commands/levels.h) as far as this node knows; 0: not yet.
  virtual std::uint16_t level() const { return replica() == nullptr ? 0 : replica()->level(); }
  // False: what level() says may be long over.
  virtual bool level_known() const { return replica() != nullptr && replica()->level_known(); }
  virtual std::string_view setting(std::string_view name) const = 0;  // replicated, "" if unset
  virtual Config& config() = 0;
  // Connections from now on go by the certificates that these settings name. An error: everything
  // stays as it was.
  virtual Result<void> use_certificates(const Config& /*changed*/) { return {}; }
  // Those in use, one for each side that speaks TLS.
  virtual std::vector<env::CertificateFigures> certificates() const { return {}; }
  virtual Trace& trace() = 0;
  virtual Instant now() const = 0;     // of this turn
  virtual WallTime wall() const = 0;
  virtual std::uint64_t random() = 0;
  // For INFO and `holdfast status`.
  struct PeerView {
    NodeId node;
    std::string address;
    bool connected = false;
    Duration silent_for;
  };
  virtual std::vector<PeerView> peer_views() const = 0;
  virtual std::uint64_t process_id() const = 0;
  virtual Instant started() const = 0;
};

}  // namespace holdfast::server
