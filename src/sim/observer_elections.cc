#include "sim/observer_elections.h"

#include <fmt/format.h>

#include "replica/batch.h"
#include "replica/command_record.h"

namespace holdfast::sim {

void ElectionSafety::see(const Look& look, const Memory&, Problems& problems) {
  const Sight& now = look.now;
  if (!now.leader) return;
  if (!look.started && look.before->epoch == now.epoch && look.before->leader == now.leader &&
      look.before->role == now.role) {
    return;
  }
  Leader& known = leaders_[now.epoch];
  if (!known.node) known.node = now.leader;
  if (known.node != now.leader) {
    problems.add(kName, now.at,
                 fmt::format("epoch {} is led by node {}, and by node {} as node {} has it",
                             now.epoch, known.node, now.leader, now.node));
  }
  if (!now.leads()) return;
  if (known.machine == 0) {
    known.machine = now.machine;
    known.process = now.process;
    ++elections_;
  } else if (known.machine != now.machine) {
    problems.add(kName, now.at,
                 fmt::format("machines {} and {} both lead epoch {}", known.machine, now.machine,
                             now.epoch));
  } else if (known.process != now.process) {
    problems.add(kName, now.at,
                 fmt::format("node {} leads epoch {} again after a restart", now.node, now.epoch));
  }
}

void LeaderAppendOnly::see(const Look& look, const Memory&, Problems& problems) {
  if (look.started || !look.before->leads() || !look.now.leads()) return;
  if (look.before->epoch != look.now.epoch) return;
  if (look.changed_from > look.before->last && look.now.last >= look.before->last) return;
  problems.add(LeaderAppendOnly::kName, look.now.at,
               fmt::format("node {} leads epoch {} and had entries up to {}; now they differ from "
                           "{} on and end at {}",
                           look.now.node, look.now.epoch, look.before->last, look.changed_from,
                           look.now.last));
}

void CommitOfOwnEpoch::see(const Look& look, const Memory&, Problems& problems) {
  const Sight& now = look.now;
  if (look.started || !look.before->leads() || !now.leads()) return;
  if (look.before->epoch != now.epoch || now.commit == look.before->commit) return;
  const auto epoch = now.log->epoch_at(now.commit);
  if (!epoch || *epoch == now.epoch) return;
  problems.add(
      kName, now.at,
      fmt::format("node {} leads epoch {} and commits up to entry {}, which is of epoch {}",
                  now.node, now.epoch, now.commit, *epoch));
}

void LeaderCompleteness::see(const Look& look, const Memory& memory, Problems& problems) {
  const Sight& now = look.now;
  const bool led_already = !look.started && look.before->leads() && look.before->epoch == now.epoch;
  if (now.leads() && (!led_already || look.thorough)) see_leader(look, problems);

  // What has just been committed must be with those who lead a later epoch by now.
  const Index newest = committed_.last();
  if (committed_.fresh_from() > newest) return;
  const auto* entry = committed_.at(newest);
  if (entry == nullptr) return;
  for (MachineId machine = 1; machine <= memory.machines(); ++machine) {
    const Sight* other = machine == now.machine ? nullptr : memory.sight(machine);
    if (other == nullptr || !other->leads() || other->epoch < entry->seen_in) continue;
    if (memory.mirror(machine).holds(newest, entry->epoch)) continue;
    problems.add(kName, now.at,
                 fmt::format("entry {} of epoch {} is committed in epoch {}, but node {}, which "
                             "leads epoch {}, does not have it",
                             newest, entry->epoch, entry->seen_in, other->node, other->epoch));
  }
}

void LeaderCompleteness::see_leader(const Look& look, Problems& problems) const {
  const Sight& now = look.now;
  for (Index index = now.before.next(); index <= committed_.last(); index = index.next()) {
    const auto* entry = committed_.at(index);
    if (entry == nullptr || entry->seen_in > now.epoch) continue;
    if (now.log->epoch_at(index) == entry->epoch) continue;
    problems.add(kName, now.at,
                 fmt::format("node {} leads epoch {} without entry {} of epoch {}, which was "
                             "committed in epoch {}",
                             now.node, now.epoch, index, entry->epoch, entry->seen_in));
    return;
  }
}

Duration Spells::length(const Sight& now, bool bad, std::uint64_t mark) {
  Spell& spell = spells_[now.machine];
  if (!bad) {
    spell.process = 0;
    return {};
  }
  const bool goes_on = spell.process == now.process && spell.epoch == now.epoch &&
                       spell.mark == mark && now.clock - spell.seen <= gap_;
  if (!goes_on) spell = {now.process, now.epoch, mark, now.clock, now.clock};
  spell.seen = now.clock;
  return now.clock - spell.since;
}

void DeafLeader::see(const Look& look, const Memory&, Problems& problems) {
  const Sight& now = look.now;
  const Duration length = spells_.length(now, now.leads() && now.deaf, now.mends);
  if (length <= patience_) return;
  problems.add(kName, now.at,
               fmt::format("node {} leads epoch {} though no majority could reach it for {} ms",
                           now.node, now.epoch, length.ms()));
}

void OneLease::see(const Look& look, const Memory&, Problems& problems) {
  const Sight& now = look.now;
  if (!now.leased) return;
  problems.add(kName, now.at,
               fmt::format("node {} has a lease though another leads a later epoch; seen by node {}, "
                           "which leads epoch {}",
                           now.leased, now.node, now.epoch));
}

void HungLeader::see(const Look& look, const Memory&, Problems& problems) {
  const Sight& now = look.now;
  const auto alone = [&now] {
    return is_quorum(*now.membership, [&now](NodeId one) { return one == now.node; });
  };
  const bool hung = now.leads() && now.issued != now.synced && !alone();
  const Duration length = spells_.length(now, hung, now.synced);
  const Duration slow = std::min(now.slowest_write * 3, longest_) - usual_;
  if (length <= patience_ + std::max(slow, Duration{})) return;
  problems.add(kName, now.at,
               fmt::format("node {} leads epoch {} though its disk has completed nothing for {} ms",
                           now.node, now.epoch, length.ms()));
}

// What the nodes say themselves, of checks and of who is gone, may be written by who has room.
bool NoRoom::has_command(const consensus::Entry& entry) {
  if (entry.kind != consensus::EntryKind::batch) return false;
  replica::BatchReader batch(entry.payload.view());
  std::string_view bytes;
  while (batch.next(bytes)) {
    replica::CommandRecord record;
    if (!replica::decode_record(bytes, record) || record.commands.empty()) continue;
    if (!record.commands[0].empty() && !record.commands[0][0].starts_with('_')) return true;
  }
  return false;
}

void NoRoom::see(const Look& look, const Memory&, Problems& problems) {
  const Sight& now = look.now;
  const Duration length = spells_.length(now, now.leads() && now.no_room, 0);
  if (length <= patience_) return;
  for (Index index = look.changed_from; index <= now.last; index = index.next()) {
    if (!has_command(now.log->at(index))) continue;
    problems.add(kName, now.at,
                 fmt::format("node {} leads epoch {} and takes commands, in entry {}, though for {} ms "
                             "no majority of the disks has had room",
                             now.node, now.epoch, index, length.ms()));
    return;
  }
}

void RestingLeader::see(const Look& look, const Memory&, Problems& problems) {
  const Sight& now = look.now;
  const Duration length = spells_.length(now, now.leads() && now.unneeded, 0);
  if (length <= patience_) return;
  problems.add(kName, now.at,
               fmt::format("node {} leads epoch {} though it has been told to rest, and others could "
                           "lead, for {} ms",
                           now.node, now.epoch, length.ms()));
}

}  // namespace holdfast::sim
