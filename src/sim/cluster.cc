#include "sim/cluster.h"

#include <fmt/format.h>

#include <algorithm>

#include "base/check.h"

namespace holdfast::sim {
namespace {

// Small, so that a short run rolls segments, makes snapshots and sends them.
constexpr std::uint64_t kSegmentBytes = 64 << 10;
constexpr std::uint64_t kSnapshotAfter = 6 << 10;
constexpr std::uint64_t kKeepTail = 1 << 10;
constexpr GroupId kGroup{0};

class SimTrace final : public Trace {
 public:
  bool enabled(Level) const override { return false; }
  void write(Level, std::string_view, std::initializer_list<Field>) override {}
};

SimTrace g_silence;

}  // namespace

Node::Node(Cluster& cluster, NodeId id, Prng prng)
    : cluster_(cluster),
      id_(id),
      prng_(prng),
      disk_(cluster.schedule(), prng_.fork(),
            [this](std::function<void()> done) { handle(std::move(done)); }),
      skew_ms_(prng_.between(-500, 500)) {}

Instant Node::now() const { return cluster_.schedule().now(); }

WallTime Node::wall() const {
  return {1'700'000'000'000 + cluster_.schedule().now().ns / 1'000'000 + skew_ms_};
}

void Node::start() {
  CHECK(!running());
  incarnation_ = Incarnation(incarnation_.value + 1);
  storage::LogRecovery recovered;
  auto log = storage::Log::open(
      disk_, g_silence, {.segment_bytes = kSegmentBytes, .folder_id = id_.value},
      [this](const std::string& what) { fail(__FILE__, __LINE__, "disk", what); }, recovered);
  CHECK(log.ok(), "node {}: {}", id_, log.error().message);
  log_ = std::move(*log);
  storage::GroupRecovery group;
  for (auto& [found, recovery] : recovered.groups) {
    if (found == kGroup) group = std::move(recovery);
  }
  consensus::Membership founding;
  for (const auto& node : cluster_.nodes()) founding.voters.push_back(node->id());
  replica::ReplicaOptions options;
  options.protocol.group = kGroup;
  options.protocol.self = id_;
  options.incarnation = incarnation_;
  options.snapshot_after_bytes = kSnapshotAfter;
  options.keep_tail_bytes = kKeepTail;
  auto replica = replica::Replica::open(options, *this, disk_, *log_, g_silence, *this, group,
                                        founding, prng_.next());
  CHECK(replica.ok(), "node {}: {}", id_, replica.error().message);
  replica_ = std::move(*replica);
  timer_ = Instant::never();
  handle([] {});
}

void Node::crash(bool power) {
  if (!running()) return;
  replica_.reset();
  log_.reset();
  disk_.crash(power);
  paused_until_ = {};
}

void Node::pause(Duration length) { paused_until_ = now() + length; }

void Node::handle(std::function<void()> input) {
  if (!running()) return;
  if (paused_until_ > now()) {
    cluster_.schedule().at(paused_until_,
                           [this, input = std::move(input), incarnation = incarnation_] {
                             if (running() && incarnation == incarnation_) handle(input);
                           });
    return;
  }
  input();
  end_turn();
}

void Node::end_turn() {
  replica_->end_turn(now());
  replica_->check_invariants();
  const Instant wake = std::max(replica_->wake_at(), now() + microseconds(1));
  if (wake >= timer_) return;
  timer_ = wake;
  cluster_.schedule().at(wake, [this, wake, incarnation = incarnation_] {
    if (incarnation != incarnation_ || timer_ != wake) return;
    timer_ = Instant::never();
    handle([] {});
  });
}

void Node::send(GroupId, const consensus::Message& message, ClusterTime stamp) {
  cluster_.transmit(id_, message.to, [message, stamp](Node& to) {
    to.replica().receive(message, stamp);
  });
}

void Node::send_snapshot(GroupId, NodeId to) {
  const auto& file = replica_->stored_snapshot();
  CHECK(file.has_value(), "a snapshot is wished for and none is stored");
  auto content = disk_.read(file->name, UINT64_MAX);
  CHECK(content.ok());
  bool arrives = running() && cluster_.connected(id_, to) && cluster_.node(to).running() &&
                 prng_.below(4) != 0;
  cluster_.schedule().after(
      milliseconds(prng_.between(1, 20)),
      [this, to, arrives, index = file->index, bytes = *content, incarnation = incarnation_] {
        if (arrives) {
          Node& receiver = cluster_.node(to);
          receiver.handle([&receiver, from = id_, index, bytes] {
            receiver.receive_snapshot(from, index, bytes);
          });
        } else if (running() && incarnation == incarnation_) {
          handle([this, to] { replica_->snapshot_sent(to, false); });
        }
      });
}

void Node::receive_snapshot(NodeId from, Index index, const std::string& content) {
  const auto name = storage::snapshot_name(kGroup, index);
  const auto temporary = storage::snapshot_temporary_name(kGroup, index);
  disk_.submit(env::Lane::background,
               {{env::RemoveFile{temporary}, env::WriteFile{temporary, 0, {SharedBytes(content)}},
                 env::SyncFile{temporary}, env::RenameFile{temporary, name}, env::SyncFolder{}},
                [this, from, index, content](Result<void> written) {
                  CHECK(written.ok());
                  replica_->snapshot_arrived(index, content);
                  cluster_.transmit(id_, from, [to = id_](Node& sender) {
                    sender.replica().snapshot_sent(to, true);
                  });
                }});
}

void Node::outcome(const Origin& origin, replica::Verdict verdict, std::string_view reply, Index) {
  if (origin.node == id_) {
    cluster_.clients().on_outcome(id_, origin, verdict, reply);
    return;
  }
  cluster_.transmit(id_, origin.node,
                    [origin, verdict, text = std::string(reply)](Node& to) {
                      if (to.incarnation() != origin.incarnation) return;
                      to.cluster_.clients().on_outcome(to.id_, origin, verdict, text);
                    },
                    Delivery::at_most_once);
}

void Node::role_changed(GroupId, const consensus::RoleChange&) {
  cluster_.clients().on_leader_changed(id_);
}
void Node::epoch_applied(GroupId, Epoch epoch) {
  cluster_.clients().on_epoch_applied(id_, epoch);
}
void Node::outcomes_lost(GroupId) { cluster_.clients().on_outcomes_lost(id_); }

Cluster::Cluster(std::uint64_t seed, std::size_t nodes, ClientSide& clients)
    : prng_(seed), clients_(clients) {
  for (std::size_t i = 1; i <= nodes; ++i) {
    nodes_.push_back(std::make_unique<Node>(*this, NodeId(i), prng_.fork()));
  }
}

void Cluster::transmit(NodeId from, NodeId to, const std::function<void(Node&)>& deliver,
                       Delivery delivery) {
  if (!connected(from, to) || prng_.chance_ppm(network_.drop_ppm)) return;
  const auto once = [&] {
    const Duration delay{prng_.between(network_.delay_min.ns, network_.delay_max.ns)};
    schedule_.after(delay, [this, from, to, deliver] {
      // What was on its way when the link was cut is lost, too.
      if (!connected(from, to)) return;
      Node& node = this->node(to);
      node.handle([&node, deliver] { deliver(node); });
    });
  };
  once();
  if (delivery == Delivery::any_number && prng_.chance_ppm(network_.duplicate_ppm)) once();
}

void Cluster::announce_death(NodeId id) {
  for (const auto& node : nodes_) {
    if (node->id() == id) continue;
    transmit(id, node->id(), [id](Node& to) { to.replica().peer_liveness(id, false); });
  }
}

}  // namespace holdfast::sim
