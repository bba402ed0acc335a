// The clients of a node: their connections, the order of their commands, and how each ends.
//
// A connection's commands take effect in the order sent. Those that concern data are encoded once
// and routed to the leader, here or elsewhere; several may be under way. When one comes back as
// not done, it and all after it are held and routed again, in order, once everything before has an
// outcome. Three outcomes reach the client: the answer; not done (-NOLEADER, after `leader_wait`);
// unknown (-UNKNOWN, after `outcome_wait`; the rest of that pipeline is then refused).
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
#include "env/network.h"
#include "replica/outbox.h"
#include "server/services.h"

namespace holdfast::server {

struct NodeFigures;

class Clients {
 public:
  explicit Clients(Services& services);
  ~Clients();

  // For node.cc's listener of the client port.
  std::shared_ptr<env::StreamHandler> accept(env::Stream& stream);

  // From the replica, or from the leader by way of a peer link. The first outcome counts.
  void outcome(const Origin& origin, replica::Verdict verdict, std::string_view reply, Index index);
  // Whether what was read early under this ticket was right (replica::Outbox::reads_settled).
  void reads_settled(consensus::ReadTicket ticket, bool right);
  // The leader or its epoch changed, or became unknown: reads under way are routed again; what is
  // held may now go.
  void leader_changed();
  // Writes under way that were routed under an earlier epoch are not done.
  void epoch_applied(Epoch epoch);
  // Writes under way, and waits, can no longer be judged: a snapshot took the place of the entries
  // that held their outcomes.
  void outcomes_lost();
  // The link to the leader broke under the same epoch: writes under way may be lost or done
  // (unknown); reads are routed again. Who is blocked stays so: the queue is replicated, and this
  // node's own replica tells the grant.
  void forwards_lost();
  // Of an entry that this node has applied: who listens is told.
  void noticed(const replica::EntryNotices& entry);
  // Entries after this one were not seen here: a snapshot took their place.
  void notices_missed(Index from);
  // A client of another node said it.
  void publish(std::string_view channel, std::string_view message);
  // Bits of keyspace::Topic: what somebody here wants to be told of.
  std::uint8_t topics();
  // A replicated setting changed (a password was set).
  void settings_changed();

  // Before the replica's end_turn: routes what was held and may go now, hands replies to sockets.
  void on_turn_end(Instant now);
  // After the replica's end_turn: hands over the replies that came of it in the same turn. Without
  // this call they wait for the next one, which wake_at() then asks for at once.
  void flush();
  Instant wake_at() const;
  // No new commands; what is under way may finish. For a shutdown in order.
  void drain();
  bool idle() const;
  std::size_t connected() const;
  // For Prometheus.
  std::string metrics_text(const NodeFigures& figures) const;
  // Who waits for a lock, as far as this node knows.
  std::vector<LockWait> waits() const;

 private:
  struct State;
  std::unique_ptr<State> state_;
};

}  // namespace holdfast::server
