// A node: sockets on one side, a replica on the other. Only the order of steps is here; the steps
// are in what it owns. node.cc has the turn, node_start.cc the way into a cluster and out of the
// process, node_recovery.cc what follows when the folder is damaged, node_scrub.cc how damage is found
// before that, node_outbox.cc what the replica and the peers say, node_health.cc what watchers are told.
//
// A turn: the founding's messages, the peers' timers, the clients' batch, the replica's end of turn
// (which proposes, reads, applies and starts the log's sync). What all of them sent leaves after
// it.
//
// Threads: the loop's. Does not own the world that it is given.
#pragma once

#include <cstdint>
#include <functional>
#include <map>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "base/prng.h"
#include "base/trace.h"
#include "env/clock.h"
#include "env/disk.h"
#include "env/loop.h"
#include "env/network.h"
#include "env/process_figures.h"
#include "replica/outbox.h"
#include "replica/replica.h"
#include "server/audit_log.h"
#include "server/bootstrap.h"
#include "server/clients.h"
#include "server/config.h"
#include "server/departures.h"
#include "server/forward_order.h"
#include "server/founding_links.h"
#include "server/health.h"
#include "server/http_port.h"
#include "server/image_reader.h"
#include "server/peers.h"
#include "server/services.h"
#include "server/node_disk.h"
#include "server/transfer_watch.h"
#include "storage/identity_file.h"
#include "storage/log.h"
#include "storage/scrub.h"

namespace holdfast::server {

// How the last words of a node begin that has found out that its folder is an older copy, and is to be
// started again: the folder is ready for that.
inline constexpr std::string_view kOlderCopy = "this data folder is an older copy of itself";
inline constexpr std::string_view kTooFewToForget =
    "A cluster of fewer than three nodes cannot do without what this one has forgotten. Its data has not "
    "been changed. Put the newer folder back. If that is gone: a node that had no vote is removed and "
    "joins with an empty folder; if this one voted, make a new cluster of the other's folder (holdfast "
    "recover) or of a backup.";

// Said by a node that has no place any more.
inline constexpr std::string_view kRemoved =
    "this node was removed from the cluster: the others keep the data, and this folder is of no "
    "use to them any more. To take part again, start with an empty data folder and --join.";

struct NodeOptions {
  Config config;
  std::uint64_t seed = 0;
  std::uint64_t process_id = 0;
  // What this node proves itself to others with; see peer_proof.h. Without secrets other nodes are
  // met on loopback only. With them `entropy` is needed: numbers that nobody can foresee.
  std::vector<std::string> secrets = {};
  std::function<std::uint64_t()> entropy = {};
  // The folder that the setting audit-log names; null: it cannot be used, and what belongs there is
  // counted. Outlives the node. Its failures are no failures of the node's.
  env::Disk* audit_disk = nullptr;
  // What plain clients are listened for through; null: through the network of everything else. Outlives
  // the node.
  env::Network* clients = nullptr;
  // Where TLS is wanted: clients are also listened for, and other nodes met, through these. Null:
  // they are not. They outlive the node.
  env::Network* tls_clients = nullptr;
  env::Network* tls_peers = nullptr;
  // Reads the certificates again that these settings name; may be empty.
  std::function<Result<void>(const Config&)> use_certificates = {};
  // Those that these networks show; may be empty.
  std::function<std::vector<env::CertificateFigures>()> certificates = {};
  // What this node, if it leads, has accepted and not done is bounded by this; beyond it is busy.
  std::uint64_t pending_bytes = 64 << 20;
  // The node cannot go on; `message` is for people. The process must end before anything more is
  // sent: called at most once, and the node does nothing afterwards.
  std::function<void(const std::string& message)> fatal;
  // The shutdown in order is complete.
  std::function<void()> stopped;
  // Told of everything that entries do, whoever else listens; for observers, may be empty, like the next:
  // a snapshot took the place of entries.
  std::function<void(const replica::EntryNotices&)> noticed = {};
  std::function<void()> notices_missed = {};
  // The loop on which this node runs; null: nobody watches it. Outlives the node.
  env::LoopWatch* loop = nullptr;
  // Asked when somebody wants the metrics; may be empty.
  std::function<env::ProcessFigures()> process_figures = {};
};

class Node final : public env::TurnHandler,
                   public Services,
                   private PeerEvents,
                   private replica::Outbox,
                   private storage::Scrub::Owner,
                   private FoundingLinks::Events {
 public:
  Node(NodeOptions options, env::Clock& clock, env::Disk& disk, env::Network& network,
       Trace& trace);
  ~Node() override;

  // Listens, finds out who this folder is, and serves or asks for a place in a cluster. An error is
  // for people; the process then ends.
  Result<void> start();
  // Hands leadership over, lets clients finish (at most two seconds), then calls `stopped`. A
  // second call ends it at once.
  void shut_down();

  void on_turn_end() override;
  Instant wake_at() const override;

  // ---- Services
  Routed route(std::string_view record, bool write, Epoch under) override;
  NodeId leader() const override;
  Epoch leader_epoch() const override;
  NodeId self() const override { return identity_.node; }
  Incarnation incarnation() const override { return identity_.incarnation; }
  const replica::Replica* replica() const override { return replica_.get(); }
  std::uint64_t cluster_id() const override { return identity_.cluster_id; }
  const storage::Scrub* scrub() const override { return scrub_.get(); }
  const SnapshotTraffic* snapshot_traffic() const override {
    return peers_ ? &peers_->snapshot_traffic() : nullptr;
  }
  Result<Image> image(ConnectionId who, Index at_least, std::uint64_t offset) override;
  void hand_over(NodeId to) override;
  void publish_elsewhere(std::string_view channel, std::string_view message) override;
  AuditLog* audit() override { return audit_.get(); }
  std::string handed_over() const override { return transfer_.text(); }
  bool left() const override { return leaving_ && ending_since_.has_value(); }
  replica::EarlyAnswer read_at_once(const commands::CommandSpec& spec, commands::Args words,
                                    resp::Version version, bool may_be_withheld,
                                    std::string& reply) override {
    if (!replica_) return {};
    return replica_->read_at_once(spec, words, version, may_be_withheld, reply);
  }
  env::LoopWatch* loop() override { return options_.loop; }
  std::string_view setting(std::string_view name) const override;
  Config& config() override { return options_.config; }
  Result<void> use_certificates(const Config& changed) override;
  std::vector<env::CertificateFigures> certificates() const override {
    return options_.certificates ? options_.certificates() : std::vector<env::CertificateFigures>();
  }
  Trace& trace() override { return trace_; }
  Instant now() const override;
  WallTime wall() const override { return clock_.wall(); }
  std::uint64_t random() override { return prng_.next(); }
  std::vector<PeerView> peer_views() const override;
  std::uint64_t process_id() const override { return options_.process_id; }
  Instant started() const override { return started_; }

  const storage::Identity& identity() const { return identity_; }
  // Whether the newest start of another node's folder is known here, durably.
  bool keeps_in_mind(const storage::Identity& other) const;
  // Of its clients, who waits for a lock.
  std::vector<LockWait> waits() const;

 private:
  void report_departures(Instant turn);
  void report_transfer(Instant turn);
  void report_unheard(Instant turn);

  // ---- node_start.cc
  Result<void> look_at_folder();
  void take_peer_port();
  Result<void> may_start() const;
  Result<void> listen();
  Result<void> listen_for_clients();
  env::Network& peer_network() const;
  Result<void> begin();
  void forget_old_promises(Instant turn);
  Result<void> open_log(bool must_exist);
  // node_recovery.cc
  Result<void> open_own_log();
  Result<void> begin_without(std::string_view damage);
  Result<void> open_replica();
  void say_recovering(const consensus::Status& status);
  void continue_recovery(Instant now);
  bool on_unknown_own_start(NodeId by, Incarnation met) override;
  // Makes the folder part of a cluster, durably.
  Result<void> establish(const storage::Identity& identity);
  Result<void> serve();
  replica::ReplicaOptions replica_options() const;
  void continue_founding(Instant now);
  FoundingAnswer on_founding_report(const FoundingReport& report) override;
  void on_founding_answer(std::uint32_t place, const FoundingAnswer& answer) override;
  void continue_shutdown(Instant now);
  void fail(const std::string& message);
  std::uint64_t fresh_id();

  // ---- node_scrub.cc
  void continue_scrub(Instant now);
  void mend(const storage::ScrubFile& file);
  std::vector<storage::ScrubFile> files_to_scrub() const override;
  void on_damage(const storage::ScrubFile& file, const std::string& what) override;
  void on_repaired(const storage::ScrubFile& file) override;

  // ---- node_members.cc
  std::string founding_roster() const;
  void take_roster();
  void tell_level();
  void leave_if_out();
  void ask_for_number(std::uint64_t folder_uid, const Place& place);

  // ---- the audit log (node_outbox.cc)
  void open_audit();
  std::uint8_t wanted_topics();
  // ---- node_health.cc
  Result<void> listen_for_http();
  HttpAnswer http_answer(std::string_view path) const;
  Standing standing() const;
  void count_role(const consensus::RoleChange& role);

  // ---- node_outbox.cc: PeerEvents
  void on_peer_message(consensus::Message message, ClusterTime stamp) override;
  void on_forward(NodeId from, std::string_view record, bool write, Epoch under) override;
  void on_outcome(const Origin& origin, replica::Verdict verdict, std::string_view reply,
                  Index index) override;
  void on_peer_liveness(NodeId node, bool alive) override;
  void on_peer_linked(NodeId node) override;
  Result<std::shared_ptr<void>> try_snapshot(GroupId group, Index index,
                                             std::string_view content) override;
  void on_snapshot(GroupId group, Index index, std::string content) override;
  void on_snapshot_sent(GroupId group, NodeId to, bool delivered) override;
  void on_digest(NodeId from, const DigestReport& report) override;
  void on_rebuild(NodeId from, const RebuildOrder& order) override;
  void on_snapshot_wanted(NodeId by, const SnapshotRequest& request) override;
  void on_published(const Published& published) override;
  // ---- replica::Outbox
  void send(GroupId group, const consensus::Message& message, ClusterTime stamp) override;
  void send_snapshot(GroupId group, NodeId to) override;
  void tell_digest(GroupId group, NodeId leader, Index index, std::uint64_t hash) override;
  void order_rebuild(GroupId group, NodeId to, Epoch under, Index index) override;
  void ask_for_snapshot(GroupId group, NodeId leader, Index at_least) override;
  void reads_settled(GroupId group, consensus::ReadTicket ticket, bool right) override;
  void outcome(const Origin& origin, replica::Verdict verdict, std::string_view reply,
               Index index) override;
  void role_changed(GroupId group, const consensus::RoleChange& role) override;
  void epoch_applied(GroupId group, Epoch epoch) override;
  void outcomes_lost(GroupId group) override;
  void noticed(GroupId group, replica::EntryNotices&& entry) override;
  void notices_missed(GroupId group, Index from, Index to) override;

  NodeOptions options_;
  const PeerKeys keys_;
  env::Clock& clock_;
  NodeDisk node_disk_;
  env::Disk& disk_ = node_disk_;
  env::Network& network_;
  Trace& trace_;
  Prng prng_;
  Instant started_;
  mutable std::optional<Instant> turn_now_;  // read once in a turn
  storage::Identity identity_;

  std::unique_ptr<FoundingLinks> founding_;
  std::optional<Bootstrap> bootstrap_;        // while the folder is empty
  std::optional<storage::Identity> adopted_;  // to be established and served at the turn's end
  bool serve_soon_ = false;                   // established; to be served at the turn's end
  Instant say_at_;                            // when to say again what is waited for

  std::unique_ptr<storage::Log> log_;
  storage::LogRecovery recovery_;
  std::unique_ptr<Peers> peers_;
  std::unique_ptr<replica::Replica> replica_;
  std::unique_ptr<Clients> clients_;
  std::unique_ptr<AuditLog> audit_;  // null: there is none
  std::unique_ptr<env::Listener> client_listener_;  // null: they speak TLS only
  std::unique_ptr<env::Listener> tls_listener_;     // null: they speak no TLS
  std::unique_ptr<env::Listener> peer_listener_;
  std::unique_ptr<HttpPort> http_;  // null: off
  std::unique_ptr<env::Listener> http_listener_;
  std::unique_ptr<ImageReader> images_;  // once there is a replica
  std::unique_ptr<storage::Scrub> scrub_;  // likewise

  // For the metrics, since start.
  std::uint64_t leader_changes_ = 0;
  std::uint64_t elections_ = 0;
  std::uint64_t unfinished_writes_ = 0;
  NodeId counted_leader_;
  Epoch counted_epoch_;

  Duration may_have_promised_;  // an earlier process: consensus::Recovered
  Instant begun_at_;
  bool recovering_ = false;  // the folder has lost something: decision 0010
  std::uint64_t damages_ = 0;
  std::string log_damage_;  // why it could not be opened; empty: not for that
  std::optional<consensus::WriteId> whole_with_;  // … has it again when this write is durable
  bool leaving_recovery_ = false;
  Instant say_recovering_at_;
  std::shared_ptr<int> alive_ = std::make_shared<int>(0);

  TransferWatch transfer_;
  ForwardOrder forward_order_;
  Departures departures_;
  bool reported_own_past_ = false;
  bool reported_unheard_ = false;
  Epoch forwarded_under_;  // the last command that was forwarded went under this epoch ...
  NodeId forwarded_to_;    // ... to this node; 0: nothing since the link to it was made
  std::string password_;   // the setting as clients were last told
  std::string roster_;     // … as it was last looked at
  std::string levels_;     // … likewise
  std::uint16_t level_told_ = 0;  // that is known of this node, as far as it has looked
  Instant level_again_;           // when it may be said again
  bool leaving_ = false;   // the roster says that this node is removed
  std::uint64_t numbers_asked_ = 0;          // requests of ask_for_number
  std::map<std::uint64_t, Instant> asked_;   // folders, and when a number was last asked for them
  std::optional<Instant> ending_since_;
  bool end_now_ = false;
  bool ended_ = false;  // failed or stopped: nothing is done any more
};

}  // namespace holdfast::server
