#include "sim/register_world.h"

#include <fmt/format.h>

#include <algorithm>
#include <set>

#include "base/checksum.h"
#include "sim/clients.h"
#include "sim/cluster.h"
#include "workload/checkers/linearizable.h"

namespace holdfast::sim {
namespace {

class World {
 public:
  explicit World(const WorldOptions& options)
      : options_(options),
        prng_(mix(options.seed, 1)),
        clients_(options.clients, mix(options.seed, 2)),
        cluster_(mix(options.seed, 3), options.nodes, clients_) {
    clients_.attach(cluster_);
  }

  WorldReport run() {
    for (auto& node : cluster_.nodes()) node->start();
    clients_.start();
    const Instant calm = cluster_.schedule().now() + milliseconds(options_.faulty_ms);
    if (options_.faults) plan_fault();
    run_until(calm);
    heal();
    settle();
    judge();
    report_.hash = hash();
    return report_;
  }

 private:
  void run_until(Instant end) {
    while (cluster_.schedule().now() < end && cluster_.schedule().step()) {
    }
  }

  // ---- faults
  void plan_fault() {
    cluster_.schedule().after(milliseconds(prng_.between(5, 250)), [this] {
      if (healed_) return;
      fault();
      plan_fault();
    });
  }

  NodeId any_node() { return NodeId(1 + prng_.below(options_.nodes)); }

  void fault() {
    switch (prng_.below(12)) {
      case 0:
      case 1:
      case 2: crash(any_node(), prng_.below(2) == 0); break;
      case 3: crash(leader_or_any(), prng_.below(2) == 0); break;
      case 4: cluster_.node(any_node()).pause(milliseconds(prng_.between(10, 1500))); break;
      case 5: isolate(leader_or_any()); break;
      case 6: cluster_.cut(any_node(), any_node()); break;
      case 7:
      case 8: cluster_.heal(); break;
      case 9: shake(); break;
      case 10: hand_over(); break;
      default:
        if (prng_.below(4) == 0) {
          for (std::size_t i = 1; i <= options_.nodes; ++i) crash(NodeId(i), true);
        }
    }
  }

  NodeId leader_or_any() {
    for (auto& node : cluster_.nodes()) {
      if (node->running() && node->replica().role() == consensus::Role::leader) return node->id();
    }
    return any_node();
  }

  void crash(NodeId id, bool power) {
    Node& node = cluster_.node(id);
    if (!node.running()) return;
    ++report_.crashes;
    node.crash(power);
    clients_.node_died(id);
    // A killed process resets its connections; a machine without power says nothing.
    if (!power) cluster_.announce_death(id);
    cluster_.schedule().after(milliseconds(prng_.between(5, 1500)), [this, id] {
      if (!cluster_.node(id).running()) cluster_.node(id).start();
    });
  }

  void isolate(NodeId id) {
    for (auto& node : cluster_.nodes()) {
      cluster_.cut(id, node->id());
      if (prng_.below(3) != 0) cluster_.cut(node->id(), id);
    }
  }

  void shake() {
    auto& network = cluster_.network();
    network.drop_ppm = static_cast<std::uint32_t>(prng_.below(200'000));
    network.duplicate_ppm = static_cast<std::uint32_t>(prng_.below(200'000));
    network.delay_max = microseconds(prng_.between(100, 30'000));
  }

  void hand_over() {
    Node& node = cluster_.node(leader_or_any());
    node.handle([&node] { node.replica().hand_over(); });
  }

  // ---- the end
  void heal() {
    healed_ = true;
    cluster_.heal();
    cluster_.network() = {};
    for (auto& node : cluster_.nodes()) {
      node->pause({});
      if (!node->running()) node->start();
    }
  }

  // The cluster must serve again, then stand still with equal replicas.
  void settle() {
    clients_.take_progress();
    run_until(cluster_.schedule().now() + seconds(6));
    if (clients_.take_progress() < options_.clients) problem("no progress after the faults ended");
    clients_.stop();
    const Instant give_up = cluster_.schedule().now() + seconds(20);
    while (cluster_.schedule().now() < give_up && !(clients_.idle() && equal())) {
      run_until(cluster_.schedule().now() + milliseconds(100));
    }
    if (!clients_.idle()) problem("an operation never ended");
    if (!equal()) problem("the replicas did not reach the same entry");
  }

  bool equal() {
    std::set<std::uint64_t> applied;
    for (auto& node : cluster_.nodes()) applied.insert(node->replica().applied().value);
    return applied.size() == 1;
  }

  void problem(const std::string& text) {
    if (!report_.ok) return;
    report_.ok = false;
    report_.problem = fmt::format("seed {}: {}", options_.seed, text);
  }

  void judge() {
    const auto verdict = workload::check_linearizable(clients_.history());
    if (!verdict.ok) problem(verdict.explanation);
    check_counter();
    check_tokens();
    std::set<std::uint64_t> digests;
    for (auto& node : cluster_.nodes()) digests.insert(node->replica().keyspace().digest());
    if (digests.size() != 1) problem("replicas at the same entry differ");
    for (const auto& operation : clients_.history()) {
      ++report_.operations;
      if (operation.ended == workload::Ended::ok) ++report_.acknowledged;
      if (operation.ended == workload::Ended::unknown) ++report_.unknown;
    }
    report_.elections = clients_.elections();
    report_.snapshots_installed = clients_.installs();
    report_.grants = clients_.grants().size();
  }

  void check_counter() {
    const auto& keyspace = cluster_.node(NodeId(1)).replica().keyspace();
    std::uint64_t value = 0;
    keyspace.for_each([&](const keyspace::Object& object) {
      if (object.name == "counter") value = static_cast<std::uint64_t>(object.value.as_integer());
      return true;
    });
    if (value < clients_.counted() || value > clients_.counted() + clients_.maybe_counted()) {
      problem(fmt::format("the counter is {}; acknowledged {}, unknown {}", value,
                          clients_.counted(), clients_.maybe_counted()));
    }
  }

  void check_tokens() {
    const auto& grants = clients_.grants();
    for (const auto& a : grants) {
      for (const auto& b : grants) {
        if (&a != &b && a.token == b.token) problem(fmt::format("token {} twice", a.token));
        if (a.returned_ns < b.called_ns && a.token > b.token) {
          problem(fmt::format("token {} was granted after token {}", b.token, a.token));
        }
      }
    }
  }

  std::uint64_t hash() {
    std::uint64_t result = cluster_.schedule().events_run();
    for (const auto& operation : clients_.history()) {
      result = mix(result, checksum(operation.key + "=" + operation.arg + operation.ret,
                                    mix(static_cast<std::uint64_t>(operation.call_ns),
                                        static_cast<std::uint64_t>(operation.return_ns))));
    }
    return mix(result, cluster_.node(NodeId(1)).replica().keyspace().digest());
  }

  WorldOptions options_;
  Prng prng_;
  Clients clients_;
  Cluster cluster_;
  WorldReport report_;
  bool healed_ = false;
};

}  // namespace

WorldReport run_register_world(const WorldOptions& options) { return World(options).run(); }

}  // namespace holdfast::sim
