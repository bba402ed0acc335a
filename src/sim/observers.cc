#include "sim/observers.h"

#include <algorithm>
#include <map>
#include <optional>
#include <utility>

#include "commands/roster.h"
#include "replica/replica.h"
#include "sim/observer_rules.h"
#include "sim/world.h"

namespace holdfast::sim {
namespace {

// Every so many changes a look is thorough; rarer where the log is long, so that the cost for each
// change stays the same.
constexpr std::uint64_t kThoroughEvery = 512;

// The newest one, unless the disk may show something else than what was written.
std::optional<std::string> read_snapshot_of(const Host& host) {
  const auto& snapshot = host.node()->replica()->stored_snapshot();
  if (!snapshot || host.disk().has_wrong_sectors()) return std::nullopt;
  return host.disk().content(snapshot->name);
}

}  // namespace

struct Observers::State {
  State(std::uint32_t nodes, const Timing& times) : timing(times), rules(nodes, times) {}

  void look_at(MachineId machine, bool thorough);
  void look_at_wires(Sight& sight);
  void look_at_disk(Sight& sight);
  void look_at_leases(Sight& sight, const consensus::Protocol& protocol) const;
  bool has_lease(MachineId machine, const consensus::Protocol& protocol) const;
  void look_at_members(Sight& sight);
  bool is_whole(MachineId leader, const std::vector<NodeId>& nodes);
  bool is_there(MachineId leader, NodeId node);
  bool lacks_room(const Sight& sight);
  const commands::Roster& roster_of(const Sight& sight);

  const Timing timing;
  World* world = nullptr;
  Rules rules;
  // Each machine's list of nodes, as text and read.
  std::map<MachineId, std::pair<std::string, commands::Roster>> rosters;
  // What each machine's disk is doing, by the machine's clock.
  struct Writing {
    std::uint64_t process = 0;
    consensus::WriteId issued = 0;
    consensus::WriteId synced = 0;
    Instant moved;  // when the oldest write under way was begun
    Duration slowest;
    Instant slowest_at;
  };
  std::map<MachineId, Writing> writing_of;
  Counts counts;
  std::uint64_t until_thorough = kThoroughEvery;
};

Observers::Observers(std::uint32_t nodes, const Timing& timing)
    : state_(std::make_unique<State>(nodes, timing)) {}
Observers::~Observers() = default;

void Observers::attach(World& world) { state_->world = &world; }

void Observers::State::look_at_wires(Sight& sight) {
  const Network& network = world->network();
  sight.deaf = !is_quorum(*sight.membership, [&](NodeId node) {
    if (node == sight.node) return true;
    const MachineId other = rules.memory().machine_of(node);
    return other != 0 && network.connected(other, sight.machine);
  });
  sight.mends = network.counts().mended;
}

void Observers::State::look_at_disk(Sight& sight) {
  Writing& writing = writing_of[sight.machine];
  const bool idle = writing.issued == writing.synced;
  const bool another = writing.process != sight.process;
  if (another || (idle && sight.issued != sight.synced)) writing.moved = sight.clock;
  if (another) writing.slowest = {};
  if (!another && writing.synced != sight.synced) {
    const Duration took = sight.clock - writing.moved;
    writing.moved = sight.clock;
    if (took >= writing.slowest || sight.clock - writing.slowest_at >= timing.election * 10) {
      writing.slowest = took;
      writing.slowest_at = sight.clock;
    }
  }
  writing.process = sight.process;
  writing.issued = sight.issued;
  writing.synced = sight.synced;
  sight.slowest_write = writing.slowest;
}

bool Observers::State::has_lease(MachineId machine, const consensus::Protocol& protocol) const {
  return protocol.status().lease_until > world->host(machine).clock().now();
}

// Of two that lead, the one of the earlier epoch has none.
void Observers::State::look_at_leases(Sight& sight, const consensus::Protocol& protocol) const {
  for (MachineId id = 1; id <= world->nodes(); ++id) {
    const server::Node* node = id == sight.machine ? nullptr : world->host(id).node();
    const replica::Replica* other = node == nullptr ? nullptr : node->replica();
    if (other == nullptr || other->role() != consensus::Role::leader) continue;
    const bool later = other->epoch() > sight.epoch;
    if (later && has_lease(sight.machine, protocol)) sight.leased = sight.node;
    if (!later && has_lease(id, other->protocol())) sight.leased = node->self();
  }
}

const commands::Roster& Observers::State::roster_of(const Sight& sight) {
  auto& [text, roster] = rosters[sight.machine];
  const std::string* now = sight.data->setting(commands::Roster::kSetting);
  if (now != nullptr && *now != text) {
    text = *now;
    if (auto read = commands::Roster::decode(text)) roster = *std::move(read);
  }
  return roster;
}

// Whether it runs, and hears the leader and is heard by it.
bool Observers::State::is_there(MachineId leader, NodeId node) {
  const MachineId machine = rules.memory().machine_of(node);
  if (machine == 0) return false;
  const Host& host = world->host(machine);
  const Network& network = world->network();
  return host.running() && !host.paused() &&
         (machine == leader || (network.connected(leader, machine) && network.connected(machine, leader)));
}

// Whether all of them are there, and none of them is ending or another node by now.
bool Observers::State::is_whole(MachineId leader, const std::vector<NodeId>& nodes) {
  return std::all_of(nodes.begin(), nodes.end(), [&](NodeId node) {
    if (!is_there(leader, node)) return false;
    const Host& host = world->host(rules.memory().machine_of(node));
    return !host.ending() && host.node()->self() == node;
  });
}

// Somebody's disk is full, and no majority of those who are there has room.
bool Observers::State::lacks_room(const Sight& sight) {
  bool any_full = false;
  const bool enough = is_quorum(*sight.membership, [&](NodeId node) {
    if (!is_there(sight.machine, node)) return false;
    const Sight* seen =
        node == sight.node ? &sight : rules.memory().sight(rules.memory().machine_of(node));
    const bool full = seen != nullptr && seen->full;
    any_full = any_full || full;
    return !full;
  });
  return any_full && !enough;
}

void Observers::State::look_at_members(Sight& sight) {
  const commands::Roster& roster = roster_of(sight);
  const commands::RosterNode* self = roster.find(sight.node);
  const bool rests = self != nullptr && self->state == commands::NodeState::draining;
  const auto sight_of = [&](NodeId node) {
    const MachineId machine = rules.memory().machine_of(node);
    return machine == 0 ? nullptr : rules.memory().sight(machine);
  };
  sight.no_room = lacks_room(sight);
  if (!rests || !is_whole(sight.machine, sight.membership->everyone())) return;
  bool others = false;
  for (const auto& one : roster.nodes) {
    if (one.node == sight.node || one.state != commands::NodeState::active) continue;
    const Sight* other = sight_of(one.node);
    if (!sight.membership->contains(one.node) || other->leader != sight.node ||
        other->epoch != sight.epoch || other->durable + consensus::kNearlyAll < sight.commit) {
      return;
    }
    others = true;
  }
  sight.unneeded = rests && others;
}

void Observers::State::look_at(MachineId machine, bool thorough) {
  const Host& host = world->host(machine);
  const server::Node* node = host.node();
  const replica::Replica* replica = node == nullptr ? nullptr : node->replica();
  if (replica == nullptr) return;  // down, or not yet part of a cluster
  const consensus::Protocol& protocol = replica->protocol();
  const consensus::LogTail& log = protocol.log();
  Sight sight;
  sight.machine = machine;
  sight.process = host.incarnation();
  sight.node = node->self();
  sight.at = world->now();
  sight.role = protocol.role();
  sight.epoch = protocol.epoch();
  sight.leader = protocol.leader();
  sight.commit = protocol.commit();
  sight.applied = replica->applied();
  sight.durable = protocol.durable();
  sight.issued = replica->issued_write();
  sight.synced = replica->durable_write();
  if (const auto& snapshot = replica->stored_snapshot()) sight.snapshot = snapshot->index;
  sight.before = log.before();
  sight.last = log.last();
  sight.last_epoch = log.last_epoch();
  sight.log = &log;
  sight.membership = &protocol.membership_at(log.last());
  sight.wipes = host.disk().wipes();
  sight.data = &replica->keyspace();
  sight.making_snapshot = replica->making_snapshot();
  sight.recovering = protocol.recovering();
  sight.disk_may_lose = host.disk().may_lose();
  sight.differed = replica->rebuilds() != 0 || replica->agreement() != replica::Agreement::agreed;

  sight.full = !replica->has_room();
  sight.gathers = replica->gathers_for();
  sight.puts_off = replica->puts_off();
  sight.clock = world->host(machine).clock().now();
  look_at_disk(sight);

  if (sight.leads()) {
    look_at_wires(sight);
    look_at_leases(sight, protocol);
    look_at_members(sight);
  }

  ++counts.looks;
  const bool hung = sight.leads() && sight.issued != sight.synced;
  const bool bad = sight.deaf || hung || sight.leased || sight.no_room || sight.unneeded;
  const bool late = sight.puts_off || sight.gathers > GathersBriefly::kPatience;
  if (!thorough && !bad && !late && !rules.memory().changed(sight)) return;
  ++counts.changes;
  if (--until_thorough == 0) {
    thorough = true;
    until_thorough = std::max(kThoroughEvery, 4 * (sight.last - sight.before));
  }
  const Sight* before = rules.memory().sight(machine);
  const bool turned =
      before == nullptr || before->role != sight.role || before->epoch != sight.epoch;
  if (thorough || turned) replica->check_invariants();
  // Nothing is asked of one that has not applied what is committed.
  std::vector<server::LockWait> waits;
  if (sight.applied >= rules.committed().last()) {
    waits = node->waits();
    sight.waits = &waits;
  }
  const bool other = before != nullptr && before->snapshot != sight.snapshot;
  const auto stored = other ? read_snapshot_of(host) : std::nullopt;
  if (stored) sight.stored = &*stored;
  rules.see(sight, thorough);
}

void Observers::on_turn(MachineId machine) {
  if (state_->world != nullptr) state_->look_at(machine, false);
  if (other_ != nullptr) other_->on_turn(machine);
}

void Observers::on_death(MachineId machine, const std::string& why) {
  ++state_->counts.deaths;
  if (other_ != nullptr) other_->on_death(machine, why);
}

void Observers::on_noticed(MachineId machine, const replica::EntryNotices& entry) {
  World* world = state_->world;
  if (world == nullptr) return;
  state_->rules.noticed(machine, world->host(machine).incarnation(), entry, world->now());
}

void Observers::on_notices_missed(MachineId machine) { state_->rules.notices_missed(machine); }

void Observers::acknowledged(Instant at, std::span<const std::string> words) {
  state_->rules.acknowledged(at, words);
}

void Observers::distrust_disk(MachineId machine) { state_->rules.memory().distrust_disk(machine); }
void Observers::distrust_data(MachineId machine) {
  state_->rules.notices_missed(machine);
  state_->rules.memory().trust_data(machine, false);
}
void Observers::trust_data(MachineId machine) { state_->rules.memory().trust_data(machine, true); }

void Observers::finish() {
  for (MachineId machine = 1; machine <= state_->rules.memory().machines(); ++machine) {
    state_->look_at(machine, true);
  }
}

const std::vector<Problem>& Observers::problems() const { return state_->rules.problems(); }

const Memory& Observers::memory() const { return state_->rules.memory(); }

const Observers::Counts& Observers::counts() const {
  Counts& counts = state_->counts;
  const Rules& rules = state_->rules;
  counts.elections = rules.election_safety().elections();
  counts.committed = rules.committed().last().value;
  counts.installed = rules.state_machine_safety().installed();
  counts.digests = rules.replica_equality().digests();
  return counts;
}

}  // namespace holdfast::sim
