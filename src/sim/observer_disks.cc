#include "sim/observer_disks.h"

#include <fmt/format.h>

#include <algorithm>

namespace holdfast::sim {

void QuorumDurability::see(const Look& look, const Memory& memory, Problems& problems) {
  const Index newest = committed_.last();
  if (committed_.fresh_from() > newest) return;
  const auto* entry = committed_.at(newest);
  if (entry == nullptr) return;
  const auto has = [&](Index index, Epoch epoch) {
    return [&look, &memory, index, epoch](NodeId node) {
      const bool self = node == look.now.node;
      const MachineId machine = self ? look.now.machine : memory.machine_of(node);
      const Sight* sight = self ? &look.now : machine == 0 ? nullptr : memory.sight(machine);
      if (sight == nullptr) return false;
      return (std::max(sight->durable, sight->before) >= index &&
              memory.mirror(machine).holds(index, epoch)) ||
             memory.had(machine, index, epoch);
    };
  };
  // A membership counts from when it is appended, so it is committed by its own quorum.
  for (Index index = std::max(committed_.fresh_from(), look.now.log->first());
       index <= std::min(newest, look.now.last); index = index.next()) {
    const consensus::Entry& one = look.now.log->at(index);
    if (one.kind != consensus::EntryKind::config) continue;
    const auto membership = consensus::Membership::decode(one.payload.view());
    if (membership && is_quorum(*membership, has(index, one.epoch))) continue;
    problems.add(kName, look.now.at,
                 fmt::format("node {} has committed the membership of entry {}, which is not on "
                             "the disks of a quorum of that membership",
                             look.now.node, index));
  }
  if (look.is_quorum_of_any(has(newest, entry->epoch))) return;
  problems.add(kName, look.now.at,
               fmt::format("node {} has committed entry {} of epoch {}, which is not on the disks "
                           "of a quorum",
                           look.now.node, newest, entry->epoch));
}

void SyncedFirst::see(const Look& look, const Memory&, Problems& problems) {
  const Sight& now = look.now;
  auto& under_way = under_way_[now.machine];
  if (look.started) return under_way.clear();  // what a process finds is durable

  const Index changed = std::min(look.changed_from, now.last.next());
  while (!under_way.empty() && under_way.back().from >= changed) under_way.pop_back();
  if (changed <= now.last) under_way.push_back({look.before->issued + 1, changed});
  while (!under_way.empty() && under_way.front().write <= now.synced) under_way.pop_front();

  const Index stood_for = std::max(now.before, now.snapshot);
  for (std::size_t i = 0; i < under_way.size(); ++i) {
    const Index first = std::max(under_way[i].from, stood_for.next());
    const Index last = i + 1 < under_way.size() ? under_way[i + 1].from.previous() : now.last;
    if (first > last || first > now.durable) continue;
    problems.add(kName, now.at,
                 fmt::format("node {} takes its log for durable up to entry {}, but entry {} came "
                             "with write {} or a later one, and only write {} has ended",
                             now.node, now.durable, first, under_way[i].write, now.synced));
    return;
  }
}

void Durability::see(const Look& look, const Memory& memory, Problems& problems) {
  if (!look.started || look.before == nullptr) return;
  const Sight& now = look.now;
  const Sight& before = *look.before;
  // Who knows that something is missing vouches for nothing until it is there again.
  if (!memory.disk_trusted(now.machine) || now.recovering) return;

  // A newer epoch at the end: a leader may already have put its entries in the place of those.
  const bool owed_there = look.owed <= now.before || !look.owed_epoch ||
                          now.log->epoch_at(look.owed) == look.owed_epoch ||
                          now.last_epoch > *look.owed_epoch;
  if (!owed_there) {
    problems.add(kName, now.at,
                 fmt::format("node {} had its log durable up to entry {} of epoch {}; after a "
                             "restart it ends at {} of epoch {}",
                             now.node, look.owed, *look.owed_epoch, now.last, now.last_epoch));
  }
  // Neither is anybody led, nor an entry kept, under a promise that is not durable.
  Epoch promised = look.owed_epoch.value_or(Epoch());
  if (before.leads()) promised = std::max(promised, before.epoch);
  if (now.epoch < promised) {
    problems.add(kName, now.at,
                 fmt::format("node {} had promised epoch {}; after a restart it "
                             "knows of {}",
                             now.node, promised, now.epoch));
  }
  if (now.snapshot < before.snapshot) {
    problems.add(kName, now.at,
                 fmt::format("node {} had a snapshot of {}; after a restart its "
                             "newest is of {}",
                             now.node, before.snapshot, now.snapshot));
  }
}

void NothingGoesBack::see(const Look& look, const Memory& memory, Problems& problems) {
  const Sight& now = look.now;
  if (now.commit > now.last || now.before > now.commit || now.durable > now.last) {
    problems.add(kName, now.at,
                 fmt::format("node {} has its log from {} to {}, durable to {}, committed to {}",
                             now.node, now.before.next(), now.last, now.durable, now.commit));
  }
  if (look.started) return;
  const Sight& before = *look.before;
  if (now.epoch < before.epoch) {
    problems.add(
        kName, now.at,
        fmt::format("node {} had promised epoch {}, now {}", now.node, before.epoch, now.epoch));
  }
  const auto never_less = [&](std::string_view what, Index then, Index since) {
    if (since >= then) return;
    problems.add(kName, now.at,
                 fmt::format("node {}: {} was {} and is {}", now.node, what, then, since));
  };
  never_less("the commit index", before.commit, now.commit);
  // A replica whose data was found to be wrong begins again from a snapshot.
  if (memory.data_trusted(now.machine)) {
    never_less("the applied index", before.applied, now.applied);
  }
  never_less("the newest snapshot", before.snapshot, now.snapshot);
  never_less("the beginning of the log", before.before, now.before);
}

}  // namespace holdfast::sim
