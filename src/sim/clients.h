// The clients of a simulated cluster: each has one operation under way, at one node, which routes it
// to the leader as server/ does, and learns one of three outcomes.
#pragma once

#include <cstdint>
#include <map>
#include <optional>
#include <string>
#include <vector>

#include "sim/cluster.h"
#include "workload/history.h"

namespace holdfast::sim {

// A lock that was granted, as its owner saw it.
struct SeenGrant {
  std::uint64_t token = 0;
  std::int64_t called_ns = 0;
  std::int64_t returned_ns = 0;
};

class Clients final : public ClientSide {
 public:
  explicit Clients(std::size_t count, std::uint64_t seed);
  void attach(Cluster& cluster) { cluster_ = &cluster; }

  // Every client begins an operation; each goes on with the next by itself.
  void start();
  // No further operations; those under way may end.
  void stop() { stopped_ = true; }
  bool idle() const;
  // The process of that node died: operations at it are unknown.
  void node_died(NodeId node);
  // Counts the operations acknowledged since the last call.
  std::uint64_t take_progress();

  const workload::History& history() const { return history_; }
  std::uint64_t counted() const { return counted_; }
  std::uint64_t maybe_counted() const { return maybe_counted_; }
  const std::vector<SeenGrant>& grants() const { return grants_; }
  std::uint64_t elections() const { return elections_; }
  std::uint64_t installs() const { return installs_; }

  // ClientSide
  void on_outcome(NodeId at, const Origin& origin, replica::Verdict verdict,
                  std::string_view reply) override;
  void on_leader_changed(NodeId at) override;
  void on_epoch_applied(NodeId at, Epoch epoch) override;
  void on_outcomes_lost(NodeId at) override;

 private:
  enum class Kind : std::uint8_t { read, write, count, lock };
  struct Client {
    std::uint32_t id = 0;
    NodeId node;
    bool busy = false;
    bool routed = false;       // given to a leader; an outcome is awaited
    bool ever_routed = false;
    Kind kind = Kind::read;
    std::vector<std::string> words;
    Origin origin;
    std::string record;
    Epoch under;
    std::int64_t called_ns = 0;
    std::string key;
    std::string value;
    std::uint64_t attempt = 0;  // timers of an older one do nothing
  };

  void begin(Client& client);
  std::vector<std::string> choose(Client& client);
  void route(Client& client);
  void retry_soon(Client& client);
  void finish(Client& client, workload::Ended ended, std::string_view reply);
  bool writes(const Client& client) const { return client.kind != Kind::read; }

  Cluster* cluster_ = nullptr;
  Prng prng_;
  std::vector<Client> clients_;
  bool stopped_ = false;
  std::uint64_t next_value_ = 1;
  std::uint64_t next_request_ = 1;
  std::uint64_t progress_ = 0;
  workload::History history_;
  std::uint64_t counted_ = 0;
  std::uint64_t maybe_counted_ = 0;
  std::vector<SeenGrant> grants_;
  std::uint64_t elections_ = 0;
  std::uint64_t installs_ = 0;
};

}  // namespace holdfast::sim
