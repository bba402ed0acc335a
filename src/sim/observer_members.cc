#include "sim/observer_members.h"

#include <fmt/format.h>

#include <algorithm>

#include "consensus/protocol.h"

namespace holdfast::sim {
namespace {

using consensus::Membership;

std::string names(const Membership& membership) {
  return fmt::format("{{{}}} before {{{}}} learning {{{}}}", fmt::join(membership.voters, ","),
                     fmt::join(membership.outgoing, ","), fmt::join(membership.learners, ","));
}

}  // namespace

// ---- Memberships --------------------------------------------------------------------------------

void Memberships::take_committed(const Look& look) {
  const consensus::LogTail& log = *look.now.log;
  for (Index index = std::max(committed_.fresh_from(), log.first());
       index <= std::min(committed_.last(), log.last()); index = index.next()) {
    if (log.at(index).kind != consensus::EntryKind::config) continue;
    if (auto one = Membership::decode(log.at(index).payload.view())) settled_[index] = *one;
  }
}

void Memberships::see(const Look& look, const Memory& memory, Problems& problems) {
  const Sight& now = look.now;
  take_committed(look);
  if (settled_.empty()) settled_[Index()] = *now.membership;
  auto& placed = placed_[now.machine];
  const bool begins = look.started || placed.empty() || look.before->before != now.before;
  if (begins) {
    // What the log begins with: the newest that was committed by then. Who joined knows nothing.
    const auto base = std::prev(settled_.upper_bound(now.before));
    const bool joined = now.before == Index() && !base->second.contains(now.node);
    std::erase_if(placed, [&](const Placed& one) { return look.started || one.first <= now.before; });
    placed.insert(placed.begin(), {base->first, joined ? Membership() : base->second});
  }
  const Index from = look.started ? now.before.next() : look.changed_from;
  std::erase_if(placed, [&](const Placed& one) { return one.first >= from && one.first > now.before; });
  for (Index index = std::max(from, now.before.next()); index <= now.last; index = index.next()) {
    if (now.log->at(index).kind != consensus::EntryKind::config) continue;
    auto one = Membership::decode(now.log->at(index).payload.view());
    if (!one) continue;  // log matching objects
    const Placed next{index, *std::move(one)};
    const bool own = now.leads() && now.log->at(index).epoch == now.epoch && index >= look.changed_from;
    if (own && !look.started) see_change(look, memory, placed.back(), next, problems);
    placed.push_back(next);
  }
  if (*now.membership == placed.back().second) return;
  problems.add(kName, now.at,
               fmt::format("node {} goes by {}; the newest membership of its log behind entry {} is {} of "
                           "entry {}",
                           now.node, names(*now.membership), now.before, names(placed.back().second),
                           placed.back().first));
}

void Memberships::see_change(const Look& look, const Memory& memory, const Placed& before,
                             const Placed& next, Problems& problems) const {
  const Sight& now = look.now;
  const auto object = [&](std::string_view why) {
    problems.add(kName, now.at,
                 fmt::format("node {} changes {} of entry {} to {} of entry {}, committed up to {}: "
                             "{}",
                             now.node, names(before.second), before.first, names(next.second),
                             next.first, now.commit, why));
  };
  const Membership& old = before.second;
  const Membership& fresh = next.second;
  if (before.first > now.commit) return object("the one before is not committed");
  const auto epoch = now.log->epoch_at(now.commit);
  if (epoch && *epoch != now.epoch) object("nothing of its own epoch is committed");
  if (!old.outgoing.empty()) {
    if (fresh.voters != old.voters || !fresh.outgoing.empty()) object("a joint one ends otherwise");
    return;
  }
  if (fresh.voters == old.voters) {
    if (!fresh.outgoing.empty()) object("joint without a change of voters");
    return;
  }
  if (fresh.outgoing != old.voters) return object("voters change without the old ones' majority");
  for (const NodeId node : fresh.voters) {
    if (old.is_voter(node)) continue;
    const MachineId machine = memory.machine_of(node);
    const Sight* sight = machine == 0 ? nullptr : memory.sight(machine);
    const Index has = sight == nullptr ? Index() : sight->durable;
    if (has + consensus::kNearlyAll >= look.before->commit) continue;
    object(fmt::format("new voter {} has no more than entry {}", node, has));
  }
}

// ---- LeaderVotes --------------------------------------------------------------------------------

bool LeaderVotes::may_lead(const Sight& now) const {
  const auto& placed = memberships_.of(now.machine);
  for (auto one = placed.rbegin(); one != placed.rend(); ++one) {
    if (one->second.is_voter(now.node)) return true;
    if (one->first <= now.commit) return false;
  }
  return false;
}

void LeaderVotes::see(const Look& look, const Memory& memory, Problems& problems) {
  const Sight& now = look.now;
  if (!now.leads()) {
    out_since_.erase(now.machine);
    return;
  }
  see_outsider(look, problems);
  if (!look.started && look.before->leads() && look.before->epoch == now.epoch) return;
  if (!may_lead(now)) {
    problems.add(kName, now.at,
                 fmt::format("node {} leads epoch {} and is no voter in {}", now.node, now.epoch,
                             names(*now.membership)));
  }
  const auto promised = [&](NodeId node) {
    if (node == now.node) return true;
    const MachineId machine = memory.machine_of(node);
    if (machine == 0) return false;
    return memory.sight(machine)->epoch >= now.epoch || !memory.disk_trusted(machine);
  };
  if (!votes_ || look.is_quorum_of_any(promised)) return;
  problems.add(kName, now.at,
               fmt::format("node {} leads epoch {}, which no quorum of {} has promised", now.node,
                           now.epoch, names(*now.membership)));
}

void LeaderVotes::see_outsider(const Look& look, Problems& problems) {
  const Sight& now = look.now;
  const auto& placed = memberships_.of(now.machine);
  const bool out = !now.membership->is_voter(now.node) && placed.back().first <= now.commit;
  if (!out) {
    out_since_.erase(now.machine);
    return;
  }
  const auto since = out_since_.try_emplace(now.machine, now.epoch, now.clock).first;
  if (since->second.first != now.epoch) since->second = {now.epoch, now.clock};
  if (now.clock - since->second.second <= patience_) return;
  problems.add(kName, now.at,
               fmt::format("node {} still leads epoch {} though it has been no voter of a committed "
                           "membership for {} ms",
                           now.node, now.epoch, (now.clock - since->second.second).ms()));
}

// ---- OneFolder ----------------------------------------------------------------------------------

void OneFolder::see(const Look& look, const Memory&, Problems& problems) {
  const Sight& now = look.now;
  const std::pair bearer(now.machine, now.wipes);
  const auto known = bearers_.try_emplace(now.node, bearer).first;
  if (known->second == bearer) return;
  problems.add(kName, now.at,
               fmt::format("node {} is on machine {} after {} empty disks; it was on machine {} "
                           "after {}",
                           now.node, now.machine, now.wipes, known->second.first,
                           known->second.second));
}

}  // namespace holdfast::sim
