// Sessions, as their leader sees them: when each was last kept, and when one has to end.
//
// An end is proposed only for what was due at a time up to which everything has been read: what has
// come to this node and was not yet looked at, and what was looked at and waits to be confirmed,
// may be the word that keeps it.

#include <algorithm>

#include "commands/session_commands.h"
#include "keyspace/session.h"
#include "replica/replica_state.h"

namespace holdfast::replica {
namespace {

// Sessions that a new leader makes known to its keeper in one turn.
constexpr std::size_t kWalkAtOnce = 2000;
// A turn that comes so much later than it was asked for is one of a loop that stood still; what was
// sent to it meanwhile may need several turns, and several hops, to be read.
constexpr Duration kStall = milliseconds(100);
constexpr Duration kSettle = milliseconds(100);
// Until what holds back an end is looked at again.
constexpr Duration kLookAgain = milliseconds(5);

}  // namespace

void Replica::State::begin_sessions() {
  ends_under_way.clear();
  session_walk.reset();
  // What happened until now is seen on the walk.
  machine.keyspace().sessions().take_changes();
  if (!leading()) return keeper.stop();
  keeper.begin(time.at(now));
  session_walk = 0;
  settled_at = now;
}

void Replica::State::note_sessions() {
  for (const auto& change : machine.keyspace().sessions().take_changes()) {
    if (!leading()) continue;
    if (change.gone) {
      keeper.remove(change.id);
    } else {
      keeper.add(change.id, change.ttl_ms, change.opened);
    }
  }
}

void Replica::State::walk_sessions() {
  if (!session_walk) return;
  const auto& sessions = std::as_const(machine).keyspace().sessions();
  const std::uint64_t next = sessions.scan(*session_walk, kWalkAtOnce, [this](const auto& one) {
    keeper.add(one.id, one.ttl_ms, one.opened);
  });
  if (next == 0) {
    session_walk.reset();
  } else {
    session_walk = next;
  }
}

// Whoever was not asked to be kept by then, was not asked in time. Reads that are under way or gathered
// came in after this.
ClusterTime Replica::State::read_up_to() const {
  for (const auto* turns : {&proposals.running(), &proposals.gathered()}) {
    for (const Turn& turn : *turns) {
      if (!turn.reads.empty()) return std::min(turn_before, turn.since);
    }
  }
  return turn_before;
}

void Replica::State::tend_sessions() {
  if (!leading()) return;
  if (now - turn_promised > kStall) settled_at = now + kSettle;
  walk_sessions();
  if (may_end_sessions()) {
    using commands::kEndsAtOnce;
    auto ids = std::as_const(machine).keyspace().sessions().ending(kEndsAtOnce);
    const auto due = keeper.take_due(read_up_to(), kEndsAtOnce - ids.size());
    ids.insert(ids.end(), due.begin(), due.end());
    if (!ids.empty()) {
      std::vector<std::string> storage;
      Origin origin = own_origin();
      origin.connection = kSessionsConnection;
      proposals.add_write(own_record(origin, commands::end_words(ids, storage)));
      ends_under_way = std::move(ids);
    }
  }
}

bool Replica::State::may_end_sessions() const {
  if (!leading() || !ends_under_way.empty() || rebuild || !log.may_accept()) return false;
  if (machine.stopped() || machine.restoring()) return false;
  return now >= settled_at;
}

void Replica::State::session_ends_refused() {
  keeper.give_back(ends_under_way);
  ends_under_way.clear();
  settled_at = std::max(settled_at, now + kLookAgain);
}

Instant Replica::State::sessions_wake_at() const {
  if (!leading()) return Instant::never();
  if (session_walk) return now;
  if (!ends_under_way.empty() || machine.stopped() || machine.restoring()) return Instant::never();
  if (std::as_const(machine).keyspace().sessions().any_ending()) return std::max(now, settled_at);
  const ClusterTime next = keeper.next_due();
  if (next == ClusterTime::never()) return Instant::never();
  return std::max(settled_at, now + std::max(time.until(next, now), kLookAgain));
}

}  // namespace holdfast::replica
