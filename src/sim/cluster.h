// A small cluster of replicas in virtual time: the code that ships, over a simulated clock, disk and
// network. No server yet: clients talk to replicas through a few lines that route as server/ does.
//
// A seed decides everything. Faults are drawn by the driver (register_world.h).
#pragma once

#include <cstdint>
#include <functional>
#include <map>
#include <memory>
#include <string>
#include <vector>

#include "base/prng.h"
#include "base/trace.h"
#include "env/clock.h"
#include "replica/outbox.h"
#include "replica/replica.h"
#include "sim/disk.h"
#include "sim/schedule.h"
#include "storage/log.h"

namespace holdfast::sim {

// What the network does to each message between nodes.
struct NetworkFaults {
  std::uint32_t drop_ppm = 0;
  std::uint32_t duplicate_ppm = 0;
  Duration delay_min = microseconds(50);
  Duration delay_max = milliseconds(2);
};

// Messages of consensus may come twice. What server/ sends over a stream (forwards, outcomes) may
// be lost with the stream, but never comes twice.
enum class Delivery : std::uint8_t { at_most_once, any_number };

class Cluster;

// One node: its disk outlives its process.
class Node final : public replica::Outbox, public env::Clock {
 public:
  Node(Cluster& cluster, NodeId id, Prng prng);

  void start();
  void crash(bool power);
  void pause(Duration length);
  bool running() const { return replica_ != nullptr; }
  replica::Replica& replica() { return *replica_; }
  NodeId id() const { return id_; }
  Incarnation incarnation() const { return incarnation_; }

  // Runs `input` on this node's loop and ends the turn; later if it is paused, never if it is down.
  void handle(std::function<void()> input);

  // env::Clock
  Instant now() const override;
  WallTime wall() const override;
  // replica::Outbox
  void send(GroupId group, const consensus::Message& message, ClusterTime stamp) override;
  void send_snapshot(GroupId group, NodeId to) override;
  void outcome(const Origin& origin, replica::Verdict verdict, std::string_view reply,
               Index index) override;
  void role_changed(GroupId group, const consensus::RoleChange& role) override;
  void epoch_applied(GroupId group, Epoch epoch) override;
  void outcomes_lost(GroupId group) override;

 private:
  void end_turn();
  void receive_snapshot(NodeId from, Index index, const std::string& content);

  Cluster& cluster_;
  NodeId id_;
  Prng prng_;
  Disk disk_;
  Incarnation incarnation_;
  std::unique_ptr<storage::Log> log_;
  std::unique_ptr<replica::Replica> replica_;
  Instant paused_until_;
  Instant timer_ = Instant::never();
  std::int64_t skew_ms_;
};

// Told what a node has to say to clients.
class ClientSide {
 public:
  virtual ~ClientSide() = default;
  virtual void on_outcome(NodeId at, const Origin& origin, replica::Verdict verdict,
                          std::string_view reply) = 0;
  virtual void on_leader_changed(NodeId at) = 0;
  virtual void on_epoch_applied(NodeId at, Epoch epoch) = 0;
  virtual void on_outcomes_lost(NodeId at) = 0;
};

class Cluster {
 public:
  Cluster(std::uint64_t seed, std::size_t nodes, ClientSide& clients);

  Schedule& schedule() { return schedule_; }
  Node& node(NodeId id) { return *nodes_.at(id.value - 1); }
  std::vector<std::unique_ptr<Node>>& nodes() { return nodes_; }
  NetworkFaults& network() { return network_; }
  Prng& prng() { return prng_; }
  ClientSide& clients() { return clients_; }

  // Whether bytes from one reach the other now.
  bool connected(NodeId from, NodeId to) const { return !cut_.contains({from, to}); }
  void cut(NodeId from, NodeId to) { cut_[{from, to}] = true; }
  void heal() { cut_.clear(); }
  // Delivers after a delay, or twice, or not at all.
  void transmit(NodeId from, NodeId to, const std::function<void(Node&)>& deliver,
                Delivery delivery = Delivery::any_number);
  // Tells the others that a process is gone, as a reset connection does.
  void announce_death(NodeId id);

 private:
  Schedule schedule_;
  Prng prng_;
  ClientSide& clients_;
  NetworkFaults network_;
  std::map<std::pair<NodeId, NodeId>, bool> cut_;
  std::vector<std::unique_ptr<Node>> nodes_;
};

}  // namespace holdfast::sim
