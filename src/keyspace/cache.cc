#include "keyspace/cache.h"

#include <algorithm>
#include <utility>

#include "base/check.h"
#include "base/mutation.h"
#include "keyspace/cache_state.h"
#include "keyspace/sizes.h"
#include "keyspace/snapshot_codec.h"
#include "keyspace/wait_list.h"

namespace holdfast::keyspace {

struct CacheTable::State {
  Keyspace& keyspace;
  Core& core;
};

Cached::Cached() = default;
Cached::~Cached() = default;

namespace {

constexpr auto kPart = static_cast<std::size_t>(PartKind::caches);
// What an answer takes beside its value.
constexpr std::size_t kAnswerBytes = 64;

Cached* find_cached(const Core& core, Slot slot, std::string_view name) {
  const Coordination* coordination = core.look_coordination(slot);
  return coordination == nullptr ? nullptr : coordination->caches.find(name);
}

std::size_t stale_memory(const Cached& cached) {
  return cached.stale == nullptr ? 0 : sizeof(StaleCopy) + cached.stale->value.memory();
}

std::size_t cached_memory(const Cached& cached) {
  return sizeof(Cached) + 3 * sizeof(void*) + outside_bytes(cached.name) + stale_memory(cached);
}

bool waited_for(const Cached& cached) { return cached.waits != nullptr && !cached.waits->empty(); }

Cached& add_cached(Core& core, std::unique_ptr<Cached> fresh) {
  Cached& cached = core.change_coordination(fresh->slot).caches.add(std::move(fresh));
  core.memory += cached_memory(cached);
  ++core.totals.later[kPart];
  return cached;
}

void schedule(Core& core, Cached& cached) {
  ClusterTime when = cached.serve_at;
  if (cached.lease != 0) when = std::min(when, cached.lease_until);
  if (cached.stale != nullptr) when = std::min(when, cached.stale->until);
  if (when == ClusterTime::never()) {
    core.deadlines.cancel(cached, DeadlineKind::cache);
  } else {
    core.deadlines.schedule({when, cached.created, cached.slot, DeadlineKind::cache, &cached});
  }
}

void touch(Core& core, Cached& cached) {
  if (!std::exchange(cached.touched, true)) core.caches.touched.push_back(&cached);
}

void drop_lease(Core& core, Cached& cached) {
  if (cached.lease == 0) return;
  cached.lease = 0;
  cached.holder = {};
  cached.lease_since = cached.lease_until = {};
  --core.caches.leases;
}

void drop_stale(Core& core, Cached& cached) {
  core.memory -= stale_memory(cached);
  cached.stale.reset();
}

void give_lease(Core& core, Cached& cached, std::int64_t lease_ms, const Origin& to,
                ClusterTime now) {
  drop_lease(core, cached);
  cached.lease = core.next_revision();
  cached.lease_since = now;
  cached.lease_until = now.plus_ms(lease_ms);
  cached.holder = to;
  ++core.caches.leases;
}

// What whoever waits is told: the lease, the value, or neither.
void tell(Core& core, Wait& wait, std::uint64_t lease,
          std::shared_ptr<const std::string> value = nullptr) {
  WaiterEvent event;
  event.kind = WaitKind::cache;
  event.granted = lease != 0 || value != nullptr;
  event.grant.token = lease;
  event.value = std::move(value);
  --core.caches.waiting;
  settle_wait(core, wait, std::move(event));
}

void give_lease_to_next(Core& core, Cached& cached, ClusterTime now) {
  Wait& next = cached.waits->front();
  give_lease(core, cached, next.asked_ms, next.origin, now);
  tell(core, next, cached.lease);
}

// Some of those who wait are told the value.
void serve(Core& core, Cached& cached, const Object& object, ClusterTime now) {
  cached.serve_at = ClusterTime::never();
  if (mutated(Mutation::cache_forgets_waiters)) {
    cached.serve_at = now.plus_ms(1'000'000'000);  // later than anybody waits
    return;
  }
  // One that is due is ended first; then there is nothing to be told.
  if (!object.due(now)) {
    const auto text = std::make_shared<const std::string>(object.value().to_string());
    core.next_revision();
    for (std::size_t bytes = 0; waited_for(cached) && bytes < CacheTable::kServedBytes;) {
      tell(core, cached.waits->front(), 0, text);
      bytes += text->size() + kAnswerBytes;
    }
  }
  // In an entry with a later stamp.
  if (waited_for(cached)) cached.serve_at = now;
}

void settle(Core& core, Cached& cached, ClusterTime now) {
  cached.touched = false;
  core.change(cached.slot);
  cached.serve_at = ClusterTime::never();
  if (waited_for(cached)) {
    if (const Object* object = core.find({cached.name, cached.slot})) {
      serve(core, cached, *object, now);
    } else if (cached.lease == 0) {
      give_lease_to_next(core, cached, now);
    }
  }
  const bool nothing = cached.lease == 0 && cached.stale == nullptr && cached.keep_ms == 0;
  if (nothing && !waited_for(cached)) {
    remove_cached(core, cached);
  } else {
    schedule(core, cached);
  }
}

}  // namespace

// ---- the hook

void void_cached(Core& core, Slot slot, std::string_view name) {
  Cached* cached = find_cached(core, slot, name);
  if (cached == nullptr) return;
  core.change(slot);
  if (cached->lease != 0 || cached->stale != nullptr) core.next_revision();
  drop_lease(core, *cached);
  drop_stale(core, *cached);
  cached->keep_ms = 0;
  touch(core, *cached);
}

void void_all_cached(Core& core) {
  for (std::uint32_t number = 0; number < kSlotCount; ++number) {
    const Slot slot(static_cast<std::uint16_t>(number));
    const Coordination* coordination = core.look_coordination(slot);
    if (coordination == nullptr) continue;
    for (std::size_t i = 0; i < coordination->caches.size(); ++i) {
      void_cached(core, slot, coordination->caches.at(i).name);
    }
  }
}

void keep_stale(Core& core, Slot slot, Object& object) {
  Cached* cached = find_cached(core, slot, object.name());
  if (cached == nullptr) return;
  core.change(slot);
  if (cached->keep_ms > 0 && object.expiry().set()) {
    auto copy = std::make_unique<StaleCopy>();
    copy->value = object.take_value();
    copy->since = object.expiry().deadline;
    copy->until = copy->since.plus_ms(cached->keep_ms);
    cached->stale = std::move(copy);
    core.memory += stale_memory(*cached);
  }
  cached->keep_ms = 0;
  touch(core, *cached);
}

void settle_cached(Core& core, ClusterTime now) {
  // Nothing is touched by settling.
  for (Cached* cached : core.caches.touched) settle(core, *cached, now);
  core.caches.touched.clear();
}

void end_cached(Core& core, Cached& cached, ClusterTime now) {
  core.change(cached.slot);
  core.next_revision();
  if (cached.lease != 0 && cached.lease_until.passed(now)) drop_lease(core, cached);
  if (cached.stale != nullptr && cached.stale->until.passed(now)) drop_stale(core, cached);
  touch(core, cached);
}

void end_cache_wait(Core& core, Wait& wait) {
  core.change(wait.list->slot());
  core.next_revision();
  tell(core, wait, 0);
}

void remove_cached(Core& core, Cached& cached) {
  Coordination& coordination = core.change_coordination(cached.slot);
  while (waited_for(cached)) tell(core, cached.waits->front(), 0);
  drop_lease(core, cached);
  if (cached.touched) std::erase(core.caches.touched, &cached);
  core.deadlines.cancel(cached, DeadlineKind::cache);
  core.memory -= cached_memory(cached);
  --core.totals.later[kPart];
  coordination.caches.remove(cached);
}

void drop_cache_waits(Core& core, Slot slot) {
  const Coordination* coordination = core.look_coordination(slot);
  if (coordination == nullptr) return;
  for (std::size_t i = coordination->caches.size(); i-- > 0;) {
    Cached& cached = coordination->caches.at(i);
    core.change(slot);
    while (waited_for(cached)) tell(core, cached.waits->front(), 0);
    cached.holder = {};
    cached.serve_at = ClusterTime::never();
    if (cached.lease == 0 && cached.stale == nullptr && cached.keep_ms == 0) {
      remove_cached(core, cached);
    } else {
      schedule(core, cached);
    }
  }
}

// ---- snapshots

void encode_item(Writer& writer, const Cached& cached) {
  writer.bytes(cached.name);
  writer.varint(cached.created);
  writer.varint(cached.lease);
  if (cached.lease != 0) {
    writer.i64(cached.lease_since.ms);
    writer.i64(cached.lease_until.ms);
    encode_origin(writer, cached.holder);
  }
  writer.i64(cached.keep_ms);
  writer.u8(cached.stale != nullptr ? 1 : 0);
  if (cached.stale != nullptr) {
    encode_value(writer, cached.stale->value);
    writer.i64(cached.stale->since.ms);
    writer.i64(cached.stale->until.ms);
  }
  const bool serves = cached.serve_at != ClusterTime::never();
  writer.u8(serves ? 1 : 0);
  if (serves) writer.i64(cached.serve_at.ms);
  encode_waits(writer, cached.waits.get());
}

namespace {

bool decode_lease(Reader& reader, const Core& core, Cached& cached) {
  cached.lease = reader.varint();
  if (!reader.ok() || cached.lease == 0) return reader.ok();
  cached.lease_since.ms = reader.i64();
  cached.lease_until.ms = reader.i64();
  cached.holder = decode_origin(reader);
  return reader.ok() && counted(core, cached.lease) && sane(cached.lease_since) &&
         sane(cached.lease_until);
}

bool decode_kept(Reader& reader, Cached& cached) {
  cached.keep_ms = reader.i64();
  const std::uint8_t kept = reader.u8();
  if (!reader.ok() || kept > 1 || cached.keep_ms < 0 || !sane(ClusterTime{cached.keep_ms})) {
    return false;
  }
  if (kept == 1) {
    cached.stale = std::make_unique<StaleCopy>();
    const auto value = decode_value(reader);
    if (!value) return false;
    cached.stale->value = Value(*value);
    cached.stale->since.ms = reader.i64();
    cached.stale->until.ms = reader.i64();
    if (!sane(cached.stale->since) || !sane(cached.stale->until)) return false;
  }
  const std::uint8_t serves = reader.u8();
  if (!reader.ok() || serves > 1) return false;
  if (serves == 1) cached.serve_at.ms = reader.i64();
  return reader.ok() && (serves == 0 || sane(cached.serve_at));
}

// What its invariants say. Keys come before.
bool makes_sense(const Core& core, const Cached& cached) {
  const bool there = core.find({cached.name, cached.slot}) != nullptr;
  const bool serves = cached.serve_at != ClusterTime::never();
  if (there ? cached.lease != 0 || cached.stale != nullptr : cached.keep_ms != 0 || serves) return false;
  if (waited_for(cached)) return cached.lease != 0 || serves;
  return cached.lease != 0 || cached.stale != nullptr || cached.keep_ms != 0 || serves;
}

}  // namespace

bool decode_cached(Reader& reader, Core& core, Slot slot) {
  auto fresh = std::make_unique<Cached>();
  fresh->name = reader.bytes();
  fresh->slot = slot;
  fresh->created = reader.varint();
  if (!reader.ok() || !counted(core, fresh->created)) return false;
  if (!decode_lease(reader, core, *fresh) || !decode_kept(reader, *fresh)) return false;
  if (find_cached(core, slot, fresh->name) != nullptr) return false;
  Cached& cached = add_cached(core, std::move(fresh));
  if (cached.lease != 0) ++core.caches.leases;
  schedule(core, cached);
  if (!decode_waits(reader, core, cached.waits, slot, DeadlineKind::cache_wait,
                    CacheTable::kMaxWaiters)) {
    return false;
  }
  if (cached.waits != nullptr) core.caches.waiting += cached.waits->size();
  return makes_sense(core, cached);
}

// ---- the table

CacheTable::CacheTable(Keyspace& owner) : state_(new State{owner, owner.state_->core}) {}
CacheTable::~CacheTable() = default;

CacheGot CacheTable::get(Key name, const CacheGetRequest& request, ClusterTime now, Index index) {
  Core& core = state_->core;
  CHECK(state_->keyspace.find(name) == nullptr, "a key is looked for in its stead");
  Cached* cached = find_cached(core, name.slot, name.name);
  if (cached != nullptr && cached->lease != 0 && cached->lease_until.passed(now)) {
    core.change(name.slot);
    drop_lease(core, *cached);
    if (waited_for(*cached)) give_lease_to_next(core, *cached, now);
    schedule(core, *cached);
  }
  const StaleCopy* kept = cached == nullptr ? nullptr : cached->stale.get();
  const bool good = kept != nullptr && !kept->until.passed(now) &&
                    now.ms - kept->since.ms <= request.stale_ms;
  const Value* const stale = good ? &kept->value : nullptr;
  const bool out = cached != nullptr && (cached->lease != 0 || waited_for(*cached)) &&
                   !mutated(Mutation::cache_leases_twice);
  if (!out) {
    if (core.caches.leases >= kMaxLeases) return {CacheGet::too_many_leases, 0, nullptr};
    core.change(name.slot);
    if (cached == nullptr) {
      auto fresh = std::make_unique<Cached>();
      fresh->name = name.name;
      fresh->slot = name.slot;
      fresh->created = core.next_revision();
      cached = &add_cached(core, std::move(fresh));
    }
    give_lease(core, *cached, request.lease_ms, request.origin, now);
    schedule(core, *cached);
    return {CacheGet::leased, cached->lease, stale};
  }
  if (good) return {CacheGet::stale, 0, stale};
  if (request.wait_ms <= 0) return {CacheGet::busy, 0, nullptr};
  if (waited_for(*cached) && cached->waits->size() >= kMaxWaiters) {
    return {CacheGet::too_many_waiters, 0, nullptr};
  }
  core.change(name.slot);
  if (cached->waits == nullptr) {
    cached->waits = std::make_unique<WaitList>(name.slot, DeadlineKind::cache_wait);
  }
  Wait wait;
  wait.origin = request.origin;
  wait.resp3 = request.resp3;
  wait.deadline = now.plus_ms(request.wait_ms);
  wait.queued_at = index.value;
  wait.created = core.next_revision();
  wait.asked_ms = request.lease_ms;
  cached->waits->add(core, wait);
  ++core.caches.waiting;
  return {CacheGet::queued, 0, nullptr};
}

bool CacheTable::fill(Key name, std::uint64_t lease, std::string_view text, const Expiry& expiry,
                      std::int64_t keep_ms, ClusterTime now) {
  Core& core = state_->core;
  Cached* cached = find_cached(core, name.slot, name.name);
  if (cached == nullptr || lease == 0 || cached->lease != lease) return false;
  if (cached->lease_until.passed(now)) return false;
  state_->keyspace.put_text(name, text);
  state_->keyspace.set_expiry(name, expiry);
  cached->keep_ms = keep_ms;  // touched by being written
  return true;
}

bool CacheTable::invalidate(Key name) {
  const Cached* cached = find_cached(state_->core, name.slot, name.name);
  const bool known = cached != nullptr && (cached->lease != 0 || cached->stale != nullptr);
  return state_->keyspace.erase(name) || known;
}

std::optional<CacheInfo> CacheTable::info(Key name, ClusterTime now) const {
  const Cached* cached = find_cached(state_->core, name.slot, name.name);
  if (cached == nullptr) return std::nullopt;
  CacheInfo info;
  info.lease = cached->lease;
  info.since = cached->lease_since;
  info.until = cached->lease_until;
  info.keep_ms = cached->keep_ms;
  if (cached->stale != nullptr) {
    info.stale_since = cached->stale->since;
    info.stale_until = cached->stale->until;
    info.due = cached->stale->until.passed(now);
  }
  info.due = info.due || (cached->lease != 0 && cached->lease_until.passed(now));
  if (cached->waits == nullptr) return info;
  for (const Wait& wait : cached->waits->order()) {
    if (wait.deadline.passed(now)) {
      info.due = true;
    } else {
      info.waiters.push_back({wait.queued_at, wait.deadline, wait.origin});
    }
  }
  return info;
}

std::size_t CacheTable::leases() const { return state_->core.caches.leases; }
std::size_t CacheTable::waiting() const { return state_->core.caches.waiting; }
std::size_t CacheTable::size() const { return state_->core.totals.later[kPart]; }

bool CacheTable::drop_waiter(Key name, const Origin& origin) {
  Core& core = state_->core;
  Cached* cached = find_cached(core, name.slot, name.name);
  if (cached == nullptr) return false;
  Wait* wait = cached->waits == nullptr ? nullptr : cached->waits->find(origin);
  if (wait != nullptr) {
    end_cache_wait(core, *wait);
    return true;
  }
  if (cached->lease == 0 || cached->holder != origin) return false;
  core.change(name.slot);
  core.next_revision();
  drop_lease(core, *cached);
  touch(core, *cached);
  return true;
}

std::size_t CacheTable::drop_node(NodeId node, Incarnation up_to) {
  Core& core = state_->core;
  WaiterEvent nothing;
  nothing.kind = WaitKind::cache;
  std::size_t dropped = 0;
  for (std::uint32_t number = 0; number < kSlotCount && core.caches.waiting > 0; ++number) {
    const Slot slot(static_cast<std::uint16_t>(number));
    const Coordination* coordination = core.look_coordination(slot);
    const std::size_t count = coordination == nullptr ? 0 : coordination->caches.size();
    for (std::size_t i = 0; i < count; ++i) {
      Cached& cached = coordination->caches.at(i);
      if (!waited_for(cached)) continue;
      core.change(slot);
      const std::size_t gone = drop_waits_of(core, *cached.waits, node, up_to, nothing);
      if (gone == 0) continue;
      core.next_revision();
      core.caches.waiting -= gone;
      touch(core, cached);
      dropped += gone;
    }
  }
  return dropped;
}

}  // namespace holdfast::keyspace
