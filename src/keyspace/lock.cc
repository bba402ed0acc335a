#include "keyspace/lock.h"

#include <utility>

#include "base/check.h"
#include "base/mutation.h"
#include "keyspace/lock_queue.h"
#include "keyspace/sizes.h"
#include "keyspace/state.h"

namespace holdfast::keyspace {

struct LockTable::State {
  Core& core;
};

namespace {

Lock* find_lock(const Core& core, Key name) {
  const Coordination* coordination = core.look_coordination(name.slot);
  return coordination == nullptr ? nullptr : coordination->locks.find(name.name);
}

Waiter* find_waiter(const Lock& lock, std::string_view owner) {
  if (lock.queue == nullptr) return nullptr;
  const auto found = lock.queue->by_owner.find(owner);
  return found == lock.queue->by_owner.end() ? nullptr : found->second;
}

Lock& add_lock(Core& core, Coordination& coordination, Key name) {
  auto fresh = std::make_unique<Lock>();
  fresh->name = name.name;
  fresh->slot = name.slot;
  Lock& lock = coordination.locks.add(std::move(fresh));
  core.memory += lock_memory(lock);
  ++core.totals.locks;
  return lock;
}

void forget_lock(Core& core, Lock& lock) {
  Coordination& coordination = core.change_coordination(lock.slot);
  core.deadlines.cancel(lock, DeadlineKind::lock);
  core.memory -= lock_memory(lock);
  --core.totals.locks;
  coordination.locks.remove(lock);
}

// Who gets a lock, and on what terms.
struct Terms {
  std::string owner;
  std::string value;
  std::int64_t ttl_ms = 0;
  Origin told;  // node 0: he asked just now and gets the reply himself
  std::string once_id;
  Origin origin;  // whose connection gets it
};

// REQUIRES: free.
const Grant& grant_to(Core& core, Lock& lock, Terms terms, ClusterTime now) {
  CHECK(!lock.hold.has_value());
  core.memory -= lock_memory(lock);
  Hold hold;
  hold.owner = std::move(terms.owner);
  hold.value = std::move(terms.value);
  const bool restart = mutated(Mutation::tokens_restart);
  hold.grant.token = hold.grant.fence = restart ? lock.last_token + 1 : core.next_revision();
  hold.grant.deadline = now.plus_ms(terms.ttl_ms);
  hold.since = now;
  hold.told = terms.told;
  hold.once_id = std::move(terms.once_id);
  CHECK(hold.grant.token > lock.last_token && hold.grant.token < kRevisionLimit);
  lock.last_token = hold.grant.token;
  if (lock.released_token != 0 && ++lock.grants_since_release == 2) lock.released_token = 0;
  lock.hold = std::move(hold);
  ++core.held;
  core.memory += lock_memory(lock);
  schedule_lock(core, lock);
  core.notices.granted(HoldingKind::lock, lock.name, lock.hold->owner, lock.last_token, terms.origin);
  return lock.hold->grant;
}

// Takes the waiter out of the queue. He is gone afterwards.
void leave_queue(Core& core, Waiter& waiter) {
  Lock& lock = *waiter.lock;
  Queue& queue = *lock.queue;
  core.deadlines.cancel(waiter, DeadlineKind::waiter);
  core.memory -= waiter_memory(waiter);
  --core.waiting;
  queue.by_owner.erase(waiter.owner);
  const auto by_origin = queue.by_origin.find(waiter.origin);
  if (by_origin != queue.by_origin.end() && by_origin->second == &waiter) {
    queue.by_origin.erase(by_origin);
  }
  queue.order.erase(waiter.self);
  if (queue.order.empty()) lock.queue.reset();
}

void tell(Core& core, const Waiter& waiter, const Grant* grant) {
  core.events.push_back(
      {waiter.origin, waiter.resp3, grant != nullptr, grant == nullptr ? Grant{} : *grant});
}

Waiter& next_in(Queue& queue) {
  if (mutated(Mutation::last_waiter_first)) return queue.order.back();
  if (mutated(Mutation::waiter_by_hash)) return *queue.by_owner.begin()->second;
  return queue.order.front();
}

// Nothing: the holder gave it back.
void tell_end(Core& core, const Lock& lock, std::optional<Loss> loss) {
  const std::uint64_t token = lock.hold->grant.token;
  if (loss) {
    core.notices.lost(HoldingKind::lock, lock.name, lock.hold->owner, token, *loss);
  } else {
    core.notices.released(HoldingKind::lock, lock.name, lock.hold->owner, token);
  }
}

// The one place where a hold ends, whatever ended it. The first waiter whose wait is not over gets
// the lock in the same step.
void hand_over(Core& core, Lock& lock, ClusterTime now, std::optional<Loss> loss) {
  tell_end(core, lock, loss);
  core.memory -= lock_memory(lock);
  lock.hold.reset();
  --core.held;
  core.memory += lock_memory(lock);
  core.next_revision();
  while (lock.queue != nullptr && !mutated(Mutation::waiter_forgotten)) {
    Waiter& first = next_in(*lock.queue);
    if (first.deadline.passed(now)) {
      end_wait(core, first, now);
      continue;
    }
    const Grant grant = grant_to(
        core, lock,
        {first.owner, first.value, first.ttl_ms, first.origin, first.once_id, first.origin}, now);
    tell(core, first, &grant);
    settle_once(core, lock.slot, first.once_id, &grant, now);
    leave_queue(core, first);
    return;
  }
  lock.forget_at = mutated(Mutation::tokens_restart) ? now : now.plus_ms(LockTable::kRememberedMs);
  schedule_lock(core, lock);
}

// Ends a hold that is past its deadline but beyond the bound of what this entry expired, so that a
// command never sees it.
void end_if_due(Core& core, Lock& lock, ClusterTime now) {
  while (lock.hold.has_value() && lock.hold->grant.deadline.passed(now)) {
    hand_over(core, lock, now, Loss::expired);
  }
}

// The holder has shown that he knows of his grant: it cannot be withdrawn as unattended any more.
void attend(Lock& lock) {
  lock.hold->told = {};
  lock.hold->once_id.clear();
}

// The waiter asked again: same place, new terms. Whoever asked before is told that his wait is
// over.
void rejoin(Core& core, Waiter& waiter, const AcquireRequest& request, ClusterTime now) {
  Queue& queue = *waiter.lock->queue;
  if (waiter.origin != request.origin) tell(core, waiter, nullptr);
  if (waiter.once_id != request.once_id)
    settle_once(core, waiter.lock->slot, waiter.once_id, nullptr, now);
  core.memory -= waiter_memory(waiter);
  const auto by_origin = queue.by_origin.find(waiter.origin);
  if (by_origin != queue.by_origin.end() && by_origin->second == &waiter) {
    queue.by_origin.erase(by_origin);
  }
  waiter.value = request.value;
  waiter.ttl_ms = request.ttl_ms;
  waiter.deadline = now.plus_ms(request.wait_ms);
  waiter.origin = request.origin;
  waiter.resp3 = request.resp3;
  waiter.once_id = request.once_id;
  queue.by_origin.insert_or_assign(waiter.origin, &waiter);
  core.memory += waiter_memory(waiter);
  core.next_revision();
  schedule_waiter(core, waiter);
}

// The grant that ended a wait reached nobody: its token is burnt.
void withdraw_grant(Core& core, Lock& lock, ClusterTime now) {
  forget_wait(core, lock.slot, lock.hold->once_id, lock.hold->grant.token);
  hand_over(core, lock, now, Loss::withdrawn);
}

bool lives_at(const Origin& origin, NodeId node, Incarnation up_to) {
  return origin.node == node && origin.incarnation <= up_to;
}

}  // namespace

std::size_t lock_memory(const Lock& lock) {
  std::size_t bytes =
      sizeof(Lock) + 3 * sizeof(void*) + sizeof(Deadline) + outside_bytes(lock.name);
  if (lock.hold.has_value()) {
    bytes += outside_bytes(lock.hold->owner) + outside_bytes(lock.hold->value);
  }
  return bytes;
}

std::size_t waiter_memory(const Waiter& waiter) {
  constexpr std::size_t kIndexed = sizeof(Origin) + 6 * sizeof(void*);
  return sizeof(Waiter) + kIndexed + sizeof(Deadline) + outside_bytes(waiter.owner) +
         outside_bytes(waiter.value) + outside_bytes(waiter.once_id);
}

void schedule_lock(Core& core, Lock& lock) {
  const ClusterTime when = lock.hold.has_value() ? lock.hold->grant.deadline : lock.forget_at;
  core.deadlines.schedule({when, lock.last_token, lock.slot, DeadlineKind::lock, &lock});
}

void schedule_waiter(Core& core, Waiter& waiter) {
  core.deadlines.schedule(
      {waiter.deadline, waiter.created, waiter.lock->slot, DeadlineKind::waiter, &waiter});
}

Waiter& enqueue(Core& core, Lock& lock, const std::function<void(Waiter&)>& fill) {
  if (lock.queue == nullptr) lock.queue = std::make_unique<Queue>(core.hash_seed);
  Queue& queue = *lock.queue;
  Waiter& waiter = queue.order.emplace_back();
  fill(waiter);
  waiter.lock = &lock;
  waiter.self = std::prev(queue.order.end());
  CHECK(queue.by_owner.emplace(waiter.owner, &waiter).second);
  queue.by_origin.insert_or_assign(waiter.origin, &waiter);
  ++core.waiting;
  core.memory += waiter_memory(waiter);
  schedule_waiter(core, waiter);
  return waiter;
}

void end_lock(Core& core, Lock& lock, ClusterTime now) {
  core.change(lock.slot);
  if (lock.hold.has_value()) {
    hand_over(core, lock, now, Loss::expired);
  } else {
    forget_lock(core, lock);
  }
}

void end_wait(Core& core, Waiter& waiter, ClusterTime now) {
  core.change(waiter.lock->slot);
  tell(core, waiter, nullptr);
  settle_once(core, waiter.lock->slot, waiter.once_id, nullptr, now);
  core.next_revision();
  leave_queue(core, waiter);
}

void withdraw_wait(Core& core, Waiter& waiter) {
  // First, since being told makes it an answered record.
  forget_wait(core, waiter.lock->slot, waiter.once_id, 0);
  tell(core, waiter, nullptr);
  core.next_revision();
  leave_queue(core, waiter);
}

void remove_lock(Core& core, Lock& lock) {
  CHECK(lock.queue == nullptr);
  core.next_revision();
  if (lock.hold.has_value()) {
    tell_end(core, lock, Loss::withdrawn);
    --core.held;
  }
  forget_lock(core, lock);
}

LockTable::LockTable(Keyspace& owner) : state_(new State{owner.state_->core}) {}
LockTable::~LockTable() = default;

AcquireResult LockTable::acquire(Key name, const AcquireRequest& request, ClusterTime now,
                                 Index index) {
  Core& core = state_->core;
  Coordination& coordination = core.change_coordination(name.slot);
  Lock* lock = coordination.locks.find(name.name);
  if (lock == nullptr) lock = &add_lock(core, coordination, name);
  end_if_due(core, *lock, now);

  if (!lock->hold.has_value()) {
    Terms terms{std::string(request.owner), std::string(request.value), request.ttl_ms, {}, {},
                request.origin};
    return {AcquireOutcome::granted, grant_to(core, *lock, std::move(terms), now)};
  }
  if (lock->hold->owner == request.owner) {
    attend(*lock);
    core.notices.granted(HoldingKind::lock, lock->name, lock->hold->owner, lock->hold->grant.token,
                         request.origin, true);
    return {AcquireOutcome::granted, lock->hold->grant};
  }
  if (request.wait_ms <= 0) return {AcquireOutcome::refused, {}};
  if (Waiter* waiter = find_waiter(*lock, request.owner)) {
    rejoin(core, *waiter, request, now);
    return {AcquireOutcome::queued, {}};
  }
  if (lock->queue != nullptr && lock->queue->order.size() >= kMaxWaiters) {
    return {AcquireOutcome::too_many_waiters, {}};
  }
  enqueue(core, *lock, [&](Waiter& waiter) {
    waiter.owner = request.owner;
    waiter.value = request.value;
    waiter.ttl_ms = request.ttl_ms;
    waiter.deadline = now.plus_ms(request.wait_ms);
    waiter.origin = request.origin;
    waiter.resp3 = request.resp3;
    waiter.queued_at = index.value;
    waiter.created = core.next_revision();
    waiter.once_id = request.once_id;
  });
  return {AcquireOutcome::queued, {}};
}

std::optional<std::int64_t> LockTable::renew(Key name, std::uint64_t token, std::int64_t ttl_ms,
                                             ClusterTime now) {
  Core& core = state_->core;
  Lock* lock = find_lock(core, name);
  if (lock == nullptr) return std::nullopt;
  core.change(name.slot);
  end_if_due(core, *lock, now);
  if (!lock->hold.has_value() || lock->hold->grant.token != token) return std::nullopt;
  attend(*lock);
  lock->hold->grant.deadline = now.plus_ms(ttl_ms);
  core.next_revision();
  schedule_lock(core, *lock);
  return ttl_ms;
}

ReleaseOutcome LockTable::release(Key name, std::uint64_t token, ClusterTime now) {
  Core& core = state_->core;
  Lock* lock = find_lock(core, name);
  if (lock == nullptr || token == 0) return ReleaseOutcome::lost;
  core.change(name.slot);
  end_if_due(core, *lock, now);
  if (lock->hold.has_value() && lock->hold->grant.token == token) {
    lock->released_token = token;
    lock->released_until = now.plus_ms(kRememberedMs);
    lock->grants_since_release = 0;
    hand_over(core, *lock, now, std::nullopt);
    return ReleaseOutcome::released;
  }
  const bool again = lock->released_token == token && !lock->released_until.passed(now);
  return again ? ReleaseOutcome::repeated : ReleaseOutcome::lost;
}

std::optional<std::int64_t> LockTable::remaining(Key name, std::uint64_t token,
                                                 ClusterTime now) const {
  const Lock* lock = find_lock(state_->core, name);
  if (lock == nullptr || !lock->hold.has_value()) return std::nullopt;
  const Grant& grant = lock->hold->grant;
  if (grant.token != token || grant.deadline.passed(now)) return std::nullopt;
  return grant.deadline.ms - now.ms;
}

bool LockTable::holds(Key name, std::uint64_t token, ClusterTime now) const {
  return remaining(name, token, now).has_value();
}

bool LockTable::stands(Key name, std::uint64_t token) const {
  const Lock* lock = find_lock(state_->core, name);
  return lock != nullptr && lock->hold.has_value() && lock->hold->grant.token == token;
}

bool LockTable::due(Key name, ClusterTime now) const {
  const Lock* lock = find_lock(state_->core, name);
  return lock != nullptr && lock->hold.has_value() && lock->hold->grant.deadline.passed(now);
}

std::optional<LockInfo> LockTable::info(Key name, ClusterTime now) const {
  const Lock* lock = find_lock(state_->core, name);
  if (lock == nullptr) return std::nullopt;
  LockInfo info;
  info.last_token = lock->last_token;
  info.due = due(name, now);
  if (lock->hold.has_value() && !info.due) {
    info.held = true;
    info.owner = lock->hold->owner;
    info.value = lock->hold->value;
    info.grant = lock->hold->grant;
    info.since = lock->hold->since;
  }
  if (lock->queue == nullptr) return info;
  for (const Waiter& waiter : lock->queue->order) {
    if (waiter.deadline.passed(now)) {
      info.due = true;
      continue;
    }
    info.waiters.push_back({waiter.owner, waiter.queued_at, waiter.deadline, waiter.origin});
  }
  return info;
}

bool LockTable::drop_waiter(Key name, const Origin& origin, ClusterTime now) {
  Core& core = state_->core;
  Lock* lock = find_lock(core, name);
  if (lock == nullptr) return false;
  if (lock->queue != nullptr) {
    const auto found = lock->queue->by_origin.find(origin);
    if (found != lock->queue->by_origin.end()) {
      core.change(name.slot);
      withdraw_wait(core, *found->second);
      return true;
    }
  }
  const bool granted =
      lock->hold.has_value() && lock->hold->told.node && lock->hold->told == origin;
  if (!granted) return false;
  core.change(name.slot);
  withdraw_grant(core, *lock, now);
  return true;
}

std::size_t LockTable::drop_node(NodeId node, Incarnation up_to, ClusterTime since,
                                 ClusterTime now) {
  Core& core = state_->core;
  std::size_t touched = 0;
  for (std::uint32_t number = 0; number < kSlotCount; ++number) {
    const Slot slot(static_cast<std::uint16_t>(number));
    const Coordination* coordination = core.look_coordination(slot);
    const std::size_t count = coordination == nullptr ? 0 : coordination->locks.size();
    for (std::size_t i = 0; i < count; ++i) {
      Lock& lock = coordination->locks.at(i);
      // First the waiters, so that a withdrawn grant does not go to another one of them.
      std::vector<Waiter*> gone;
      if (lock.queue != nullptr) {
        for (Waiter& waiter : lock.queue->order) {
          if (lives_at(waiter.origin, node, up_to)) gone.push_back(&waiter);
        }
      }
      const bool unattended = lock.hold.has_value() && lives_at(lock.hold->told, node, up_to) &&
                              lock.hold->since > since;
      if (gone.empty() && !unattended) continue;
      core.change(slot);
      for (Waiter* waiter : gone) withdraw_wait(core, *waiter);
      if (unattended) withdraw_grant(core, lock, now);
      touched += gone.size() + (unattended ? 1 : 0);
    }
  }
  return touched;
}

std::size_t LockTable::held() const { return state_->core.held; }
std::size_t LockTable::waiting() const { return state_->core.waiting; }

}  // namespace holdfast::keyspace
