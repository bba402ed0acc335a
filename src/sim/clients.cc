#include "sim/clients.h"

#include <fmt/format.h>

#include <algorithm>
#include <charconv>

#include "base/check.h"
#include "replica/command_record.h"

namespace holdfast::sim {
namespace {

constexpr std::int64_t kPatienceMs = 3000;

// ":17\r\n" or "$2\r\n17\r\n": the text of the reply's first value; nothing for a null.
std::string first_value(std::string_view reply) {
  if (reply.empty() || reply.starts_with("$-1") || reply.starts_with("*-1")) return {};
  if (reply.front() == '*') reply.remove_prefix(reply.find('\n') + 1);
  if (reply.front() == '$') reply.remove_prefix(reply.find('\n'));
  return std::string(reply.substr(1, reply.find('\r') - 1));
}

}  // namespace

Clients::Clients(std::size_t count, std::uint64_t seed) : prng_(seed), clients_(count) {
  for (std::size_t i = 0; i < count; ++i) clients_[i].id = static_cast<std::uint32_t>(i);
}

void Clients::start() {
  for (auto& client : clients_) begin(client);
}

bool Clients::idle() const {
  return std::none_of(clients_.begin(), clients_.end(), [](const auto& c) { return c.busy; });
}

std::uint64_t Clients::take_progress() { return std::exchange(progress_, 0); }

std::vector<std::string> Clients::choose(Client& client) {
  client.value.clear();
  const auto dice = prng_.below(100);
  if (dice < 40) {
    client.kind = Kind::read;
    client.key = fmt::format("r{}", prng_.below(4));
    return {"GET", client.key};
  }
  if (dice < 75) {
    client.kind = Kind::write;
    client.key = fmt::format("r{}", prng_.below(4));
    client.value = fmt::format("{}", next_value_++);
    return {"SET", client.key, client.value};
  }
  if (dice < 88) {
    client.kind = Kind::count;
    return {"INCR", "counter"};
  }
  client.kind = Kind::lock;
  // An owner of its own for each try, so that a repeated grant would be a violation.
  return {"LOCK.ACQUIRE", "lock", fmt::format("o{}", next_value_++), "TTL",
          fmt::format("{}", prng_.between(20, 200))};
}

void Clients::begin(Client& client) {
  if (stopped_ || client.busy) return;
  client.node = NodeId(1 + prng_.below(cluster_->nodes().size()));
  Node& node = cluster_->node(client.node);
  ++client.attempt;
  const auto again = [this, id = client.id, attempt = client.attempt] {
    if (clients_[id].attempt == attempt) begin(clients_[id]);
  };
  if (!node.running()) {
    cluster_->schedule().after(milliseconds(prng_.between(5, 50)), again);
    return;
  }
  client.busy = true;
  client.routed = false;
  client.ever_routed = false;
  client.origin = {};  // a late outcome of the last operation is none of this one
  client.words = choose(client);
  client.called_ns = cluster_->schedule().now().ns;
  cluster_->schedule().after(milliseconds(kPatienceMs),
                             [this, id = client.id, attempt = client.attempt] {
                               Client& late = clients_[id];
                               if (late.attempt != attempt || !late.busy) return;
                               finish(late,
                                      late.ever_routed ? workload::Ended::unknown
                                                       : workload::Ended::failed,
                                      {});
                             });
  route(client);
}

void Clients::route(Client& client) {
  Node& node = cluster_->node(client.node);
  const NodeId leader = node.replica().leader();
  if (leader == NodeId()) {
    retry_soon(client);
    return;
  }
  client.under = node.replica().epoch();
  // A new number for each try: an outcome of an earlier one, late, must not be taken for this one's.
  client.origin = {client.node, node.incarnation(), ConnectionId(client.id + 1), next_request_++};
  client.record.clear();
  replica::encode_command(0, client.origin, {client.words.begin(), client.words.end()},
                          client.record);
  client.routed = true;
  client.ever_routed = true;
  const auto submit = [record = client.record, write = writes(client), under = client.under,
                       origin = client.origin](Node& at) {
    if (at.replica().submit(record, write, under) == replica::Accepted::yes) return;
    at.outcome(origin, replica::Verdict::not_done, {}, Index());
  };
  if (leader == client.node) {
    node.handle([&node, submit] { submit(node); });
  } else {
    cluster_->transmit(client.node, leader, submit, Delivery::at_most_once);
  }
}

void Clients::retry_soon(Client& client) {
  client.routed = false;
  cluster_->schedule().after(milliseconds(prng_.between(1, 20)),
                             [this, id = client.id, attempt = client.attempt] {
                               Client& waiting = clients_[id];
                               if (waiting.attempt != attempt || !waiting.busy || waiting.routed) {
                                 return;
                               }
                               if (cluster_->node(waiting.node).running()) route(waiting);
                             });
}

void Clients::finish(Client& client, workload::Ended ended, std::string_view reply) {
  using workload::Ended;
  CHECK(client.busy);
  const std::int64_t returned = cluster_->schedule().now().ns;
  const bool ok = ended == Ended::ok;
  if (ok) ++progress_;
  switch (client.kind) {
    case Kind::read:
    case Kind::write:
      history_.push_back({.client = client.id,
                          .op = client.kind == Kind::read ? workload::Op::read : workload::Op::write,
                          .key = client.key,
                          .arg = client.value,
                          .ret = client.kind == Kind::read ? first_value(reply) : "OK",
                          .call_ns = client.called_ns,
                          .return_ns = returned,
                          .ended = ended});
      break;
    case Kind::count:
      if (ok) ++counted_;
      if (ended == Ended::unknown) ++maybe_counted_;
      break;
    case Kind::lock: {
      const std::string token = first_value(reply);
      if (!ok || token.empty()) break;
      SeenGrant grant{0, client.called_ns, returned};
      std::from_chars(token.data(), token.data() + token.size(), grant.token);
      grants_.push_back(grant);
      break;
    }
  }
  client.busy = false;
  ++client.attempt;
  cluster_->schedule().after(microseconds(prng_.between(10, 8000)),
                             [this, id = client.id, attempt = client.attempt] {
                               if (clients_[id].attempt == attempt) begin(clients_[id]);
                             });
}

void Clients::node_died(NodeId node) {
  for (auto& client : clients_) {
    if (!client.busy || client.node != node) continue;
    finish(client,
           client.ever_routed ? workload::Ended::unknown : workload::Ended::failed, {});
  }
}

void Clients::on_outcome(NodeId at, const Origin& origin, replica::Verdict verdict,
                         std::string_view reply) {
  for (auto& client : clients_) {
    if (!client.busy || client.node != at || client.origin != origin) continue;
    if (verdict == replica::Verdict::answered) {
      finish(client, workload::Ended::ok, reply);
    } else if (verdict == replica::Verdict::not_done && client.routed) {
      retry_soon(client);
    }
  }
}

void Clients::on_leader_changed(NodeId at) {
  ++elections_;
  for (auto& client : clients_) {
    // A read has no effect: it may always be asked again.
    if (client.busy && client.routed && client.node == at && !writes(client)) retry_soon(client);
  }
}

void Clients::on_epoch_applied(NodeId at, Epoch epoch) {
  for (auto& client : clients_) {
    if (client.busy && client.routed && client.node == at && writes(client) &&
        client.under < epoch) {
      retry_soon(client);
    }
  }
}

void Clients::on_outcomes_lost(NodeId at) {
  ++installs_;
  for (auto& client : clients_) {
    if (client.busy && client.ever_routed && client.node == at && writes(client)) {
      finish(client, workload::Ended::unknown, {});
    }
  }
}

}  // namespace holdfast::sim
