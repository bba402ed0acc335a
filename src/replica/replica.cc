#include "replica/replica.h"

#include <algorithm>

#include "base/check.h"
#include "base/mutation.h"
#include "commands/command_table.h"
#include "commands/wrapper_commands.h"
#include "keyspace/feed.h"
#include "replica/replica_state.h"

namespace holdfast::replica {
namespace {

// With deadlines pending, cluster time enters the log at least this often, so that a new leader's
// clock cannot be far behind what clients have seen.
constexpr Duration kStampInterval = seconds(10);
constexpr Duration kPulsePause = milliseconds(10);

bool is_internal_read(commands::Args args) {
  return args.front() == "_DURABLE" || args.front() == "_REVISIONS";
}

bool may_be_written(commands::Args args) {
  const auto* spec = commands::find_command(args);
  return spec != nullptr && (spec->read != nullptr || spec->write != nullptr) &&
         (spec->is(commands::kInternal) || !commands::refuse_words(args));
}

bool may_be_read(commands::Args args) {
  if (is_internal_read(args)) return true;
  const auto* spec = commands::find_command(args);
  return spec != nullptr && spec->read != nullptr && !spec->is(commands::kWrapper) &&
         (spec->is(commands::kInternal) || !commands::refuse_words(args));
}

// What came from another node must not be able to stop this one, nor, once it is in the log, all.
std::uint16_t level_needed(const CommandRecord& record) {
  std::uint16_t level = 0;
  for (const auto& words : record.commands) level = std::max(level, commands::level_needed(words));
  return level;
}

bool may_be_run(const CommandRecord& record, bool write) {
  // An EXEC of nothing still tells whether what it watched has changed.
  if (record.commands.empty()) return record.transaction();
  if (!record.transaction() && record.commands.size() != 1) return false;
  const bool under_once =
      record.transaction() && commands::once_over_exec(record.commands).has_value();
  if (under_once && !write) return false;
  return std::all_of(
      record.commands.begin() + (under_once ? 1 : 0), record.commands.end(),
      [&](const auto& words) { return write ? may_be_written(words) : may_be_read(words); });
}

std::uint64_t entry_limit(const ReplicaOptions& options) {
  return options.protocol.uncommitted_bytes;
}

}  // namespace

Replica::State::State(const ReplicaOptions& settings, env::Clock& world_clock, env::Disk& folder,
                      storage::Log& write_ahead, Trace& sink, Outbox& out, std::uint64_t seed,
                      ClusterTime start, Instant begin)
    : options(settings),
      clock(world_clock),
      disk(folder),
      log(write_ahead),
      trace(sink),
      outbox(out),
      prng(seed),
      machine(prng.next(), *this),
      time(start, begin),
      proposals(settings.batch_bytes),
      snapshots(folder, sink,
                [this](const storage::SnapshotHeader& header) { snapshot_stored(header); }),
      now(begin),
      last_stamp_logged(begin),
      divergence({.self = settings.protocol.self,
                  .walk = settings.check_walk,
                  .bytes = settings.check_bytes}) {
  machine.keep_sessions_by(&keeper);
}

Replica::Replica(std::unique_ptr<State> state) : state_(std::move(state)) {}
Replica::~Replica() = default;

// ---- from clients
// ---------------------------------------------------------------------------------

Accepted Replica::submit(std::string_view record, bool write, Epoch under, bool own) {
  State& s = *state_;
  const bool meant = !under || under == s.engine->epoch();
  if (!s.leading() || !(meant || mutated(Mutation::other_epochs_forward_taken))) {
    return Accepted::not_leader;
  }
  if (s.rebuild) return Accepted::busy;
  if (s.proposals.bytes() + record.size() > entry_limit(s.options) && s.proposals.bytes() != 0) {
    return Accepted::busy;
  }
  if (const auto refusal = write ? s.refusal_for_room() : std::nullopt) return *refusal;
  bool from_elsewhere = false;
  if (!own) {
    const auto origin = decode_origin(record);
    if (!origin.ok()) return Accepted::not_leader;
    from_elsewhere = origin->node != s.options.protocol.self;
  }
  if (from_elsewhere) {
    CommandRecord decoded;
    if (!decode_record(record, decoded).ok() || !may_be_run(decoded, write)) {
      return Accepted::not_leader;
    }
    // The sender has seen the level rise, and this replica, which has only begun to lead, will too:
    // it is refused for now, and so is what was sent behind it.
    if (write && level_needed(decoded) > s.machine.level()) return Accepted::busy;
  }
  if (write) {
    s.proposals.add_write(record, from_elsewhere);
  } else {
    s.proposals.add_read(record, s.turn_before);
  }
  return Accepted::yes;
}

std::size_t Replica::State::replicas_with(Index index) const {
  std::size_t count = 0;
  for (const auto& peer : engine->status().peers) {
    if (peer.match >= index) ++count;
  }
  return count;
}

std::size_t Replica::replicas_with(Index index) const { return state_->replicas_with(index); }

// ---- turns
// ----------------------------------------------------------------------------------------

bool Replica::State::pulse_due() const {
  if (!leading() || proposals.entry_running() || now < pulse_again) return false;
  const ClusterTime next = machine.keyspace().next_deadline();
  if (next == ClusterTime::never() || machine.stopped()) return false;
  return next.passed(time.at(now)) || now - last_stamp_logged >= kStampInterval;
}

bool Replica::State::gathers_on() {
  return leading() && company.waits({.bytes = proposals.bytes_to_write(),
                                     .writes = proposals.writes_gathered(),
                                     .log_idle = log.idle(),
                                     .entry_running = proposals.entry_running()},
                                    now);
}

void Replica::State::propose_gathered() {
  if (gathers_on()) return;
  if (pulse_due()) proposals.want_entry();
  if (proposals.gathered().empty()) return;
  bool refused = false;
  auto turns = std::move(proposals.gathered());
  proposals.gathered().clear();
  while (!turns.empty()) {
    Turn turn = std::move(turns.front());
    turns.pop_front();
    if (!turn.reads.empty() && turn.asked == ClusterTime{}) {
      turn.asked = time.at(std::max(now, clock.now()));
    }
    // Once one is refused those behind it are, too, or they would take effect before it.
    refused = refused || !leading();
    if (refused) {
      tell_not_done(turn, true);
    } else if (turn.entry) {
      refused = !propose(std::move(turn));
    } else {
      turn.ticket = ++last_ticket;
      const auto ticket = turn.ticket;
      turn.epoch = engine->epoch();
      proposals.under_way(std::move(turn));
      // A lease may have ended since the turn began, and the reads have come in since: the time is
      // read as late as can be. Who is stopped behind this line answers late, and what was right
      // here.
      if (read_mode == consensus::ReadMode::lease) now = std::max(now, clock.now());
      const auto& under_way = proposals.running().back();
      if (mutated(Mutation::keeping_unconfirmed) &&
          under_way.reads.find("SESSION.KEEP") != std::string::npos) {
        proposals.running().back().readable = true;
        proposals.running().back().readable_at = applied;
        continue;
      }
      step(consensus::ReadRequest{ticket, read_mode});
    }
  }
}

bool Replica::State::propose(Turn turn) {
  const WallTime wall = clock.wall();
  const bool by_wall = mutated(Mutation::stamp_from_wall_clock);
  const ClusterTime stamp = by_wall ? ClusterTime{wall.ms} : time.advance(now, wall);
  turn.payload = SharedBytes(turn.writes.finish({.semantics = machine.level(),
                                                 .stamp = stamp,
                                                 .wall = wall,
                                                 .expire_bound = options.expire_bound,
                                                 .random = prng.next()}));
  consensus::Effects effects;
  engine->step(
      now, consensus::Propose{.payload = turn.payload, .waited_for_elsewhere = turn.from_elsewhere},
      effects);
  CHECK(effects.proposed.has_value(), "the engine leaves a proposal without an answer");
  const bool taken = !effects.proposed->refusal;
  if (!taken) {
    // A pulse that was refused is not tried at the speed of the loop.
    pulse_again = now + kPulsePause;
    tell_not_done(turn, true);
  } else {
    turn.proposed = now;
    turn.index = effects.proposed->index;
    turn.epoch = effects.proposed->epoch;
    last_stamp_logged = now;
    ++proposed;
    proposals.under_way(std::move(turn));
  }
  carry_out(effects);
  return taken;
}

// What this turn says to the others leaves at its end. So applying, if it is much, is left to the
// next turn, which follows at once; not twice in a row.
bool Replica::State::lets_others_begin() {
  const bool again = put_off && !mutated(Mutation::applying_put_off);
  put_off = std::exchange(spoke, false) && !again && can_apply();
  return put_off;
}

void Replica::end_turn(Instant now) {
  State& s = *state_;
  s.now = std::max(s.now, now);
  s.maybe_check();
  s.tend_membership();
  s.tend_room();
  s.tend_priority();
  s.tend_sessions();
  s.ask_for_early_reads();
  s.propose_gathered();
  if (s.engine->wake_at() <= s.now) s.step(consensus::Tick{});
  // The disks and the other replicas work while this one applies: what they wait for goes first.
  s.log.flush();
  if (!s.lets_others_begin()) s.apply_committed();
  s.judge_checks();
  s.repeat_orders();
  s.continue_rebuild();
  s.run_ready_reads();
  // A read that met a due key, or deadlines that applying brought up, must not wait for a next
  // turn.
  if (!s.proposals.gathered().empty() || s.pulse_due()) s.propose_gathered();
  s.serve_snapshot_wishes();
  if (s.forgets()) s.forget_some();
  s.trim_tail();
  s.maybe_begin_snapshot();
  s.snapshots.advance(s.machine.keyspace(), {s.log.syncs(), s.snapshot_hurries()}, s.now);
  s.log.flush();
  s.turn_before = s.time.at(s.now);
  s.turn_promised = s.keeper.next_due() == ClusterTime::never() ? Instant::never() : wake_at();
}

Instant Replica::wake_at() const {
  const State& s = *state_;
  if (s.can_apply() || s.forgets() || s.early_reads.to_be_asked()) return s.now;
  const bool gathered = !std::as_const(s.proposals).gathered().empty();
  const Instant together = s.company.until();
  if (gathered && together == Instant{}) return s.now;
  Instant wake = std::min(s.engine->wake_at(), std::max(s.now, s.snapshots.wake_at()));
  if (together != Instant{}) wake = std::min(wake, together);
  const ClusterTime next = s.machine.keyspace().next_deadline();
  if (s.leading() && next != ClusterTime::never() && !s.proposals.entry_running() &&
      !s.machine.stopped()) {
    wake = std::min(wake, std::max(s.pulse_again, s.now + s.time.until(next, s.now)));
    wake = std::min(wake, s.last_stamp_logged + kStampInterval);
  }
  if (s.leading()) wake = std::min({wake, s.tend_at, s.sessions_wake_at()});
  if (s.snapshot_again > s.now) wake = std::min(wake, s.snapshot_again);
  return std::min(wake, s.divergence_wake_at());
}

// ---- from peers and node
// --------------------------------------------------------------------------

void Replica::receive(consensus::Message message, ClusterTime stamp) {
  State& s = *state_;
  s.now = std::max(s.now, s.clock.now());
  const bool from_leader = message.kind == consensus::MessageKind::append ||
                           message.kind == consensus::MessageKind::heartbeat;
  // Said only by this host to itself, when a snapshot is on its disk (snapshot_arrived).
  if (message.kind == consensus::MessageKind::snapshot) return;
  s.note_room(message);
  s.note_priority(message);
  const Epoch epoch = message.epoch;
  s.step(consensus::Received{std::move(message)});
  // Afterwards: by then a deposed leader follows, and has cut what it had stamped in vain.
  if (from_leader && stamp.ms > 0 && epoch == s.engine->epoch() && !s.leading()) {
    s.time.told(stamp, s.now);
  }
}

void Replica::peer_liveness(NodeId node, bool alive) {
  state_->step(consensus::PeerLiveness{.node = node, .alive = alive});
}

void Replica::snapshot_sent(NodeId to, bool delivered) {
  state_->serving.erase(to);
  state_->sending.erase(to);
  state_->step(consensus::SnapshotSent{.to = to, .delivered = delivered});
}

Result<std::shared_ptr<void>> Replica::try_snapshot(Index index, std::string_view content) {
  auto loaded = state_->load(index, content);
  if (!loaded) return loaded.error();
  auto kept = std::make_shared<LoadedSnapshot>(*std::move(loaded));
  state_->tried = kept;
  return std::shared_ptr<void>(std::move(kept));
}

void Replica::snapshot_arrived(Index index, std::string_view content) {
  State& s = *state_;
  s.now = std::max(s.now, s.clock.now());
  if (s.rebuild) return s.rebuild_from(index, content);
  const bool older = index <= s.applied && !mutated(Mutation::install_over_newer_state);
  if (older || s.hold_apply || !s.leader_known()) return;  // it will be offered again
  if (!s.take_arrived(index, content)) return;
  s.offer_snapshot(consensus::SnapshotMark(s.arrived.header.mark));
  s.arrived = {};
}

void Replica::want_notices(std::uint8_t topics) { state_->machine.want_notices(topics); }

void Replica::confirm_reads_by(consensus::ReadMode mode) { state_->read_mode = mode; }

void Replica::hand_over(NodeId to) {
  state_->step(consensus::TransferRequested{to ? to : state_->better_leader()});
}

// ---- queries
// --------------------------------------------------------------------------------------

ReplicaStatus Replica::status() const {
  const State& s = *state_;
  ReplicaStatus status;
  status.protocol = s.engine->status();
  status.applied = s.applied;
  if (s.snapshots.newest()) status.snapshot = s.snapshots.newest()->index;
  status.cluster_time = s.time.at(s.now);
  status.keys = s.machine.keyspace().size();
  status.log_bytes = s.log_since();
  status.syncs = s.log.syncs();
  status.proposals = s.proposed;
  status.commands = s.machine.commands_run();
  status.snapshotting = s.snapshots.making();
  status.snapshot_slots = s.machine.keyspace().snapshot_slots();
  status.loading = s.loading;
  status.disk_full = !s.log.may_accept();
  status.snapshots_made = s.snapshots_made;
  status.snapshots_installed = s.snapshots_installed;
  status.agreement = agreement();
  status.checks = s.divergence.checks();
  status.rebuilds = s.rebuilds;
  status.reads_by_lease = s.reads_by_lease;
  status.reads_by_quorum = s.reads_by_quorum;
  status.reads_by_entry = s.reads_by_entry;
  return status;
}

consensus::Role Replica::role() const { return state_->engine->role(); }
Epoch Replica::epoch() const { return state_->engine->epoch(); }
NodeId Replica::leader() const { return state_->engine->leader(); }
std::uint64_t Replica::newest_of_feeds() const {
  return state_->machine.keyspace().feeds().newest();
}
std::uint16_t Replica::level() const { return state_->machine.level(); }
bool Replica::level_known() const {
  return state_->applied_epoch == state_->engine->epoch() && state_->engine->leader() != NodeId{};
}
Index Replica::applied() const { return state_->applied; }
const consensus::Protocol& Replica::protocol() const { return *state_->engine; }
consensus::WriteId Replica::issued_write() const { return state_->last_write; }
consensus::WriteId Replica::durable_write() const { return state_->durable_write; }

Agreement Replica::agreement() const {
  if (state_->rebuild) return Agreement::rebuilding;
  return state_->machine.stopped() ? Agreement::stopped : Agreement::agreed;
}

std::uint64_t Replica::rebuilds() const { return state_->rebuilds; }

const keyspace::Keyspace& Replica::keyspace() const { return state_->machine.keyspace(); }

std::string_view Replica::setting(std::string_view name) const {
  const auto* value = state_->machine.keyspace().setting(name);
  return value == nullptr ? std::string_view() : std::string_view(*value);
}

bool Replica::making_snapshot() const { return state_->snapshots.making(); }
bool Replica::has_room() const { return state_->log.may_accept(); }
Duration Replica::gathers_for() const {
  const Instant since = state_->company.since();
  return since == Instant{} ? Duration{} : state_->now - since;
}
bool Replica::puts_off() const { return state_->put_off; }

const std::optional<storage::SnapshotFile>& Replica::stored_snapshot() const {
  return state_->snapshots.newest();
}

void Replica::want_snapshot(Index at_least) {
  State& s = *state_;
  s.snapshot_failed = false;
  s.snapshot_wanted = std::max(s.snapshot_wanted, at_least);
}

bool Replica::take_snapshot_failure() { return std::exchange(state_->snapshot_failed, false); }

std::shared_ptr<void> Replica::hold_snapshot() { return state_->snapshots.hold(); }

std::vector<storage::SnapshotFile> Replica::snapshot_files() const {
  return state_->snapshots.files();
}

void Replica::replace_snapshot(const storage::SnapshotFile& file) {
  State& s = *state_;
  const auto& newest = s.snapshots.newest();
  if (newest && newest->name == file.name) {
    s.snapshot_damaged = newest->version == file.version;
  } else {
    s.snapshots.drop(file);
  }
}

void Replica::outgrow_log(Index up_to) {
  state_->log_damaged = std::max(state_->log_damaged, up_to);
}

void Replica::check_invariants() const {
  state_->engine->check_invariants();
  CHECK(state_->applied <= state_->engine->commit() || state_->hold_apply);
}

}  // namespace holdfast::replica
