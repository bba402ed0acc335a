#include "sim/observer.h"

#include <fmt/format.h>

#include <algorithm>
#include <tuple>

namespace holdfast::sim {

// ---- LogMirror
// ------------------------------------------------------------------------------------

Index LogMirror::take(const Sight& sight, bool thorough) {
  const consensus::LogTail& log = *sight.log;
  before_ = std::max(before_, sight.before);
  const Index common = std::min(last(), sight.last);
  // Logs that agree at an entry agree before it, as log matching says; a rule of its own checks
  // that. So the end tells, unless it was cut.
  const bool same_end = common == last() && log.epoch_at(common) == epochs_[common.value];
  Index changed = common.next();
  if (thorough || !same_end) {
    changed = sight.before.next();
    while (changed <= common && log.at(changed).epoch == epochs_[changed.value]) {
      changed = changed.next();
    }
  }
  changed = std::max(changed, sight.before.next());
  epochs_.resize(sight.last.value + 1);
  for (Index index = changed; index <= sight.last; index = index.next()) {
    epochs_[index.value] = log.at(index).epoch;
  }
  return changed;
}

std::optional<Epoch> LogMirror::epoch_at(Index index) const {
  if (index <= before_ || index > last()) return std::nullopt;
  return epochs_[index.value];
}

bool LogMirror::holds(Index index, Epoch epoch) const {
  return index <= before_ || epoch_at(index) == epoch;
}

// ---- Look
// -----------------------------------------------------------------------------------------

bool is_quorum(const consensus::Membership& membership, const std::function<bool(NodeId)>& has) {
  const auto majority = [&has](const std::vector<NodeId>& voters) {
    const auto with = std::count_if(voters.begin(), voters.end(), std::ref(has));
    return static_cast<std::size_t>(with) > voters.size() / 2;
  };
  return majority(membership.voters) &&
         (membership.outgoing.empty() || majority(membership.outgoing));
}

bool Look::is_quorum_of_any(const std::function<bool(NodeId)>& has) const {
  if (is_quorum(*now.membership, has)) return true;
  if (!started && is_quorum(*before->membership, has)) return true;
  for (Index index = changed_from; index <= now.last; index = index.next()) {
    const consensus::Entry& entry = now.log->at(index);
    if (entry.kind != consensus::EntryKind::config) continue;
    const auto membership = consensus::Membership::decode(entry.payload.view());
    if (membership && is_quorum(*membership, has)) return true;
  }
  return false;
}

Index Look::first_new(Index Sight::*position) const {
  // What a snapshot stands for is not in the log any more, or is another's that it replaces.
  Index known = now.before;
  if (!started && !thorough) known = std::max(known, before->*position);
  return known.next();
}

// ---- Problems
// -------------------------------------------------------------------------------------

std::string Problem::text() const { return fmt::format("{}: {}", rule, what); }

void Problems::add(std::string_view rule, Instant at, std::string what) {
  const auto same = [rule](const Problem& problem) { return problem.rule == rule; };
  const auto kept = std::count_if(all_.begin(), all_.end(), same);
  if (static_cast<std::size_t>(kept) < kKeptOfEachRule) all_.push_back({rule, std::move(what), at});
}

// ---- Memory
// ---------------------------------------------------------------------------------------

const Sight* Memory::sight(MachineId machine) const {
  const Machine& known = at(machine);
  return known.seen ? &known.sight : nullptr;
}

MachineId Memory::machine_of(NodeId node) const {
  for (MachineId id = 1; id <= machines(); ++id) {
    if (at(id).seen && at(id).sight.node == node) return id;
  }
  return 0;
}

bool Memory::changed(const Sight& sight) const {
  const Machine& known = at(sight.machine);
  if (!known.seen) return true;
  const auto all = [](const Sight& s) {
    return std::tie(s.process, s.role, s.epoch, s.leader, s.commit, s.applied, s.durable,
                    s.snapshot, s.before, s.last, s.last_epoch, s.making_snapshot, s.full, s.recovering);
  };
  return all(known.sight) != all(sight);
}

Look Memory::look(const Sight& sight, bool thorough) {
  Machine& machine = machines_.at(sight.machine - 1);
  // Another node's disk owes nothing of this one's.
  const bool other = machine.seen && machine.sight.node != sight.node;
  if (other) machine = Machine{};
  Look look{.now = sight};
  look.thorough = thorough;
  if (machine.seen) {
    look.before = &machine.sight;
    look.started = machine.sight.process != sight.process;
    look.owed = machine.sight.durable;
    look.owed_epoch = machine.mirror.epoch_at(look.owed);
  }
  if (!sight.recovering) machine.losses.clear();
  if (machine.seen && look.started && sight.recovering) machine.losses.push_back({machine.mirror, look.owed});
  look.changed_from = machine.mirror.take(sight, thorough || look.started);
  return look;
}

bool Memory::had(MachineId machine, Index index, Epoch epoch) const {
  const auto& losses = at(machine).losses;
  return std::any_of(losses.begin(), losses.end(), [&](const Loss& loss) {
    return loss.durable >= index && loss.mirror.holds(index, epoch);
  });
}

void Memory::distrust_disk(MachineId machine) {
  machines_.at(machine - 1).disk_trusted = false;
  machines_.at(machine - 1).kept = 0;
}

void Memory::regain_trust(Machine& machine, const Sight& sight) {
  // The first may be told of late, and be of a write that the disk has not kept.
  constexpr std::uint32_t kKeptForSure = 2;
  const bool same_process = machine.seen && machine.sight.process == sight.process;
  if (sight.disk_may_lose || !same_process) {
    machine.kept = 0;
  } else if (sight.durable > machine.sight.durable && ++machine.kept == kKeptForSure) {
    machine.disk_trusted = true;
  }
}

void Memory::remember(const Sight& sight) {
  Machine& machine = machines_.at(sight.machine - 1);
  if (!machine.disk_trusted) regain_trust(machine, sight);
  machine.seen = true;
  machine.sight = sight;
  machine.membership = *sight.membership;
  machine.sight.membership = &machine.membership;
  machine.sight.log = nullptr;
  machine.sight.data = nullptr;
  machine.sight.waits = nullptr;
  machine.sight.stored = nullptr;
}

}  // namespace holdfast::sim
