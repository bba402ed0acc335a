// Checks that the replicas hold the same, and what follows when they do not: a replica that differs
// from the majority takes the majority's state from a snapshot and keeps its log and its promise; a
// leader hands over first; without a majority the log stops the shard.

#include <algorithm>

#include "base/check.h"
#include "replica/replica_state.h"

namespace holdfast::replica {
namespace {

// Orders, requests and hand-overs may be lost: they are repeated.
constexpr Duration kAgain = seconds(1);

std::vector<NodeId> members_of(const consensus::Membership& membership) {
  std::vector<NodeId> members = membership.voters;
  members.insert(members.end(), membership.learners.begin(), membership.learners.end());
  return members;
}

}  // namespace

Origin Replica::State::own_origin() const {
  return {options.protocol.self, options.incarnation, kOwnConnection, own_records};
}

// ---- the leader looks ---------------------------------------------------------------------------

bool Replica::State::compares() const { return leading() && !rebuild && has_others; }

void Replica::State::maybe_check() {
  if (!compares()) return;
  if (stop_wanted && !stop_proposed && !machine.stopped()) {
    stop_proposed = true;
    ++own_records;
    proposals.add_write(stop_record(own_origin(), *stop_wanted));
  }
  const auto data = machine.keyspace().memory();
  if (!divergence.due(now, data, applied, machine.stopped())) return;
  if (!log.may_accept()) return divergence.on_refused(now);
  divergence.on_proposed();
  ++own_records;
  proposals.add_write(check_record(own_origin(), divergence.cursor(), options.check_bytes));
}

void Replica::State::own_record_refused() {
  divergence.on_refused(now);
  stop_proposed = false;
}

// Every replica, at the same entry.
void Replica::State::on_check(const Checked& checked) {
  divergence.on_own(applied, checked, now);
  if (leader_known()) {
    outbox.tell_digest(options.protocol.group, engine->leader(), applied, checked.part.hash);
  }
}

void Replica::State::note_stop() {
  if (machine.restoring() != restoring_told) {
    restoring_told = machine.restoring();
    trace.info(restoring_told ? "a backup is being restored: commands on data are refused"
                              : "the backup is restored: clients are served again",
               {{"index", fmt::format("{}", applied)},
                {"keys", fmt::format("{}", machine.keyspace().size())}});
  }
  if (machine.stopped() == stopped_told) return;
  stopped_told = machine.stopped();
  stop_wanted.reset();
  stop_proposed = false;
  if (!stopped_told) {
    trace.info("a majority of the replicas agrees again: the shard goes on", {});
    return;
  }
  trace.error(
      "the replicas of this shard differ and no majority of them agrees: the shard has stopped and "
      "answers -DIVERGED. Nothing has been deleted. Copy the data folders, then restart the nodes "
      "one after another: each reads its data from its disk again, and work goes on by itself as "
      "soon as a majority agrees; if it does not, the data has to come from a backup",
      {{"group", fmt::format("{}", options.protocol.group)},
       {"index", fmt::format("{}", applied)}});
}

void Replica::State::judge_checks() {
  if (!compares()) return;
  if (divergence.has_news()) {
    const auto members = members_of(engine->membership_at(engine->log().last()));
    while (const auto finding = divergence.judge(members, now)) {
      carry_out(*finding);
      if (!compares()) return;
    }
  }
  if (divergence.take_clean_walk() && machine.stopped()) {
    ++own_records;
    proposals.add_write(resume_record(own_origin()));
  }
}

void Replica::State::carry_out(const Divergence::Finding& finding) {
  if (finding.no_majority) {
    stop_wanted = finding.index;
    return;
  }
  const NodeId self = options.protocol.self;
  if (std::find(finding.wrong.begin(), finding.wrong.end(), self) != finding.wrong.end()) {
    begin_rebuild(finding.index, finding.right.front());
    return;
  }
  for (const NodeId node : finding.wrong) {
    trace.error("a replica's data differs from the majority's; it is told to take a copy of theirs",
                {{"node", fmt::format("{}", node)}, {"index", fmt::format("{}", finding.index)}});
    orders[node] = {finding.index, now};
  }
}

void Replica::State::repeat_orders() {
  for (auto& [node, order] : orders) {
    if (now < order.again) continue;
    order.again = now + kAgain;
    outbox.order_rebuild(options.protocol.group, node, engine->epoch(), order.check);
  }
}

// A snapshot that holds what the majority held at the check, or what is not in memory any more, and no
// older one.
void Replica::State::serve_snapshot_wishes() {
  const auto& newest = snapshots.newest();
  for (auto wish = snapshot_wishes.begin(); newest && wish != snapshot_wishes.end();) {
    if (newest->index < std::max(wish->second, engine->log().before())) {
      ++wish;
      continue;
    }
    serving.insert(wish->first);
    send_snapshot(wish->first);
    wish = snapshot_wishes.erase(wish);
  }
}

void Replica::digest_told(NodeId from, Index index, std::uint64_t hash) {
  State& s = *state_;
  if (s.leading() && index <= s.engine->log().last()) s.divergence.on_report(from, index, hash);
}

void Replica::snapshot_wanted(NodeId by, Index at_least) {
  State& s = *state_;
  if (!s.leading() || s.rebuild) return;
  s.orders.erase(by);
  if (!s.serving.contains(by)) s.snapshot_wishes[by] = at_least;
}

// ---- a replica that differs ---------------------------------------------------------------------

void Replica::rebuild_ordered(NodeId from, Epoch under, Index index) {
  State& s = *state_;
  const bool from_leader = s.leader_known() && from == s.engine->leader();
  // An order that was repeated while it was being carried out is not meant for the new state.
  if (!from_leader || under != s.engine->epoch() || index <= s.replaced_at) return;
  if (index <= s.applied && !s.hold_apply) s.begin_rebuild(index, NodeId());
}

void Replica::State::begin_rebuild(Index check, NodeId right) {
  if (rebuild) return;
  ++rebuilds;
  trace.error(
      "the data of this replica differs from that of the majority: it answers nothing until it has "
      "a copy of theirs. Its log is not in doubt. If this happens again, test this machine's "
      "memory",
      {{"group", fmt::format("{}", options.protocol.group)}, {"index", fmt::format("{}", check)}});
  const Index on_disk = snapshots.newest() ? snapshots.newest()->index : Index();
  const Index unfinished =
      snapshots.finishing() != Index() ? snapshots.finishing().next() : Index();
  rebuild = {.at_least = std::max({check, on_disk, unfinished, engine->log().before()}),
             .right = right,
             .again = now};
  snapshots.abandon(machine.keyspace());
  orders.clear();
  snapshot_wishes.clear();
}

void Replica::State::continue_rebuild() {
  if (!rebuild || hold_apply || now < rebuild->again) return;
  rebuild->again = now + kAgain;
  if (leading()) {
    step(consensus::TransferRequested{std::exchange(rebuild->right, NodeId())});
  } else if (leader_known()) {
    outbox.ask_for_snapshot(options.protocol.group, engine->leader(), rebuild->at_least);
  }
}

// The snapshot takes the place of the state alone: log and promise are as good as they were. If the
// log has not come so far, the engine takes the snapshot in place of both, as it always does.
void Replica::State::rebuild_from(Index index, std::string_view content) {
  if (leading() || hold_apply || !leader_known() || index < rebuild->at_least) return;
  if (!take_arrived(index, content)) return;
  const consensus::SnapshotMark mark = arrived.header.mark;
  offer_snapshot(mark);
  const bool continues = engine->commit() >= index && engine->log().epoch_at(index) &&
                         *engine->log().epoch_at(index) == mark.epoch;
  if (rebuild && continues) {
    replace_state(mark);
    trace.info("state rebuilt from a snapshot of the majority's",
               {{"index", fmt::format("{}", index)}});
  }
  arrived = {};
}

Instant Replica::State::divergence_wake_at() const {
  Instant at = rebuild && !hold_apply ? rebuild->again : Instant::never();
  if (!compares()) return at;
  for (const auto& [node, order] : orders) at = std::min(at, order.again);
  const auto data = machine.keyspace().memory();
  return std::min(at, divergence.wake_at(data, applied, machine.stopped()));
}

}  // namespace holdfast::replica
