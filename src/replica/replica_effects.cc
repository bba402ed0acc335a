// Carrying out what consensus decided: promise -> append -> send_now -> (durable) ->
// send_after_sync. This file knows the order of steps and nothing else.

#include <algorithm>

#include "base/check.h"
#include "base/mutation.h"
#include "replica/replica_state.h"

namespace holdfast::replica {

using consensus::Effects;
using consensus::Input;
using consensus::MessageKind;

void Replica::State::step(Input input) {
  // A step may lead to another (an install completes, a role is lost): each has its own effects.
  Effects effects = std::move(effects_buffer);
  effects.clear();
  engine->step(now, std::move(input), effects);
  carry_out(effects);
  effects_buffer = std::move(effects);
}

void Replica::State::carry_out(Effects& effects) {
  if (effects.unsupported) {
    trace.warning("the engine of this group cannot do this", {{"input", *effects.unsupported}});
  }
  if (effects.write != 0) write(effects);
  for (const auto& message : effects.send_now) send(message);
  if (!effects.send_after_sync.empty()) {
    if (durable_write >= last_write) {
      for (const auto& message : effects.send_after_sync) send(message);
    } else {
      waiting_messages.emplace_back(last_write, std::move(effects.send_after_sync));
    }
  }
  if (effects.role) on_role(*effects.role);
  if (effects.membership) on_membership(*effects.membership);
  for (const auto& readable : effects.readable) {
    if (settle_early_reads(readable.ticket, true, readable.mode)) continue;
    for (auto& turn : proposals.running()) {
      if (turn.ticket != readable.ticket) continue;
      turn.readable = true;
      turn.readable_at = readable.index;
      turn.confirmed_by = readable.mode;
    }
  }
  if (!effects.reads_refused.empty()) on_reads_refused(effects.reads_refused);
  for (const auto& wish : effects.send_snapshot) send_snapshot(wish.to);
  if (effects.install) install(*effects.install);
}

// Only what is not committed is cut, so what was applied is never beyond `from`.
ClusterTime Replica::State::newest_stamp_before(Index from) const {
  const consensus::LogTail& tail = engine->log();
  for (Index index = from; index > tail.first() && index.value > applied.value + 1;) {
    index = Index(index.value - 1);
    const consensus::Entry& entry = tail.at(index);
    if (entry.kind != consensus::EntryKind::batch) continue;
    return BatchReader(entry.payload.view()).header().stamp;
  }
  return applied_stamp;
}

void Replica::State::write(Effects& effects) {
  storage::LogWrite step;
  step.group = options.protocol.group;
  step.promise = effects.promise;
  if (effects.append) {
    if (effects.append->from <= written) {
      step.cut_from = effects.append->from;
      time.cut(newest_stamp_before(effects.append->from));
    }
    step.entries = effects.append->entries;
    written = Index(effects.append->from.value + effects.append->entries.size() - 1);
    for (const auto& entry : effects.append->entries) {
      if (entry.kind == consensus::EntryKind::batch) {
        time.logged(BatchReader(entry.payload.view()).header().stamp, now);
      }
    }
  }
  last_write = effects.write;
  log.write(step, [this, id = effects.write, began = now, held = std::weak_ptr<int>(alive)] {
    if (!held.expired()) write_completed(id, began);
  });
}

void Replica::State::write_completed(consensus::WriteId id, Instant began) {
  now = clock.now();
  company.synced(now - began);
  durable_write = id;
  while (!waiting_messages.empty() && waiting_messages.front().first <= id) {
    const auto messages = std::move(waiting_messages.front().second);
    waiting_messages.pop_front();
    for (const auto& message : messages) send(message);
  }
  step(consensus::WriteCompleted{id});
}

void Replica::State::send(const consensus::Message& message) {
  spoke = true;
  const bool told =
      leading() && (message.kind == MessageKind::append || message.kind == MessageKind::heartbeat);
  if (is_reply(message) && (!log.may_accept() || options.protocol.leads_last)) {
    consensus::Message with_news = message;
    with_news.no_room = !log.may_accept();
    with_news.leads_last = options.protocol.leads_last;
    return outbox.send(options.protocol.group, with_news, ClusterTime{});
  }
  outbox.send(options.protocol.group, message, told ? time.at(now) : ClusterTime{});
}

// ---- roles
// ----------------------------------------------------------------------------------------

void Replica::State::on_role(const consensus::RoleChange& change) {
  if (change.role != consensus::Role::leader) lose_leadership();
  if (change.role == consensus::Role::leader) {
    last_stamp_logged = now;
    has_others = engine->status().membership.everyone().size() > 1;
    there_at.clear();
    without_room.clear();
    last_to_lead.clear();
    yield_again = now;
    hand_over_again = now;
    out_since.clear();
    tend_at = now;
    intended.reset();
    divergence.begin_leading(now);
  }
  begin_sessions();
  trace.info("role", {{"group", fmt::format("{}", options.protocol.group)},
                      {"role", change.role == consensus::Role::leader      ? "leader"
                               : change.role == consensus::Role::candidate ? "candidate"
                               : change.role == consensus::Role::learner   ? "learner"
                                                                           : "follower"},
                      {"epoch", fmt::format("{}", change.epoch)},
                      {"leader", fmt::format("{}", change.leader)}});
  outbox.role_changed(options.protocol.group, change);
}

// What was gathered and never proposed is not done, and so is every read. What was proposed may yet
// be committed by the next leader: its origin's own replica will see it applied, or see the next
// epoch applied without it.
void Replica::State::lose_leadership() {
  for (const auto& turn : proposals.take_all()) {
    const bool proposed_entry = turn.index != Index() && !mutated(Mutation::proposed_told_not_done);
    tell_not_done(turn, !proposed_entry);
  }
  company = {};
  orders.clear();
  snapshot_wishes.clear();
  serving.clear();
  sending.clear();
  stop_wanted.reset();
  stop_proposed = false;
}

void Replica::State::tell_not_done(const Turn& turn, bool writes_too) {
  for (const auto& item : turn.items) {
    if (item.write && !writes_too) continue;
    const auto origin = decode_origin(turn.record(item));
    CHECK(origin.ok());
    if (origin->connection == kSessionsConnection) {
      session_ends_refused();
    } else if (origin->connection == kOwnConnection) {
      own_record_refused();
    } else {
      outbox.outcome(*origin, Verdict::not_done, {}, Index());
    }
  }
}

void Replica::State::on_reads_refused(const std::vector<consensus::ReadTicket>& tickets) {
  for (const auto ticket : tickets) settle_early_reads(ticket, false, read_mode);
  for (auto& turn : proposals.running()) {
    if (turn.ticket == 0 || std::find(tickets.begin(), tickets.end(), turn.ticket) == tickets.end())
      continue;
    tell_not_done(turn, true);
    // An empty turn that may be run at once: it leaves the queue in its place.
    turn.items.clear();
    turn.readable = true;
    turn.readable_at = Index();
  }
}

// ---- a peer's snapshot
// ----------------------------------------------------------------------------

void Replica::State::send_snapshot(NodeId to) {
  // Behind one that memory does not go on from another would have to follow.
  if (!snapshots.newest() || snapshots.newest()->index < engine->log().before()) {
    snapshot_wishes[to] = engine->log().before();
    return;
  }
  sending[to] = snapshots.newest()->index;
  outbox.send_snapshot(options.protocol.group, to);
}

void Replica::State::offer_snapshot(const consensus::SnapshotMark& mark) {
  // What a snapshot holds is committed, whoever sent it; so it may be said in the leader's name.
  consensus::Message message;
  message.kind = MessageKind::snapshot;
  message.group = options.protocol.group;
  message.from = engine->leader();
  message.to = options.protocol.self;
  message.epoch = engine->epoch();
  message.index = mark.index;
  message.index_epoch = mark.epoch;
  step(consensus::Received{std::move(message)});
}

Result<LoadedSnapshot> Replica::State::load(Index index, std::string_view content) {
  const std::string name = storage::snapshot_name(options.protocol.group, index);
  auto loaded = load_snapshot(name, content, prng.next());
  if (loaded && loaded->header.mark.index != index) {
    return Error{fmt::format("{}: it is one of index {}", name, loaded->header.mark.index)};
  }
  return loaded;
}

// False: it cannot be loaded, and the state stays as it is.
bool Replica::State::take_arrived(Index index, std::string_view content) {
  const auto kept = tried.lock();
  if (kept != nullptr && kept->keyspace != nullptr && kept->header.mark.index == index) {
    arrived = std::move(*kept);
    return true;
  }
  auto loaded = load(index, content);
  if (loaded) {
    arrived = *std::move(loaded);
  } else {
    trace.error("a snapshot of another node cannot be loaded: this replica keeps the state that it has",
                {{"reason", loaded.error().message}});
  }
  return arrived.keyspace != nullptr;
}

// The mark as the snapshot knows it, with its membership.
consensus::SnapshotMark Replica::State::replace_state(const consensus::SnapshotMark& mark) {
  CHECK(arrived.keyspace != nullptr && arrived.header.mark.index == mark.index);
  const storage::SnapshotHeader header = arrived.header;
  snapshots.abandon(machine.keyspace());
  keep_wanted = {};
  if (!mutated(Mutation::install_keeps_old_state)) machine.replace(std::move(arrived.keyspace));
  time.logged(header.stamp, now);
  const storage::SnapshotFile file{storage::snapshot_name(options.protocol.group, mark.index),
                                   mark.index, arrived.bytes};
  if (std::exchange(rebuild, std::nullopt)) {
    snapshots.adopt_only(file);
  } else {
    snapshots.adopt(file);
  }
  outbox.notices_missed(options.protocol.group, applied, mark.index);
  log_covered = log_applied;
  applied = mark.index;
  applied_epoch = mark.epoch;
  applied_stamp = header.stamp;
  replaced_at = mark.index;
  note_stop();
  outbox.outcomes_lost(options.protocol.group);
  return header.mark;
}

void Replica::State::install(const consensus::SnapshotMark& mark) {
  const consensus::SnapshotMark whole = replace_state(mark);
  written = mark.index;
  time.cut(applied_stamp);  // nothing else is left in the log
  hold_apply = true;
  trace.info("snapshot of the leader installed", {{"index", fmt::format("{}", mark.index)}});
  log.reset(options.protocol.group, mark.index, mark.epoch,
            [this, whole, held = std::weak_ptr<int>(alive)] {
              if (!held.expired()) installed(whole);
            });
}

void Replica::State::installed(const consensus::SnapshotMark& mark) {
  now = clock.now();
  hold_apply = false;
  ++snapshots_installed;
  step(consensus::SnapshotStored{.mark = mark, .keep_from = mark.index.next(), .installed = true});
}

}  // namespace holdfast::replica
