#include "keyspace/holding.h"

#include <algorithm>
#include <utility>

#include "base/check.h"
#include "base/mutation.h"
#include "keyspace/holding_engine.h"
#include "keyspace/snapshot_codec.h"
#include "keyspace/state.h"

namespace holdfast::keyspace {

struct HoldingTable::State {
  Core& core;
  HoldingKind kind;

  const Holding* look(Key name) const {
    const Coordination* coordination = core.look_coordination(name.slot);
    return coordination == nullptr ? nullptr : table_of(*coordination, kind).find(name.name);
  }
  // To change it; null if there is none.
  Holding* change(Key name) {
    if (look(name) == nullptr) return nullptr;
    return table_of(core.change_coordination(name.slot), kind).find(name.name);
  }
};

namespace {

bool lives_at(const Origin& origin, NodeId node, Incarnation up_to) {
  return origin.node == node && origin.incarnation <= up_to;
}

// Whether anything at all is past its deadline: if not, nobody needs to look for it.
bool something_due(const Core& core, ClusterTime now) {
  const Deadline* soonest = core.deadlines.first();
  return soonest != nullptr && soonest->when.passed(now);
}

bool is_due(const Core& core, const Holding& holding, ClusterTime now) {
  if (!something_due(core, now)) return false;
  if (holding.delay_until && holding.delay_until->passed(now)) return true;
  return std::any_of(holding.holds.begin(), holding.holds.end(),
                     [&](const Hold& hold) { return hold.grant.deadline.passed(now); });
}

Terms terms_of(const AcquireRequest& request) {
  Terms terms;
  terms.owner = request.owner;
  terms.value = request.value;
  terms.ttl_ms = request.ttl_ms;
  terms.session = request.session;
  terms.mode = request.mode;
  terms.permits = request.permits;
  terms.delay_ms = request.delay_ms;
  terms.hold = request.hold;
  terms.origin = request.origin;
  return terms;
}

void fill_waiter(Waiter& waiter, const AcquireRequest& request, ClusterTime now) {
  waiter.value = request.value;
  waiter.ttl_ms = request.ttl_ms;
  waiter.deadline = now.plus_ms(request.wait_ms);
  waiter.origin = request.origin;
  waiter.resp3 = request.resp3;
  waiter.once_id = request.once_id;
  waiter.mode = request.mode;
  waiter.permits = request.permits;
  waiter.session = request.session;
  waiter.delay_ms = request.delay_ms;
  waiter.hold = request.hold;
}

// The waiter asked again: same place, new terms. Whoever asked before is told that his wait is
// over.
void rejoin(Core& core, Waiter& waiter, const AcquireRequest& request, ClusterTime now) {
  Holding& holding = *waiter.holding;
  if (waiter.origin != request.origin) {
    core.events.push_back(
        {waiter.origin, waiter.resp3, false, {}, WaitKind::lock, holding.kind, {}});
  }
  if (waiter.once_id != request.once_id) {
    settle_once(core, holding.slot, waiter.once_id, nullptr, now);
  }
  refill(core, waiter, [&](Waiter& again) { fill_waiter(again, request, now); });
  let_in(core, holding, now);  // the new terms may be more modest
}

// Whether one more would be too much for his session. Who is there already may ask again.
bool session_is_full(Core& core, const Holding* holding, const AcquireRequest& request) {
  if (request.session == 0) return false;
  const SessionHoldings* const depends = core.session_holdings.find(request.session);
  if (depends == nullptr || depends->size() < HoldingTable::kMaxOfSession) return false;
  return holding == nullptr || (find_owner(*holding, request.owner) == nullptr &&
                                find_waiter(*holding, request.owner) == nullptr);
}

// Who holds asks again.
AcquireResult again(Core& core, Hold& hold, const AcquireRequest& request) {
  if (hold.grant.mode != request.mode || hold.grant.permits != request.permits ||
      hold.session != request.session) {
    return {AcquireOutcome::other_terms, hold.grant, 0, hold.session};
  }
  const bool known = request.hold.empty() ? hold.unnamed
                                          : std::find(hold.names.begin(), hold.names.end(),
                                                      request.hold) != hold.names.end();
  if (!known && hold.names.size() + 1 >= HoldingTable::kMaxHolds) {
    return {AcquireOutcome::too_many_holds, hold.grant, 0};
  }
  if (!known || mutated(Mutation::holds_counted)) {
    edit_names(core, hold, [&] {
      if (request.hold.empty()) {
        hold.unnamed = true;
      } else {
        hold.names.emplace_back(request.hold);
      }
      return true;
    });
  }
  attend(hold);
  if (core.format >= kFormatOfKinds) hold.origin = request.origin;
  core.notices.granted(hold.holding->kind, hold.holding->name, hold.owner, hold.grant.token,
                       request.origin, true);
  return {AcquireOutcome::granted, hold.grant, 0};
}

// Takes one of the owner's holds away. True: it was the last.
bool drop_name(Core& core, Hold& hold, std::string_view name) {
  edit_names(core, hold, [&] {
    if (name.empty()) return std::exchange(hold.unnamed, false);
    const auto found = std::find(hold.names.begin(), hold.names.end(), name);
    if (found == hold.names.end()) return false;
    hold.names.erase(found);
    return true;
  });
  return !hold.unnamed && hold.names.empty();
}

HolderInfo holder_info(const Hold& hold) {
  HolderInfo info{hold.owner, hold.value, hold.grant, hold.since, hold.session, hold.names};
  if (hold.unnamed) info.holds.insert(info.holds.begin(), "");
  return info;
}

}  // namespace

HoldingTable::HoldingTable(Keyspace& owner, HoldingKind kind)
    : state_(new State{owner.state_->core, kind}) {}
HoldingTable::~HoldingTable() = default;

AcquireResult HoldingTable::acquire(Key name, const AcquireRequest& request, ClusterTime now,
                                    Index index) {
  Core& core = state_->core;
  Coordination& coordination = core.change_coordination(name.slot);
  Holding* holding = table_of(coordination, state_->kind).find(name.name);
  if (session_is_full(core, holding, request)) return {AcquireOutcome::too_many_of_session, {}, 0};
  if (holding == nullptr) {
    holding = &add_holding(core, coordination, name, state_->kind);
    holding->limit = request.limit;
  }
  end_if_due(core, *holding, now);
  if (holding->kind == HoldingKind::semaphore && holding->limit != request.limit) {
    return {AcquireOutcome::other_limit, {}, holding->limit};
  }
  if (Hold* hold = find_owner(*holding, request.owner)) return again(core, *hold, request);
  if (fits(*holding, request.mode, request.permits)) {
    let_in(core, *holding, now);  // waits at the head may be over, and his own be next
    if (Hold* hold = find_owner(*holding, request.owner)) return again(core, *hold, request);
    const bool overtakes = mutated(Mutation::reader_overtakes_writer) &&
                           find_waiter(*holding, request.owner) == nullptr;
    const bool first = holding->queue == nullptr || overtakes;
    if (first && fits(*holding, request.mode, request.permits)) {
      return {AcquireOutcome::granted, grant_to(core, *holding, terms_of(request), now).grant, 0};
    }
  }
  if (request.wait_ms <= 0) return {};
  if (Waiter* waiter = find_waiter(*holding, request.owner)) {
    rejoin(core, *waiter, request, now);
    return {AcquireOutcome::queued, {}, 0};
  }
  if (holding->queue != nullptr && holding->queue->order.size() >= kMaxWaiters) {
    return {AcquireOutcome::too_many_waiters, {}, 0};
  }
  enqueue(core, *holding, [&](Waiter& waiter) {
    waiter.owner = request.owner;
    fill_waiter(waiter, request, now);
    waiter.queued_at = index.value;
    waiter.created = core.next_revision();
  });
  return {AcquireOutcome::queued, {}, 0};
}

std::optional<std::int64_t> HoldingTable::renew(Key name, std::uint64_t token, std::int64_t ttl_ms,
                                                ClusterTime now) {
  Core& core = state_->core;
  Holding* holding = state_->change(name);
  if (holding == nullptr) return std::nullopt;
  end_if_due(core, *holding, now);
  Hold* hold = find_token(*holding, token);
  if (hold == nullptr) return std::nullopt;
  attend(*hold);
  core.next_revision();
  set_end(core, *hold, now.plus_ms(ttl_ms), 0);
  return ttl_ms;
}

ReleaseOutcome HoldingTable::release(Key name, std::uint64_t token, ClusterTime now,
                                     std::optional<std::string_view> hold_name) {
  Core& core = state_->core;
  if (token == 0) return ReleaseOutcome::lost;
  Holding* holding = state_->change(name);
  if (holding == nullptr) return ReleaseOutcome::lost;
  end_if_due(core, *holding, now);
  if (Hold* hold = find_token(*holding, token)) {
    if (hold_name && !drop_name(core, *hold, *hold_name)) {
      attend(*hold);
      return ReleaseOutcome::partly;
    }
    holding->released_token = token;
    holding->released_until = now.plus_ms(kRememberedMs);
    holding->grants_since_release = 0;
    hand_over(core, *hold, std::nullopt, now);
    return ReleaseOutcome::released;
  }
  const bool again = holding->released_token == token && !holding->released_until.passed(now);
  return again ? ReleaseOutcome::repeated : ReleaseOutcome::lost;
}

std::optional<std::size_t> HoldingTable::force(Key name, ClusterTime now) {
  Core& core = state_->core;
  Holding* holding = state_->change(name);
  if (holding == nullptr) return std::nullopt;
  end_if_due(core, *holding, now);
  const std::size_t count = holding->holds.size();
  if (mutated(Mutation::force_keeps_holder)) return count;
  if (count == 0) holding->delay_until.reset();
  end_all_holds(core, *holding, Loss::forced, now);
  return count;
}

bool HoldingTable::set_limit(Key name, std::uint64_t limit, ClusterTime now) {
  Core& core = state_->core;
  Holding* holding = state_->change(name);
  if (holding == nullptr) return false;
  end_if_due(core, *holding, now);
  const bool ignored = mutated(Mutation::lower_limit_ignored) && limit < holding->limit;
  if (!ignored) holding->limit = limit;
  core.next_revision();
  let_in(core, *holding, now);
  return true;
}

// ---- looks

std::optional<std::int64_t> HoldingTable::remaining(Key name, std::uint64_t token,
                                                    ClusterTime now) const {
  const Holding* holding = state_->look(name);
  const Hold* hold = holding == nullptr ? nullptr : find_token(*holding, token);
  if (hold == nullptr || hold->grant.deadline.passed(now)) return std::nullopt;
  return hold->grant.deadline.ms - now.ms;
}

bool HoldingTable::holds(Key name, std::uint64_t token, ClusterTime now) const {
  return remaining(name, token, now).has_value();
}

bool HoldingTable::stands(Key name, std::uint64_t token) const {
  const Holding* holding = state_->look(name);
  return holding != nullptr && find_token(*holding, token) != nullptr;
}

// Tokens from the last phase's fence on are of that phase. An older phase has no holders left, and
// its tokens lie below every fence that may still come.
std::uint64_t HoldingTable::fence_of(Key name, std::uint64_t token) const {
  const Holding* holding = state_->look(name);
  if (holding == nullptr || token < holding->last_fence) return token;
  return holding->last_fence;
}

bool HoldingTable::due(Key name, ClusterTime now) const {
  const Holding* holding = state_->look(name);
  return holding != nullptr && is_due(state_->core, *holding, now);
}

std::optional<HoldingInfo> HoldingTable::info(Key name, ClusterTime now) const {
  const Holding* holding = state_->look(name);
  if (holding == nullptr) return std::nullopt;
  HoldingInfo info;
  info.last_token = holding->last_token;
  info.due = is_due(state_->core, *holding, now);
  info.limit = holding->limit;
  info.losses = holding->losses;
  if (holding->delay_until && !holding->delay_until->passed(now)) {
    info.delay_ms = holding->delay_until->ms - now.ms;
  }
  for (const Hold& hold : holding->holds) {
    if (hold.grant.deadline.passed(now)) continue;
    info.holders.push_back(holder_info(hold));
    info.used += hold.grant.permits;
  }
  if (!info.holders.empty()) {
    const HolderInfo& first = info.holders.front();
    info.held = true;
    info.owner = first.owner;
    info.value = first.value;
    info.grant = first.grant;
    info.since = first.since;
  }
  if (holding->queue == nullptr) return info;
  for (const Waiter& waiter : holding->queue->order) {
    if (waiter.deadline.passed(now)) {
      info.due = true;
      continue;
    }
    info.waiters.push_back({waiter.owner, waiter.queued_at, waiter.deadline, waiter.origin,
                            waiter.mode, waiter.permits, waiter.session});
  }
  return info;
}

// The cursor is that of Keyspace::scan: position * 16384 + slot.
std::uint64_t HoldingTable::scan(std::uint64_t cursor, std::size_t count, ClusterTime now,
                                 const std::function<void(const HoldingLine&)>& visit) const {
  if (cursor >= kRevisionLimit) return 0;
  const Core& core = state_->core;
  std::uint64_t position = cursor / kSlotCount;
  std::size_t seen = 0;
  for (std::uint64_t number = cursor % kSlotCount; number < kSlotCount; ++number, position = 0) {
    const Slot slot(static_cast<std::uint16_t>(number));
    const Coordination* coordination = core.look_coordination(slot);
    if (coordination == nullptr) continue;
    const SlotTable<Holding>& table = table_of(*coordination, state_->kind);
    if (table.empty()) continue;
    if (position == 0 || position > table.size()) position = table.size();
    while (position > 0) {
      if (seen == count && seen > 0) return position * kSlotCount + number;
      const Holding& holding = table.at(--position);
      HoldingLine line;
      line.name = holding.name;
      line.holders = holding.holds.size();
      line.waiters = holding.queue == nullptr ? 0 : holding.queue->order.size();
      if (line.holders != 0) line.mode = holding.holds.front().grant.mode;
      line.last_token = holding.last_token;
      line.limit = holding.limit;
      line.used = holding.used;
      line.due = is_due(core, holding, now);
      visit(line);
      ++seen;
    }
  }
  return 0;
}

// ---- who is gone

bool HoldingTable::drop_waiter(Key name, const Origin& origin, ClusterTime now) {
  Core& core = state_->core;
  Holding* holding = state_->change(name);
  if (holding == nullptr) return false;
  if (holding->queue != nullptr) {
    const auto found = holding->queue->by_origin.find(origin);
    if (found != holding->queue->by_origin.end()) {
      withdraw_wait(core, *found->second);
      let_in(core, *holding, now);
      return true;
    }
  }
  Hold* granted = find_told(*holding, origin);
  if (granted == nullptr) return false;
  withdraw_grant(core, *granted, now);
  return true;
}

std::size_t HoldingTable::drop_node(NodeId node, Incarnation up_to, ClusterTime since,
                                    ClusterTime now) {
  Core& core = state_->core;
  std::size_t touched = 0;
  for (auto number = core.used.next(0); number < kSlotCount; number = core.used.next(number + 1)) {
    const Slot slot(static_cast<std::uint16_t>(number));
    Coordination* coordination = core.look_coordination(slot);
    const std::size_t count =
        coordination == nullptr ? 0 : table_of(*coordination, state_->kind).size();
    for (std::size_t i = 0; i < count; ++i) {
      Holding& holding = table_of(*coordination, state_->kind).at(i);
      // First the waiters, so that a withdrawn grant does not go to another one of them.
      std::vector<Waiter*> gone;
      if (holding.queue != nullptr) {
        for (Waiter& waiter : holding.queue->order) {
          if (lives_at(waiter.origin, node, up_to)) gone.push_back(&waiter);
        }
      }
      std::vector<Hold*> unattended;
      for (Hold& hold : holding.holds) {
        if (lives_at(hold.told, node, up_to) && hold.since > since) unattended.push_back(&hold);
      }
      if (gone.empty() && unattended.empty()) continue;
      core.change(slot);
      for (Waiter* waiter : gone) withdraw_wait(core, *waiter);
      for (Hold* hold : unattended) withdraw_grant(core, *hold, now);
      let_in(core, holding, now);
      touched += gone.size() + unattended.size();
    }
  }
  return touched;
}

std::size_t HoldingTable::names() const { return total_of(state_->core, state_->kind); }
std::size_t HoldingTable::held() const {
  return state_->core.held[static_cast<std::size_t>(state_->kind)];
}
std::size_t HoldingTable::waiting() const {
  return state_->core.waiting[static_cast<std::size_t>(state_->kind)];
}

}  // namespace holdfast::keyspace
