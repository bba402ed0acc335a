// Committed entries, and the reads between them, in the one order of Proposals.

#include <algorithm>
#include <array>
#include <utility>

#include "base/check.h"
#include "base/mutation.h"
#include "replica/replica_state.h"

namespace holdfast::replica {
namespace {

// A replica that has fallen behind catches up in bounded steps, so that a turn stays short: no new entry
// after so many. A command takes about a microsecond, an entry has Proposals::kMostItems at most.
constexpr std::uint64_t kCommandsPerTurn = 1024;
constexpr std::uint64_t kEntriesPerTurn = 1024;
constexpr std::uint64_t kBytesPerTurn = 8 << 20;
// A check so far behind the end of the log is of no interest any more: a replica that starts with a
// log of many shall not digest its data as many times.
constexpr std::uint64_t kOldCheck = 256;
// Pre-images that a snapshot walk may hold before apply waits for it: this, or as a part of the data, which
// is often memory that the data has just given back.
constexpr std::size_t kSnapshotBacklog = 64 << 20;
constexpr std::size_t kBacklogOfData = 4;
// How much of them the entries of one turn may make: each changes as many slots as it has commands.
constexpr std::size_t kPreImagesPerTurn = 1 << 20;
// So much of the log that a snapshot holds leaves memory in a turn.
constexpr std::uint64_t kForgottenPerTurn = 2048;
constexpr std::uint64_t kBytesForgottenPerTurn = 2 << 20;
// A disk that could not take a snapshot is not asked again at once: each try writes until it fails.
constexpr Duration kSnapshotPause = seconds(5);
// An entry costs memory beyond its payload.
constexpr std::uint64_t kEntryOverhead = 64;
// So much log is kept at most for followers that are sent an older snapshot, as a multiple of what comes
// between two snapshots.
constexpr std::uint64_t kSnapshotsBehind = 4;
// What of the log leaves memory before a snapshot holds it: more in a turn than is applied in one.
constexpr std::uint64_t kBytesTrimmedPerTurn = 2 * kBytesPerTurn;
// Not for each entry: the tail grows by this part before it is cut.
constexpr std::uint64_t kTailSlack = 8;

}  // namespace

bool Replica::State::can_apply() const {
  return !hold_apply && !rebuild && applied < engine->commit() &&
         machine.keyspace().snapshot_backlog() <= most_backlog();
}

std::size_t Replica::State::most_backlog() const {
  return std::max(kSnapshotBacklog, machine.keyspace().memory() / kBacklogOfData);
}

void Replica::State::apply_committed() {
  std::uint64_t entries = 0;
  std::uint64_t commands = 0;
  std::uint64_t bytes = 0;
  const std::size_t pre_images = machine.keyspace().snapshot_backlog();
  const auto enough = [&] {
    return entries == kEntriesPerTurn || commands >= kCommandsPerTurn || bytes >= kBytesPerTurn ||
           machine.keyspace().snapshot_backlog() > pre_images + kPreImagesPerTurn;
  };
  while (can_apply() && !enough()) {
    // A copy of the entry shares its payload: a step below may change the tail.
    const consensus::Entry entry = engine->log().at(applied.next());
    machine.look_at_checks(engine->commit() - applied <= kOldCheck);
    const std::uint64_t checks = divergence.checks();
    commands += apply_entry(entry);
    ++entries;
    bytes += entry.payload.size();
    if (divergence.checks() != checks) break;  // one of them is enough work for a turn
  }
}

std::size_t Replica::State::apply_entry(const consensus::Entry& entry) {
  CHECK(entry.index == applied.next());
  std::size_t commands = 0;
  applied = entry.index;
  log_applied += entry.payload.size() + kEntryOverhead;
  const bool new_epoch = entry.epoch > applied_epoch;
  applied_epoch = entry.epoch;
  if (entry.kind == consensus::EntryKind::batch) {
    // Reads of earlier turns are confirmed by this entry: it was committed under the epoch in which
    // they were asked, and after them.
    auto& running = proposals.running();
    const bool own = [&] {
      for (const auto& turn : running) {
        if (turn.entry) return turn.index == entry.index && turn.epoch == entry.epoch;
      }
      return false;
    }();
    const BatchReader batch(entry.payload.view());
    CHECK(batch.ok(), "entry {} is not a batch", entry.index);
    applied_stamp = batch.header().stamp;
    BatchHeader header = batch.header();
    if (mutated(Mutation::expiry_by_own_clock)) header.stamp = time.at(now);
    machine.begin_entry(header, entry.index);
    deliver_events();
    if (own) {
      run_reads_in_entry();
      const Turn turn = proposals.pop();
      commands = turn.items.size();
      apply_own(turn);
      company.answered(turn.writes.records(), now - turn.proposed, now);
    } else {
      commands = apply_as_follower(entry.payload.view());
    }
  }
  deliver_notices(entry);
  note_stop();
  // After the entry itself: what was under way under an earlier epoch and is not done by now never
  // will be.
  if (new_epoch) outbox.epoch_applied(options.protocol.group, entry.epoch);
  return commands;
}

std::size_t Replica::State::apply_as_follower(std::string_view payload) {
  BatchReader batch(payload);
  std::array<std::string_view, StateMachine::kTogether> records;
  std::size_t commands = 0;
  std::size_t count = 0;
  do {
    count = 0;
    while (count < records.size() && batch.next(records[count])) ++count;
    machine.look_ahead(std::span(records).first(count));
    for (std::size_t i = 0; i < count; ++i) apply_one(i);
    commands += count;
  } while (count == records.size());
  CHECK(batch.ok(), "entry {} is damaged", applied);
  return commands;
}

void Replica::State::apply_one(std::size_t place) {
  // Who sent it is told by the leader and by its own node: nobody else puts an answer together.
  const Origin& origin = machine.origin_at(place);
  const bool told = ours(origin) && !by_itself(origin);
  reply.clear();
  const bool answered = machine.apply_at(place, told ? &reply : nullptr);
  if (const auto checked = machine.take_check()) on_check(*checked);
  if (told) {
    outbox.outcome(origin, answered ? Verdict::answered : Verdict::blocked, reply, applied);
  }
  deliver_events();
}

void Replica::State::look_ahead(const Turn& turn, std::size_t from) {
  std::array<std::string_view, StateMachine::kTogether> records;
  const std::size_t count = std::min(records.size(), turn.items.size() - from);
  for (std::size_t i = 0; i < count; ++i) records[i] = turn.record(turn.items[from + i]);
  machine.look_ahead(std::span(records).first(count));
}

void Replica::State::apply_own(const Turn& turn) {
  for (std::size_t i = 0; i < turn.items.size(); ++i) {
    const TurnItem& item = turn.items[i];
    const std::size_t place = i % StateMachine::kTogether;
    if (place == 0) look_ahead(turn, i);
    const Origin& origin = machine.origin_at(place);
    reply.clear();
    bool answered = true;
    if (item.write) {
      answered = machine.apply_at(place, &reply);
      if (const auto checked = machine.take_check()) {
        on_check(*checked);
      } else if (origin.connection == kSessionsConnection) {
        ends_under_way.clear();
      } else if (origin.connection == kOwnConnection) {
        divergence.on_refused(now);  // too old to be looked at: the next one will be
      }
    } else {
      keeper.tell_time(turn.asked, time.at(now));
      machine.read_at(place, reply);
      ++reads_by_entry;
    }
    if (!by_itself(origin)) {
      outbox.outcome(origin, answered ? Verdict::answered : Verdict::blocked, reply,
                     item.write ? applied : Index());
    }
    deliver_events();
  }
}

// The read turns in front of an entry that is being applied, after its expiry.
void Replica::State::run_reads_in_entry() {
  auto& running = proposals.running();
  while (!running.front().entry) {
    const Turn turn = proposals.pop();
    keeper.tell_time(turn.asked, time.at(now));
    for (const auto& item : turn.items) {
      reply.clear();
      Origin origin;
      machine.read_in_entry(turn.record(item), reply, origin);
      ++reads_by_entry;
      outbox.outcome(origin, Verdict::answered, reply, Index());
    }
  }
}

void Replica::State::run_ready_reads() {
  auto& running = proposals.running();
  while (!hold_apply && !rebuild && !running.empty()) {
    Turn& turn = running.front();
    if (turn.entry || !turn.readable || applied < turn.readable_at) return;
    if (!run_turn_reads(turn)) {
      // It met a key that is due. Only the log may end a key: the rest of this turn, and every read
      // behind it, waits for the next entry, which is made now if none is under way.
      turn.readable = false;
      if (!proposals.entry_running()) proposals.want_entry();
      return;
    }
    proposals.pop();
  }
}

bool Replica::State::run_turn_reads(Turn& turn) {
  const commands::Stamp stamp{time.at(now), clock.wall()};
  keeper.tell_time(turn.asked, stamp.cluster);
  for (std::size_t i = 0; i < turn.items.size(); ++i) {
    reply.clear();
    Origin origin;
    const auto outcome =
        machine.read(turn.record(turn.items[i]), stamp, prng.next(), reply, origin);
    if (outcome == ReadOutcome::escalate) {
      turn.items.erase(turn.items.begin(),
                       turn.items.begin() + static_cast<std::ptrdiff_t>(i));
      return false;
    }
    ++(turn.confirmed_by == consensus::ReadMode::lease ? reads_by_lease : reads_by_quorum);
    outbox.outcome(origin, Verdict::answered, reply, Index());
  }
  return true;
}

EarlyAnswer Replica::read_at_once(const commands::CommandSpec& spec, commands::Args words,
                                  resp::Version version, bool may_be_withheld, std::string& reply) {
  State& s = *state_;
  const bool all = s.applied == s.engine->commit() || mutated(Mutation::read_at_once_unapplied);
  if (s.hold_apply || s.rebuild || !all) return {};
  if (!mutated(Mutation::read_at_once_by_old_clock)) s.now = std::max(s.now, s.clock.now());
  const bool sure = s.engine->may_read(s.now, s.read_mode);
  if (!sure && !(may_be_withheld && s.engine->may_read_early())) return {};
  const std::size_t before = reply.size();
  const commands::Stamp stamp{s.time.at(s.now), s.clock.wall()};
  if (s.machine.read_keys(spec, words, version, stamp, s.prng.next(), reply) == ReadOutcome::escalate) {
    reply.resize(before);
    return {};
  }
  if (!sure) return {.given = true, .ticket = s.early_reads.add(s.last_ticket, s.engine->epoch())};
  ++(s.read_mode == consensus::ReadMode::lease ? s.reads_by_lease : s.reads_by_quorum);
  return {.given = true};
}

// One request for all reads that this turn answered early: it comes after them, as it must.
void Replica::State::ask_for_early_reads() {
  const auto [ticket, epoch] = early_reads.ask();
  if (ticket == 0) return;
  if (epoch != engine->epoch()) {
    settle_early_reads(ticket, false, read_mode);
    return;
  }
  if (read_mode == consensus::ReadMode::lease) now = std::max(now, clock.now());
  step(consensus::ReadRequest{ticket, read_mode});
}

// False: the ticket is not of such reads.
bool Replica::State::settle_early_reads(consensus::ReadTicket ticket, bool right,
                                        consensus::ReadMode mode) {
  const std::uint64_t reads = early_reads.settle(ticket);
  if (reads == 0) return false;
  // What was found to be wrong, or stopped, since then is not told any more.
  right = right && !rebuild && !machine.stopped();
  if (right) (mode == consensus::ReadMode::lease ? reads_by_lease : reads_by_quorum) += reads;
  outbox.reads_settled(options.protocol.group, ticket, right);
  return true;
}

// Somebody else's wait has ended: told by the leader to whoever it is, and by each replica to the
// connections of its own node.
void Replica::State::tell_events() {
  note_sessions();
  for (const auto& event : machine.take_events()) {
    if (!leading() && !ours(event.origin)) continue;
    outbox.outcome(event.origin, Verdict::answered,
                   commands::answer_event(event, machine.entry().stamp), applied);
  }
}

void Replica::State::deliver_notices(const consensus::Entry& entry) {
  keyspace::Notices& notices = machine.keyspace().notices();
  const bool batch = entry.kind == consensus::EntryKind::batch;
  if (entry.kind == consensus::EntryKind::config && notices.wants(keyspace::Topic::cluster)) {
    notices.set_by({});
    notices.membership(names(engine->membership_at(entry.index)));
  }
  if (notices.empty()) return;
  outbox.noticed(options.protocol.group, {entry.index, batch ? machine.entry().wall : WallTime{},
                                          notices.take()});
}

// ---- snapshots of our own -------------------------------------------------------------------------

std::uint64_t Replica::State::log_held() const {
  const auto& tail = engine->log();
  return tail.bytes() + (tail.last() - tail.before()) * kEntryOverhead;
}

std::uint64_t Replica::State::log_long() const {
  const std::uint64_t data = snapshots.newest() ? snapshots.newest()->size : 0;
  const std::uint64_t least = options.snapshot_after_bytes;
  return std::clamp(data, least, std::max(least, options.snapshot_after_most_bytes));
}

// Applying will have to wait for it, somebody does, the log outgrows what it is meant to shorten, or a disk
// is full.
bool Replica::State::snapshot_hurries() const {
  return snapshots.making() &&
         (machine.keyspace().snapshot_backlog() >= most_backlog() / 2 || !snapshot_wishes.empty() ||
          log_since() >= 2 * log_long() || !log.may_accept());
}

void Replica::State::maybe_begin_snapshot() {
  snapshots.tidy();
  if (snapshots.take_failure()) {
    snapshot_again = now + kSnapshotPause;
    if (std::exchange(snapshot_wanted, Index()) != Index()) snapshot_failed = true;
  }
  if (snapshots.newest() && snapshots.newest()->index >= snapshot_wanted) snapshot_wanted = {};
  if (now < snapshot_again) return;
  if (snapshots.making() || forgets() || hold_apply || rebuild || applied == Index()) return;
  const bool mend = must_mend();
  if (!mend && snapshots.newest() && snapshots.newest()->index >= applied) return;  // nothing new
  const bool long_log = log_since() >= log_long();
  const bool wanted = (snapshot_wanted != Index() && snapshot_wanted <= applied) ||
                      std::any_of(snapshot_wishes.begin(), snapshot_wishes.end(),
                                  [this](const auto& wish) { return wish.second <= applied; });
  // What the log holds beyond a snapshot is room that a full disk gets back.
  const bool cramped = !log.may_accept() && !machine.stopped();
  // Nobody knows whether the state of a shard that has stopped is worth keeping.
  if (!mend && !wanted && !cramped && (!long_log || machine.stopped())) return;
  const auto status = engine->status();
  if (applied > status.durable) return;  // a snapshot never runs ahead of the log on disk
  if (cramped) snapshot_again = now + kSnapshotPause;  // not again and again for a few entries
  const Index mark = mutated(Mutation::applied_twice) ? applied.previous() : applied;
  const auto epoch = engine->log().epoch_at(mark);
  if (!epoch) return;
  log_begun = log_applied;
  making_at = mark;
  snapshots.begin({.group = options.protocol.group,
                   .mark = {mark, *epoch, engine->membership_at(mark)},
                   .stamp = applied_stamp,
                   .wall = clock.wall(),
                   .semantics = machine.level()},
                  machine.keyspace());
}

// What the disk has lost of snapshot or log is written anew from memory.
bool Replica::State::must_mend() const {
  const bool log_too = log_damaged != Index() && log_damaged <= applied;
  return (snapshot_damaged || log_too) && !machine.stopped();
}

// Followers that are a little late still find their entries, and so does, within bounds, one to whom an
// older snapshot is on its way: else it would need the next one as soon as it has that.
Index Replica::State::keep_from(const consensus::SnapshotMark& mark) {
  const auto& tail = engine->log();
  Index sent = mark.index;
  // Of who is no member any more nobody hears whether he got it.
  const auto& members = engine->membership_at(tail.last());
  std::erase_if(sending, [&members](const auto& one) { return !members.contains(one.first); });
  for (const auto& [to, index] : sending) sent = std::min(sent, index);
  Index keep = mark.index.next();
  std::uint64_t kept = 0;
  std::uint64_t behind = 0;
  // … unless their room is needed.
  const bool cramped = !log.may_accept();
  const auto wanted = [&] {
    if (keep.previous() <= log_damaged) return false;
    return kept < options.keep_tail_bytes ||
           (keep > sent.next() && behind < options.snapshot_after_bytes * kSnapshotsBehind);
  };
  while (!cramped && keep > tail.first() && wanted()) {
    keep = keep.previous();
    kept += tail.at(keep).payload.size();
    behind += tail.at(keep).payload.size() + kEntryOverhead;
  }
  return keep;
}

void Replica::State::snapshot_stored(const storage::SnapshotHeader& header) {
  ++snapshots_made;
  snapshot_damaged = false;
  log_covered = log_begun;
  const Index keep = keep_from(header.mark);
  if (log_damaged <= header.mark.index) log_damaged = {};
  const Index forgotten = keep.previous();
  // Memory may have less than the disk.
  const auto epoch = forgotten == header.mark.index ? header.mark.epoch : engine->log().epoch_at(forgotten);
  if (epoch) log.forget(options.protocol.group, forgotten, *epoch);
  stored = header.mark;
  keep_wanted = keep;
  forget_some();
}

bool Replica::State::forgets() const { return engine->log().first() < keep_wanted; }

// What a snapshot makes superfluous may be hundreds of thousands of entries, each of which is freed.
void Replica::State::forget_some() {
  const auto& tail = engine->log();
  Index keep = std::min(tail.first(), keep_wanted);
  std::uint64_t bytes = 0;
  for (std::uint64_t count = 0; keep < keep_wanted && count < kForgottenPerTurn &&
                                bytes < kBytesForgottenPerTurn;
       ++count) {
    bytes += tail.at(keep).payload.size();
    keep = keep.next();
  }
  step(consensus::SnapshotStored{.mark = stored, .keep_from = keep});
}

// Up to here everybody has the log who may be expected to take the rest of it from memory.
Index Replica::State::others_have(const consensus::Status& status) const {
  Index have = applied;
  for (const auto& [to, index] : sending) have = std::min(have, index);
  if (snapshots.making() && !snapshot_wishes.empty()) have = std::min(have, making_at);
  for (const auto& peer : status.peers) {
    if (peer.recently_active && !peer.snapshotting) have = std::min(have, peer.match);
  }
  return have;
}

// A snapshot may be long in coming where there is much data, and memory does not wait for it: the disk keeps
// what this replica needs to start again, and whoever is further behind is sent a snapshot.
void Replica::State::trim_tail() {
  const std::uint64_t most = options.tail_bytes;
  std::uint64_t held = log_held();
  // What this turn applied stays, however long: the others hear of it only now.
  const Index done = std::min({std::exchange(applied_before, applied), applied, engine->durable()});
  if (hold_apply || rebuild || held <= most + most / kTailSlack) return;
  const auto& tail = engine->log();
  const auto status = engine->status();
  const Index had = others_have(status);
  Index up_to = tail.before();
  std::uint64_t bytes = 0;
  for (std::uint64_t count = 0;
       up_to < done && count < kForgottenPerTurn && bytes < kBytesTrimmedPerTurn; ++count) {
    if (held <= (up_to < had ? most : most * kSnapshotsBehind)) break;
    up_to = up_to.next();
    const std::uint64_t size = tail.at(up_to).payload.size() + kEntryOverhead;
    held -= size;
    bytes += size;
  }
  if (up_to == tail.before()) return;
  if (mutated(Mutation::tail_forgets_disk_too)) {
    log.forget(options.protocol.group, up_to, *tail.epoch_at(up_to));
  }
  step(consensus::TailForgotten{up_to});
}

}  // namespace holdfast::replica
