#include "keyspace/holding_engine.h"

#include <algorithm>
#include <functional>
#include <utility>
#include <vector>

#include "base/check.h"
#include "base/mutation.h"
#include "keyspace/sizes.h"
#include "keyspace/snapshot_codec.h"

namespace holdfast::keyspace {

namespace {

// Beyond so many holds they are indexed.
constexpr std::size_t kFewHolds = 4;
// How many losses are remembered of a name.
constexpr std::size_t kLosses = 4;
// Losses and who acquired are remembered from kFormatOfKinds on: below, a replica would know what
// another that loaded a snapshot does not.

bool is_exclusive(const Holding& holding) {
  return !holding.holds.empty() && holding.holds.front().grant.mode == GrantMode::exclusive;
}

// Whether anybody at all could be let in.
bool open(const Holding& holding) {
  if (holding.delay_until.has_value() && !mutated(Mutation::delay_ignored)) return false;
  if (holding.holds.size() >= HoldingTable::kMaxHolders) return false;
  if (holding.kind == HoldingKind::semaphore) return holding.used < holding.limit;
  const bool joined = holding.kind == HoldingKind::election && mutated(Mutation::election_joined);
  return joined || !is_exclusive(holding);
}

std::uint64_t counted_permits(const Grant& grant) {
  return mutated(Mutation::permits_counted_once) ? 1 : grant.permits;
}

// ---- the indexes of holds

void enter(HoldIndex& index, Hold& hold) {
  CHECK(index.by_owner.emplace(hold.owner, &hold).second);
  CHECK(index.by_token.emplace(hold.grant.token, &hold).second);
  if (hold.told.node) index.by_told.insert_or_assign(hold.told, &hold);
}

void forget_told(Hold& hold) {
  HoldIndex* index = hold.holding->index.get();
  if (index != nullptr) {
    const auto found = index->by_told.find(hold.told);
    if (found != index->by_told.end() && found->second == &hold) index->by_told.erase(found);
  }
  hold.told = {};
}

void enter_hold(Core& core, Hold& hold) {
  Holding& holding = *hold.holding;
  if (holding.index != nullptr) return enter(*holding.index, hold);
  if (holding.holds.size() <= kFewHolds) return;
  holding.index = std::make_unique<HoldIndex>(core.hash_seed);
  for (Hold& each : holding.holds) enter(*holding.index, each);
}

void leave_session(Core& core, std::uint64_t session, std::uint64_t revision, bool waits) {
  if (session == 0) return;
  SessionHoldings* const holdings = core.session_holdings.find(session);
  CHECK(holdings != nullptr);
  if (waits) {
    holdings->waits.erase(revision);
  } else {
    holdings->holds.erase(revision);
  }
  if (holdings->empty()) core.session_holdings.remove(session);
}

std::size_t hold_memory(const Hold& hold) {
  std::size_t bytes = sizeof(Hold) + 4 * sizeof(void*) + sizeof(Deadline) +
                      outside_bytes(hold.owner) + outside_bytes(hold.value);
  for (const std::string& name : hold.names) bytes += sizeof(name) + outside_bytes(name);
  return bytes;
}

// ---- ends

// Takes the hold out of the object, and tells that it ended. It is gone afterwards; nobody is let
// in yet.
void leave_holders(Core& core, Hold& hold, std::optional<Loss> loss, ClusterTime now) {
  Holding& holding = *hold.holding;
  const std::uint64_t token = hold.grant.token;
  if (loss) {
    core.notices.lost(holding.kind, holding.name, hold.owner, token, *loss);
    if (core.format >= kFormatOfKinds) {
      if (holding.losses.size() == kLosses) holding.losses.erase(holding.losses.begin());
      holding.losses.push_back({hold.owner, token, *loss, now});
    }
    if (hold.delay_ms > 0) {
      const ClusterTime until = now.plus_ms(hold.delay_ms);
      holding.delay_until = std::max(holding.delay_until.value_or(until), until);
    }
  } else {
    core.notices.released(holding.kind, holding.name, hold.owner, token);
  }
  core.deadlines.cancel(hold, DeadlineKind::hold);
  leave_session(core, hold.session, token, false);
  if (holding.index != nullptr) {
    forget_told(hold);
    holding.index->by_owner.erase(hold.owner);
    holding.index->by_token.erase(token);
  }
  core.memory -= hold_memory(hold);
  holding.used -= counted_permits(hold.grant);
  holding.holds.erase(hold.self);
  if (!holding.holds.empty()) return;
  holding.index.reset();
  --core.held[static_cast<std::size_t>(holding.kind)];
}

// Takes the waiter out of the queue. He is gone afterwards.
void leave_queue(Core& core, Waiter& waiter) {
  Holding& holding = *waiter.holding;
  Queue& queue = *holding.queue;
  core.deadlines.cancel(waiter, DeadlineKind::waiter);
  core.memory -= waiter_memory(waiter);
  --core.waiting[static_cast<std::size_t>(holding.kind)];
  leave_session(core, waiter.session, waiter.created, true);
  queue.by_owner.erase(waiter.owner);
  const auto by_origin = queue.by_origin.find(waiter.origin);
  if (by_origin != queue.by_origin.end() && by_origin->second == &waiter) {
    queue.by_origin.erase(by_origin);
  }
  queue.order.erase(waiter.self);
  if (!queue.order.empty()) return;
  holding.queue.reset();
  schedule_holding(core, holding);
}

void tell(Core& core, const Waiter& waiter, const Grant* grant) {
  WaiterEvent event{waiter.origin, waiter.resp3, grant != nullptr,
                    grant == nullptr ? Grant{} : *grant, WaitKind::lock, waiter.holding->kind, {}};
  if (grant != nullptr && waiter.holding->kind == HoldingKind::election) event.owner = waiter.owner;
  core.events.push_back(std::move(event));
}

// The wait is over without a grant.
void finish_wait(Core& core, Waiter& waiter, ClusterTime now) {
  tell(core, waiter, nullptr);
  settle_once(core, waiter.holding->slot, waiter.once_id, nullptr, now);
  core.next_revision();
  leave_queue(core, waiter);
}

Waiter& next_in(Holding& holding) {
  Queue& queue = *holding.queue;
  if (mutated(Mutation::last_waiter_first)) return queue.order.back();
  if (mutated(Mutation::waiter_by_hash)) return *queue.by_owner.begin()->second;
  if (mutated(Mutation::reader_overtakes_writer)) {
    for (Waiter& waiter : queue.order) {
      if (fits(holding, waiter.mode, waiter.permits)) return waiter;
    }
  }
  return queue.order.front();
}

void let_in_one(Core& core, Waiter& waiter, ClusterTime now) {
  Holding& holding = *waiter.holding;
  Terms terms{waiter.owner,   waiter.value, waiter.ttl_ms, waiter.session, waiter.mode, waiter.permits,
              waiter.delay_ms, waiter.hold, waiter.origin, true,           waiter.once_id};
  const Grant grant = grant_to(core, holding, std::move(terms), now).grant;
  tell(core, waiter, &grant);
  settle_once(core, holding.slot, waiter.once_id, &grant, now);
  leave_queue(core, waiter);
}

// After holds have ended.
void settle(Core& core, Holding& holding, ClusterTime now) {
  let_in(core, holding, now);
  if (holding.holds.empty()) {
    const bool at_once = mutated(Mutation::tokens_restart);
    holding.forget_at = at_once ? now : now.plus_ms(HoldingTable::kRememberedMs);
  }
  schedule_holding(core, holding);
}

void forget_holding(Core& core, Holding& holding) {
  Coordination& coordination = core.change_coordination(holding.slot);
  core.deadlines.cancel(holding, DeadlineKind::holding);
  core.memory -= holding_memory(holding);
  --total_of(core, holding.kind);
  table_of(coordination, holding.kind).remove(holding);
}

}  // namespace

// ---- what there is

SlotTable<Holding>& table_of(Coordination& coordination, HoldingKind kind) {
  switch (kind) {
    case HoldingKind::lock:
      return coordination.locks;
    case HoldingKind::semaphore:
      return coordination.semaphores;
    case HoldingKind::election:
      return coordination.elections;
    case HoldingKind::session:
      break;
  }
  fail(__FILE__, __LINE__, "kind", "a session is no object with holders");
}

const SlotTable<Holding>& table_of(const Coordination& coordination, HoldingKind kind) {
  return table_of(const_cast<Coordination&>(coordination), kind);
}

std::size_t holding_memory(const Holding& holding) {
  return sizeof(Holding) + 3 * sizeof(void*) + sizeof(Deadline) + outside_bytes(holding.name);
}

std::size_t waiter_memory(const Waiter& waiter) {
  constexpr std::size_t kIndexed = sizeof(Origin) + 6 * sizeof(void*);
  return sizeof(Waiter) + kIndexed + sizeof(Deadline) + outside_bytes(waiter.owner) +
         outside_bytes(waiter.value) + outside_bytes(waiter.once_id) + outside_bytes(waiter.hold);
}

Holding& add_holding(Core& core, Coordination& coordination, Key name, HoldingKind kind) {
  auto fresh = std::make_unique<Holding>();
  fresh->name = name.name;
  fresh->slot = name.slot;
  fresh->kind = kind;
  Holding& holding = table_of(coordination, kind).add(std::move(fresh));
  core.memory += holding_memory(holding);
  ++total_of(core, kind);
  return holding;
}

Hold* find_owner(const Holding& holding, std::string_view owner) {
  if (holding.index != nullptr) {
    const auto found = holding.index->by_owner.find(owner);
    return found == holding.index->by_owner.end() ? nullptr : found->second;
  }
  for (const Hold& hold : holding.holds) {
    if (hold.owner == owner) return const_cast<Hold*>(&hold);
  }
  return nullptr;
}

Hold* find_token(const Holding& holding, std::uint64_t token) {
  if (holding.index != nullptr) {
    const auto found = holding.index->by_token.find(token);
    return found == holding.index->by_token.end() ? nullptr : found->second;
  }
  for (const Hold& hold : holding.holds) {
    if (hold.grant.token == token) return const_cast<Hold*>(&hold);
  }
  return nullptr;
}

Hold* find_told(const Holding& holding, const Origin& told) {
  if (!told.node) return nullptr;
  if (holding.index != nullptr) {
    const auto found = holding.index->by_told.find(told);
    return found == holding.index->by_told.end() ? nullptr : found->second;
  }
  for (const Hold& hold : holding.holds) {
    if (hold.told == told) return const_cast<Hold*>(&hold);
  }
  return nullptr;
}

Waiter* find_waiter(const Holding& holding, std::string_view owner) {
  if (holding.queue == nullptr) return nullptr;
  const auto found = holding.queue->by_owner.find(owner);
  return found == holding.queue->by_owner.end() ? nullptr : found->second;
}

std::uint64_t& total_of(Core& core, HoldingKind kind) {
  switch (kind) {
    case HoldingKind::lock:
      return core.totals.locks;
    case HoldingKind::semaphore:
      return core.totals.later[static_cast<std::size_t>(PartKind::semaphores)];
    case HoldingKind::election:
      return core.totals.later[static_cast<std::size_t>(PartKind::elections)];
    case HoldingKind::session:
      break;
  }
  fail(__FILE__, __LINE__, "kind", "a session is no object with holders");
}

// ---- who is let in

bool fits(const Holding& holding, GrantMode mode, std::uint64_t permits) {
  if (!open(holding)) return false;
  if (holding.kind == HoldingKind::semaphore) return permits <= holding.limit - holding.used;
  if (holding.kind == HoldingKind::election) return true;
  if (mutated(Mutation::writer_joins_readers)) return true;
  return holding.holds.empty() || mode == GrantMode::shared;
}

Hold& grant_to(Core& core, Holding& holding, Terms terms, ClusterTime now) {
  CHECK(fits(holding, terms.mode, terms.permits));
  const bool joins = !holding.holds.empty() && terms.mode == GrantMode::shared &&
                     !mutated(Mutation::shared_fences_differ);
  const bool restart = mutated(Mutation::tokens_restart);
  const bool alone = holding.holds.empty();
  const auto fill = [&](Hold& fresh) {
    fresh.owner = std::move(terms.owner);
    fresh.value = std::move(terms.value);
    Grant& grant = fresh.grant;
    grant.token = restart ? holding.last_token + 1 : core.next_revision();
    grant.fence = joins ? holding.last_fence : grant.token;
    grant.deadline = terms.session != 0 ? ClusterTime::never() : now.plus_ms(terms.ttl_ms);
    grant.mode = terms.mode;
    grant.permits = terms.permits;
    fresh.since = now;
    if (terms.waited) fresh.told = terms.origin;
    fresh.once_id = std::move(terms.once_id);
    if (core.format >= kFormatOfKinds) fresh.origin = terms.origin;
    fresh.session = terms.session;
    fresh.delay_ms = terms.delay_ms;
    fresh.unnamed = terms.hold.empty();
    if (!fresh.unnamed) fresh.names.push_back(std::move(terms.hold));
  };
  Hold& hold = add_hold(core, holding, std::ref(fill));  // by reference: a copy would need memory
  const Grant& grant = hold.grant;
  CHECK(grant.token > holding.last_token && grant.token < kRevisionLimit);
  holding.last_token = grant.token;
  holding.last_fence = grant.fence;
  // Who joins others does not count: a release may let in many at once, and be repeated still.
  if (alone && holding.released_token != 0 && ++holding.grants_since_release == 2) {
    holding.released_token = 0;
  }
  schedule_holding(core, holding);
  core.notices.granted(holding.kind, holding.name, hold.owner, grant.token, terms.origin);
  return hold;
}

void let_in(Core& core, Holding& holding, ClusterTime now) {
  while (holding.queue != nullptr && open(holding) && !mutated(Mutation::waiter_forgotten)) {
    Waiter& first = next_in(holding);
    // An ending session acquires nothing any more.
    const bool ending = first.session != 0 && core.sessions_ending.contains(first.session);
    if (ending || first.deadline.passed(now)) {
      finish_wait(core, first, now);
    } else if (fits(holding, first.mode, first.permits)) {
      let_in_one(core, first, now);
    } else {
      return;
    }
  }
}

// ---- how it ends

void hand_over(Core& core, Hold& hold, std::optional<Loss> loss, ClusterTime now) {
  Holding& holding = *hold.holding;
  leave_holders(core, hold, loss, now);
  core.next_revision();
  settle(core, holding, now);
}

void end_all_holds(Core& core, Holding& holding, Loss loss, ClusterTime now) {
  while (!holding.holds.empty()) leave_holders(core, holding.holds.front(), loss, now);
  holding.last_token = holding.last_fence = core.next_revision();
  settle(core, holding, now);
}

void drop_session_holds(Core& core, Holding& holding) {
  for (auto at = holding.holds.begin(); at != holding.holds.end();) {
    Hold& hold = *at++;
    if (hold.session != 0) leave_holders(core, hold, Loss::session, hold.since);
  }
}

void withdraw_grant(Core& core, Hold& hold, ClusterTime now) {
  forget_wait(core, hold.holding->slot, hold.once_id, hold.grant.token);
  hand_over(core, hold, Loss::withdrawn, now);
}

void attend(Hold& hold) {
  forget_told(hold);
  hold.once_id.clear();
}

void end_if_due(Core& core, Holding& holding, ClusterTime now) {
  const Deadline* soonest = core.deadlines.first();
  if (soonest == nullptr || !soonest->when.passed(now)) return;
  std::vector<Hold*> due;
  for (Hold& hold : holding.holds) {
    if (hold.grant.deadline.passed(now)) due.push_back(&hold);
  }
  // As the heap would; equal deadlines are in the order of their tokens already.
  std::stable_sort(due.begin(), due.end(), [](const Hold* a, const Hold* b) {
    return a->grant.deadline < b->grant.deadline;
  });
  for (Hold* hold : due) hand_over(core, *hold, Loss::expired, now);
  if (holding.delay_until && holding.delay_until->passed(now)) end_holding(core, holding, now);
}

void end_holding(Core& core, Holding& holding, ClusterTime now) {
  core.change(holding.slot);
  if (!holding.delay_until) return forget_holding(core, holding);
  holding.delay_until.reset();
  core.next_revision();
  settle(core, holding, now);
}

void end_hold(Core& core, Hold& hold, ClusterTime now) {
  core.change(hold.holding->slot);
  hand_over(core, hold, Loss::expired, now);
}

void end_wait(Core& core, Waiter& waiter, ClusterTime now) {
  Holding& holding = *waiter.holding;
  core.change(holding.slot);
  finish_wait(core, waiter, now);
  let_in(core, holding, now);
}

void withdraw_wait(Core& core, Waiter& waiter) {
  // First, since being told makes it an answered record.
  forget_wait(core, waiter.holding->slot, waiter.once_id, 0);
  tell(core, waiter, nullptr);
  core.next_revision();
  leave_queue(core, waiter);
}

void remove_holding(Core& core, Holding& holding) {
  CHECK(holding.queue == nullptr);
  core.next_revision();
  while (!holding.holds.empty()) leave_holders(core, holding.holds.front(), Loss::withdrawn, {});
  forget_holding(core, holding);
}

std::size_t end_session_holdings(Core& core, std::uint64_t session, ClusterTime now,
                                 std::size_t bound) {
  CHECK(session != 0);
  std::size_t ended = 0;
  for (; ended < bound; ++ended) {
    const SessionHoldings* const depends = core.session_holdings.find(session);
    if (depends == nullptr) break;
    if (!depends->waits.empty()) {
      end_wait(core, *depends->waits.begin()->second, now);
    } else {
      Hold& hold = *depends->holds.begin()->second;
      core.change(hold.holding->slot);
      if (mutated(Mutation::session_holds_survive)) {
        set_end(core, hold, now.plus_ms(3'600'000), 0);
        continue;
      }
      hand_over(core, hold, Loss::session, now);
    }
  }
  return ended;
}

// ---- places and times

Waiter& enqueue(Core& core, Holding& holding, const std::function<void(Waiter&)>& fill) {
  if (holding.queue == nullptr) holding.queue = std::make_unique<Queue>(core.hash_seed);
  Queue& queue = *holding.queue;
  Waiter& waiter = queue.order.emplace_back();
  fill(waiter);
  waiter.holding = &holding;
  waiter.self = std::prev(queue.order.end());
  CHECK(queue.by_owner.emplace(waiter.owner, &waiter).second);
  queue.by_origin.insert_or_assign(waiter.origin, &waiter);
  ++core.waiting[static_cast<std::size_t>(holding.kind)];
  core.memory += waiter_memory(waiter);
  if (waiter.session != 0) {
    core.session_holdings.of(waiter.session).waits.emplace(waiter.created, &waiter);
  }
  schedule_waiter(core, waiter);
  schedule_holding(core, holding);
  return waiter;
}

void refill(Core& core, Waiter& waiter, const std::function<void(Waiter&)>& fill) {
  Queue& queue = *waiter.holding->queue;
  core.memory -= waiter_memory(waiter);
  leave_session(core, waiter.session, waiter.created, true);
  const auto by_origin = queue.by_origin.find(waiter.origin);
  if (by_origin != queue.by_origin.end() && by_origin->second == &waiter) {
    queue.by_origin.erase(by_origin);
  }
  fill(waiter);
  queue.by_origin.insert_or_assign(waiter.origin, &waiter);
  if (waiter.session != 0) {
    core.session_holdings.of(waiter.session).waits.emplace(waiter.created, &waiter);
  }
  core.memory += waiter_memory(waiter);
  core.next_revision();
  schedule_waiter(core, waiter);
}

Hold& add_hold(Core& core, Holding& holding, const std::function<void(Hold&)>& fill) {
  if (holding.holds.empty()) ++core.held[static_cast<std::size_t>(holding.kind)];
  Hold& hold = holding.holds.emplace_back();
  hold.holding = &holding;
  hold.self = std::prev(holding.holds.end());
  fill(hold);
  holding.used += counted_permits(hold.grant);
  core.memory += hold_memory(hold);
  enter_hold(core, hold);
  if (hold.session != 0) {
    core.session_holdings.of(hold.session).holds.emplace(hold.grant.token, &hold);
  }
  schedule_hold(core, hold);
  return hold;
}

bool edit_names(Core& core, Hold& hold, const std::function<bool()>& edit) {
  core.memory -= hold_memory(hold);
  const bool changed = edit();
  core.memory += hold_memory(hold);
  if (changed) core.next_revision();
  return changed;
}

void set_end(Core& core, Hold& hold, ClusterTime deadline, std::uint64_t session) {
  if (hold.session != session) {
    leave_session(core, hold.session, hold.grant.token, false);
    if (session != 0) core.session_holdings.of(session).holds.emplace(hold.grant.token, &hold);
    hold.session = session;
  }
  hold.grant.deadline = deadline;
  schedule_hold(core, hold);
}

void schedule_holding(Core& core, Holding& holding) {
  const bool free = holding.holds.empty() && holding.queue == nullptr;
  if (!holding.delay_until && !free) return core.deadlines.cancel(holding, DeadlineKind::holding);
  core.deadlines.schedule({holding.delay_until.value_or(holding.forget_at), holding.last_token,
                           holding.slot, DeadlineKind::holding, &holding});
}

void schedule_hold(Core& core, Hold& hold) {
  const bool timed = mutated(Mutation::session_holds_timed);
  if (hold.session != 0 && !timed) return core.deadlines.cancel(hold, DeadlineKind::hold);
  const ClusterTime end = hold.session != 0 ? hold.since.plus_ms(1000) : hold.grant.deadline;
  core.deadlines.schedule({end, hold.grant.token, hold.holding->slot, DeadlineKind::hold, &hold});
}

void schedule_waiter(Core& core, Waiter& waiter) {
  core.deadlines.schedule(
      {waiter.deadline, waiter.created, waiter.holding->slot, DeadlineKind::waiter, &waiter});
}

}  // namespace holdfast::keyspace
