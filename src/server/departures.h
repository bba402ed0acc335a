// Processes of this cluster that have ended: after `waiter-grace` the leader has an entry say so,
// and whoever waited in a lock's queue through one of them leaves it.
//
// Every node keeps the list, because any may lead by the time the grace is over; the entry does no
// harm if it comes twice. A process is a node with its incarnation, so a node that comes back does
// not save those who waited at the process before it.
//
// Threads: the loop's.
#pragma once

#include <cstdint>
#include <functional>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "base/ids.h"
#include "base/time.h"
#include "replica/outbox.h"

namespace holdfast::server {

class Departures {
 public:
  // The connection under which the node itself says this; no client ever has it.
  static constexpr ConnectionId kConnection{UINT64_MAX};

  // `ended`: surely so; otherwise it is only silent, and may yet tell its clients what is on its
  // way to them. Adds nothing if a later process of the node is known.
  void add(NodeId node, Incarnation incarnation, bool ended, Instant due);
  // This process of the node is there: neither it nor a later one is gone.
  void forget(NodeId node, Incarnation incarnation);

  struct Turn {
    Instant now;
    Epoch epoch;
    Origin self;
    std::function<ClusterTime()> cluster_time;
    std::function<bool(std::string_view record)> submit;
  };
  // On the leader: submits what is due, once in an epoch.
  void on_turn_end(const Turn& turn);
  void on_outcome(std::uint64_t request, replica::Verdict verdict);
  // For a leader.
  Instant wake_at(Epoch epoch) const;

 private:
  struct Departure {
    NodeId node;
    Incarnation incarnation;
    bool ended = false;
    Instant due;
    // Locks granted to its waiters since then reached nobody and are withdrawn. Set when this node
    // leads and knows of the end: a leader has seen every stamp before its own, so no grant that
    // the process can have told of is later. Never, for one that is only silent.
    std::optional<ClusterTime> since = std::nullopt;
    Epoch said_under = {};      // 0: not yet
    std::uint64_t request = 0;  // that said so
  };

  std::vector<Departure> departures_;  // one for each node
  std::uint64_t last_request_ = 0;
};

}  // namespace holdfast::server
