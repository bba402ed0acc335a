// What a backup holds is put into a keyspace that has a life of its own: its revisions go on, its
// time is another, and nobody waits in it for what was asked elsewhere.

#include <fmt/format.h>

#include <algorithm>
#include <limits>

#include "base/check.h"
#include "keyspace/cache_state.h"
#include "keyspace/holding_engine.h"
#include "keyspace/keyspace.h"
#include "keyspace/latch_state.h"
#include "keyspace/snapshot_codec.h"
#include "keyspace/state.h"

namespace holdfast::keyspace {

namespace {

Error senseless(std::string_view what) {
  return {fmt::format("the backup cannot be restored: {}. Use another backup", what)};
}

// Times of keys are as far away as clients say, so a sum may not fit.
std::int64_t moved(std::int64_t ms, std::int64_t by) {
  constexpr std::int64_t kLast =
      std::numeric_limits<std::int64_t>::max() - 1;  // never() is one more
  std::int64_t sum = 0;
  if (!__builtin_add_overflow(ms, by, &sum)) return std::min(sum, kLast);
  return by > 0 ? kLast : std::numeric_limits<std::int64_t>::min();
}

void move(ClusterTime& time, const TimeShift& shift) { time.ms = moved(time.ms, shift.cluster_ms); }

void take_waiters(Core& core, Holding& holding, std::size_t& left) {
  for (; holding.queue != nullptr && left > 0; --left) {
    core.change(holding.slot);
    withdraw_wait(core, holding.queue->order.front());
  }
}

// A connection of this name may be somebody else's where the hold goes.
void forget_connections(Holding& holding) {
  for (Hold& hold : holding.holds) {
    attend(hold);
    hold.origin = {};
  }
}

// ---- what the codec has added, made to fit. Each is the last of its table.

void fit_key(Core& core, Slot slot, const TimeShift& shift) {
  const auto& keys = core.change(slot).keys;
  Object& object = keys.at(keys.size() - 1);
  // Whoever watches the key shall see that it was changed.
  object.restore(core.next_revision());
  if (!core.feeds.empty()) note_set(core, object);
  if (!object.expiry().set()) return;
  Expiry& expiry = object.ending()->expiry;
  move(expiry.deadline, shift);
  expiry.wall.ms = moved(expiry.wall.ms, shift.wall_ms);
  core.schedule_key(object, slot);
  if (!core.feeds.empty()) note_expiry(core, object);
}

bool fit_holding(Core& core, HoldingKind kind, Slot slot, const TimeShift& shift) {
  const auto& table = table_of(core.change_coordination(slot), kind);
  Holding& holding = table.at(table.size() - 1);
  if (holding.queue != nullptr) return false;
  move(holding.released_until, shift);
  move(holding.forget_at, shift);
  if (holding.delay_until) move(*holding.delay_until, shift);
  for (LossInfo& loss : holding.losses) move(loss.when, shift);
  for (Hold& hold : holding.holds) move(hold.since, shift);
  // Nobody has kept the sessions of a backup.
  drop_session_holds(core, holding);
  for (Hold& hold : holding.holds) {
    move(hold.grant.deadline, shift);
    schedule_hold(core, hold);
  }
  forget_connections(holding);
  core.next_revision();
  schedule_holding(core, holding);
  return true;
}

bool fit_once(Core& core, Slot slot, const TimeShift& shift) {
  const auto& once = core.change_coordination(slot).once;
  OnceEntry& entry = once.at(once.size() - 1);
  if (entry.record.state == OnceState::waiting) return false;
  ClusterTime& deadline = entry.record.grant.deadline;
  if (deadline != ClusterTime::never()) move(deadline, shift);
  move(entry.record.until, shift);
  entry.created = core.next_revision();
  core.deadlines.schedule({entry.record.until, entry.created, slot, DeadlineKind::once, &entry});
  return true;
}

// Nobody has kept the sessions of a backup: their keys ended with them.
bool ended_with_session(Core& core, Slot slot) {
  const auto& keys = core.change(slot).keys;
  Object& object = keys.at(keys.size() - 1);
  if (object.binding() == nullptr) return false;
  core.unbound.clear();
  core.cancel_key(object);
  core.memory -= object.memory();
  core.drop(slot, object);
  return true;
}

bool fit_latch(Core& core, Slot slot, const TimeShift& shift) {
  const auto& latches = core.change_coordination(slot).latches;
  Latch& latch = latches.at(latches.size() - 1);
  move(latch.since, shift);
  core.next_revision();
  return latch.waits == nullptr;
}

// What was just added is made to belong here. False: it cannot.
bool fit(Core& core, PartKind kind, Slot slot, const TimeShift& shift) {
  switch (kind) {
    case PartKind::keys:
      if (!ended_with_session(core, slot)) fit_key(core, slot, shift);
      return true;
    case PartKind::locks:
      return fit_holding(core, HoldingKind::lock, slot, shift);
    case PartKind::semaphores:
      return fit_holding(core, HoldingKind::semaphore, slot, shift);
    case PartKind::elections:
      return fit_holding(core, HoldingKind::election, slot, shift);
    case PartKind::once:
      return fit_once(core, slot, shift);
    case PartKind::latches:
      return fit_latch(core, slot, shift);
    default:
      return false;
  }
}

// A floor is never lowered, whoever raised it.
bool restore_guard(Reader& reader, Keyspace& keyspace, Slot slot) {
  const std::string_view name = reader.bytes();
  const std::uint64_t fence = reader.varint();
  if (!reader.ok() || fence == 0 || fence >= kRevisionLimit) return false;
  GuardTable& guards = keyspace.guards();
  guards.raise(slot, name, std::max(fence, guards.floor(slot, name)));
  return true;
}

}  // namespace

void Keyspace::lift_revision(std::uint64_t to) {
  CHECK(to < kRevisionLimit);
  state_->core.revision = std::max(state_->core.revision, to);
}

bool Keyspace::clear_coordination(std::size_t bound) {
  Core& core = state_->core;
  for (std::uint32_t number = 0; number < kSlotCount && bound > 0; ++number) {
    const Slot slot(static_cast<std::uint16_t>(number));
    Coordination* coordination = core.look_coordination(slot);
    if (coordination == nullptr) continue;
    for (const HoldingKind kind : kHoldingKinds) {
      const SlotTable<Holding>& table = table_of(*coordination, kind);
      while (!table.empty() && bound > 0) {
        Holding& holding = table.at(table.size() - 1);
        take_waiters(core, holding, bound);
        if (bound == 0) break;
        remove_holding(core, holding);
        --bound;
      }
    }
    while (!coordination->once.empty() && bound > 0) {
      forget_once(core, slot, coordination->once.at(coordination->once.size() - 1));
      --bound;
    }
    while (coordination != nullptr && !coordination->sessions.empty() && bound > 0) {
      const auto& sessions = coordination->sessions;
      state_->sessions->end(sessions.at(sessions.size() - 1).id, bound, {}, Loss::withdrawn);
    }
    while (coordination != nullptr && !coordination->latches.empty() && bound > 0) {
      // With all who wait for it, which are few enough.
      remove_latch(core, coordination->latches.at(coordination->latches.size() - 1));
      --bound;
    }
    while (!coordination->caches.empty() && bound > 0) {
      remove_cached(core, coordination->caches.at(coordination->caches.size() - 1));
      --bound;
    }
  }
  const bool none = std::all_of(std::begin(kHoldingKinds), std::end(kHoldingKinds),
                                [&](HoldingKind kind) { return total_of(core, kind) == 0; });
  const auto sessions = static_cast<std::size_t>(PartKind::sessions);
  return none && core.totals.once == 0 && core.totals.later[sessions] == 0 &&
         latches().size() == 0 && caches().size() == 0;
}

void Keyspace::drop_waits() {
  Core& core = state_->core;
  std::size_t all = SIZE_MAX;
  for (std::uint32_t number = 0; number < kSlotCount; ++number) {
    Coordination* coordination = core.look_coordination(Slot(static_cast<std::uint16_t>(number)));
    if (coordination == nullptr) continue;
    for (const HoldingKind kind : kHoldingKinds) {
      const SlotTable<Holding>& table = table_of(*coordination, kind);
      for (std::size_t i = 0; i < table.size(); ++i) {
        take_waiters(core, table.at(i), all);
        forget_connections(table.at(i));
      }
    }
    for (std::size_t i = 0; i < coordination->latches.size(); ++i) {
      Latch& latch = coordination->latches.at(i);
      if (latch.waits == nullptr) continue;
      core.change(latch.slot);
      end_latch_waits(core, latch);
    }
    drop_cache_waits(core, Slot(static_cast<std::uint16_t>(number)));
    // A record whose wait is not there any more cannot be completed.
    for (std::size_t i = coordination->once.size(); i-- > 0;) {
      OnceEntry& entry = coordination->once.at(i);
      if (entry.record.state == OnceState::waiting) {
        forget_once(core, Slot(static_cast<std::uint16_t>(number)), entry);
      }
    }
  }
  core.events.clear();
}

Result<void> Keyspace::restore_chunk(std::string_view chunk, const TimeShift& shift) {
  Reader reader(chunk);
  const std::uint8_t version = reader.u8();
  if (!reader.ok() || version == 0) return senseless("a part has no format version");
  if (version > state_->core.format) {
    return senseless(fmt::format("its format {} is newer than the newest that all nodes of the "
                                 "cluster agree to, {}: upgrade them all first",
                                 version, state_->core.format));
  }
  while (reader.left() > 0) {
    const auto kind = static_cast<PartKind>(reader.u8());
    const std::string_view body = reader.bytes();
    if (!reader.ok()) return senseless("a part of it is cut off");
    if (kind == PartKind::header || kind == PartKind::removals || kind == PartKind::end) continue;
    if (kind == PartKind::feeds) {
      Reader part(body);
      if (!restore_feed_part(part, feeds())) return senseless("a part of it makes no sense");
      continue;
    }
    if (!restore_items(static_cast<std::uint8_t>(kind), body, shift, version)) {
      return senseless("a part of it makes no sense");
    }
  }
  return {};
}

// Where an item stood is not looked at: some that came before may have ended meanwhile.
bool Keyspace::restore_items(std::uint8_t part_kind, std::string_view body,
                             const TimeShift& shift, std::uint8_t format) {
  Core& core = state_->core;
  Reader reader(body);
  const Slot slot(reader.u16());
  reader.varint();
  const std::uint64_t count = reader.varint();
  const auto kind = static_cast<PartKind>(part_kind);
  // Of sessions see above. Who had a lease asks again, and what was stale then is not told now.
  if (kind == PartKind::sessions || kind == PartKind::caches) return true;
  const Section* section = find_section(kind);
  if (!reader.ok() || slot.value >= kSlotCount || section == nullptr) return false;
  for (std::uint64_t i = 0; i < count; ++i) {
    const bool sane = kind == PartKind::guards
                          ? restore_guard(reader, *this, slot)
                          : section->decode(reader, core, slot, format) && fit(core, kind, slot, shift);
    if (!sane) return false;
  }
  return reader.finished();
}

}  // namespace holdfast::keyspace
