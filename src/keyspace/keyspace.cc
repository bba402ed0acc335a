#include "keyspace/keyspace.h"

#include <algorithm>
#include <array>
#include <utility>

#include "base/check.h"
#include "base/mutation.h"
#include "keyspace/cache_state.h"
#include "keyspace/guard.h"
#include "keyspace/holding_engine.h"
#include "keyspace/latch_state.h"
#include "keyspace/once.h"
#include "keyspace/sizes.h"
#include "keyspace/snapshot_codec.h"
#include "keyspace/snapshot_load.h"
#include "keyspace/snapshot_walk.h"
#include "keyspace/state.h"

namespace holdfast::keyspace {

namespace {

// SCAN's cursor is position * 16384 + slot: the slot, and how many of its keys, counted from the
// front of its dense array, have not been visited yet; position 0 means all of them. It stays below
// 2^53 because some clients read it as a floating-point number.
constexpr std::uint64_t kCursorLimit = std::uint64_t{1} << 53;

// It has another value.
void note_written(Core& core, Slot slot, const Object& object) {
  if (!core.feeds.empty()) note_set(core, object);
  if (core.caching()) void_cached(core, slot, object.name());
}

std::uint32_t existing(const Core& core, Key key) {
  const std::uint32_t position = core.position_of(key);
  CHECK(position != KeyTable::kNone, "a key is to be changed that is not there");
  return position;
}

// As put() says; `owned` holds the value's text, or is null.
const Object& store(Core& core, const Key& key, const ValueView& value, std::string* owned) {
  KeyTable& keys = core.change(key.slot).keys;
  const std::uint64_t hash = core.hash(key);
  const std::uint32_t position = keys.find(key.name, hash, key.likely);
  Object* object = nullptr;
  if (position == KeyTable::kNone) {
    auto fresh = Object::make(key.name, value, core.next_revision(), owned);
    object = &core.add(key.slot, std::move(fresh), hash);
    core.notices.key(KeyEvents::fresh, "new", object->name());
  } else {
    object = &keys.at(position);
    if (!object->overwrite(value)) {
      object = &core.alter(keys, position,
                           [&](Object& changing) { return changing.assign(value, owned); });
    }
    object->touch(core.next_revision());
  }
  note_written(core, key.slot, *object);
  return *object;
}

void expire_key(Core& core, Slot slot, Object& object) {
  core.notices.key(KeyEvents::expired, "expired", object.name());
  remove_key(core, slot, object, true);
  ++core.expired_keys;
}

}  // namespace

void remove_key(Core& core, Slot slot, Object& object, bool ended) {
  core.change(slot);
  core.part_with_text(object);
  // A key that ends with its session is nobody's any more.
  const bool stale = ended && object.binding() == nullptr;
  loosen(core, object);
  core.removals.note(object.name(), core.next_revision());
  if (!core.feeds.empty()) {
    note_removal(core, object.name(), ended ? FeedOperation::expired : FeedOperation::del);
  }
  core.cancel_key(object);
  core.memory -= object.memory();
  if (core.caching()) {
    stale ? keep_stale(core, slot, object) : void_cached(core, slot, object.name());
  }
  core.drop(slot, object);
}

Latch::Latch() = default;
Latch::~Latch() = default;

Core::Core(std::uint64_t seed) : hash_seed(seed), slots(kSlotCount), key_counts(kSlotCount) {}
Core::~Core() = default;

bool Core::caching() const {
  return totals.later[static_cast<std::size_t>(PartKind::caches)] != 0;
}

SlotState& Core::change(Slot slot) {
  CHECK(slot.value < kSlotCount);
  if (walk != nullptr && !mutated(Mutation::pre_images_skipped)) walk->before_change(*this, slot);
  if (!mutated(Mutation::slots_unmarked)) used.set(slot.value);
  return slots[slot.value];
}

void Core::part_with_text(const Object& object) {
  if (walk != nullptr && !mutated(Mutation::pre_images_skipped)) walk->before_text_goes(object);
}

Coordination& Core::change_coordination(Slot slot) {
  SlotState& state = change(slot);
  if (state.coordination == nullptr) state.coordination = std::make_unique<Coordination>(hash_seed);
  return *state.coordination;
}

Coordination* Core::look_coordination(Slot slot) const {
  CHECK(slot.value < kSlotCount);
  return slots[slot.value].coordination.get();
}

Object& Core::add(Slot slot, Object::Pointer object, std::uint64_t hash) {
  KeyTable& keys = slots[slot.value].keys;
  memory -= keys.memory();
  Object& added = keys.add(std::move(object), hash, hash_of);
  memory += keys.memory() + added.memory();
  ++totals.keys;
  ++key_counts[slot.value];
  return added;
}

void Core::drop(Slot slot, Object& object) {
  KeyTable& keys = slots[slot.value].keys;
  const std::uint32_t position = keys.find(object.name(), hash_of(object.name()));
  CHECK(position != KeyTable::kNone && &keys.at(position) == &object);
  memory -= keys.memory();
  keys.remove(position, hash_of);
  memory += keys.memory();
  --totals.keys;
  --key_counts[slot.value];
}

void Core::schedule_key(const Object& object, Slot slot) {
  deadlines.schedule(
      {object.expiry().deadline, object.created(), slot, DeadlineKind::key, object.ending()});
}

void Core::cancel_key(const Object& object) {
  if (Ending* ending = object.ending()) deadlines.cancel(*ending, DeadlineKind::key);
}

Keyspace::Keyspace(std::uint64_t hash_seed) : state_(std::make_unique<State>(hash_seed)) {
  state_->locks = std::make_unique<HoldingTable>(*this, HoldingKind::lock);
  state_->semaphores = std::make_unique<HoldingTable>(*this, HoldingKind::semaphore);
  state_->elections = std::make_unique<HoldingTable>(*this, HoldingKind::election);
  state_->guards = std::make_unique<GuardTable>(*this);
  state_->once = std::make_unique<OnceTable>(*this);
  state_->sessions = std::make_unique<SessionTable>(*this);
  state_->latches = std::make_unique<LatchTable>(*this);
  state_->feeds = std::make_unique<FeedTable>(*this);
  state_->caches = std::make_unique<CacheTable>(*this);
}
Keyspace::~Keyspace() = default;

std::uint64_t Keyspace::revision() const { return state_->core.revision; }
std::uint64_t Keyspace::next_revision() { return state_->core.next_revision(); }

// ---- keys

const Object* Keyspace::find(const Key& key) const { return state_->core.find(key); }

// Each pass asks for what the next one touches, for all keys before it touches that of the first.
void Keyspace::fetch_ahead(std::span<Key> keys) const {
  const Core& core = state_->core;
  const auto table = [&core](const Key& key) -> const KeyTable& { return core.slots[key.slot.value].keys; };
  for (Key& key : keys) {
    key.hash = core.hash_of(key.name);
    __builtin_prefetch(&table(key));
  }
  for (const Key& key : keys) table(key).fetch_index(key.hash);
  for (Key& key : keys) key.likely = table(key).fetch_key(key.hash);
}

std::size_t Keyspace::size() const { return state_->core.totals.keys; }
std::size_t Keyspace::expiring() const { return state_->core.deadlines.keys(); }

const Object& Keyspace::put(const Key& key, Value value) {
  return store(state_->core, key, value.view(), &value.owned());
}

const Object& Keyspace::put_text(const Key& key, std::string_view text) {
  return store(state_->core, key, ValueView::string(text), nullptr);
}

const Object& Keyspace::put_integer(const Key& key, std::int64_t number, const Object* there) {
  Core& core = state_->core;
  const ValueView value = ValueView::integer(number);
  if (there == nullptr) return store(core, key, value, nullptr);
  core.change(key.slot);
  Object& object = const_cast<Object&>(*there);  // it lies in a table of ours
  if (!object.overwrite(value)) return store(core, key, value, nullptr);
  object.touch(core.next_revision());
  note_written(core, key.slot, object);
  return object;
}

void Keyspace::edit_text(Key key, const std::function<void(std::string&)>& edit) {
  Core& core = state_->core;
  KeyTable& keys = core.change(key.slot).keys;
  Object& object = core.alter(keys, existing(core, key), [&](Object& changing) {
    std::string text = changing.take_text();
    edit(text);
    return changing.assign(ValueView::raw(text), &text);
  });
  object.touch(core.next_revision());
  note_written(core, key.slot, object);
}

void Keyspace::set_expiry(Key key, Expiry expiry) {
  Core& core = state_->core;
  KeyTable& keys = core.change(key.slot).keys;
  const std::uint32_t position = existing(core, key);
  const bool changes = keys.at(position).expiry().set() || expiry.set();
  if (!expiry.set()) core.cancel_key(keys.at(position));
  Object& object = core.alter(
      keys, position, [&](Object& changing) { return changing.set_expiry(expiry); });
  if (expiry.set()) core.schedule_key(object, key.slot);
  object.touch(core.next_revision());
  if (changes && !core.feeds.empty()) note_expiry(core, object);
}

bool Keyspace::erase(Key key, bool ended) {
  Core& core = state_->core;
  const std::uint32_t position = core.position_of(key);
  if (position == KeyTable::kNone) {
    const bool voids = !ended && core.caching() && !mutated(Mutation::cache_lease_survives_removal);
    if (voids) void_cached(core, key.slot, key.name);
    return false;
  }
  remove_key(core, key.slot, core.slots[key.slot.value].keys.at(position), ended);
  return true;
}

void Keyspace::clear() {
  Core& core = state_->core;
  if (core.caching()) void_all_cached(core);
  if (core.totals.keys == 0) return;
  const std::uint64_t revision = core.next_revision();
  core.deadlines.drop_keys();
  for (std::uint32_t number = 0; number < kSlotCount; ++number) {
    if (core.key_counts[number] == 0) continue;
    KeyTable& keys = core.slots[number].keys;
    for (std::size_t i = 0; i < keys.size(); ++i) {
      core.memory -= keys.at(i).memory();
      core.removals.note(keys.at(i).name(), revision);
      loosen(core, keys.at(i));
    }
    core.memory -= keys.memory();
    KeyTable old = std::exchange(keys, KeyTable());
    if (core.walk != nullptr) core.walk->detach_keys(Slot(static_cast<std::uint16_t>(number)), old);
    core.key_counts[number] = 0;
  }
  core.totals.keys = 0;
  if (!core.feeds.empty()) note_flush(core);
}

std::uint64_t Keyspace::modified(Key key) const {
  const Object* object = find(key);
  return object == nullptr ? 0 : object->modified();
}

std::uint64_t Keyspace::watched(Key key) const {
  const Object* object = find(key);
  return object == nullptr ? state_->core.removals.revision(key.name) : object->modified();
}

void Keyspace::remember_removals(bool remember) { state_->core.removals.set_noting(remember); }

// ---- walks

void Keyspace::for_each(const std::function<bool(const Object&)>& visit) const {
  const Core& core = state_->core;
  for (std::uint32_t slot = 0; slot < kSlotCount; ++slot) {
    for (std::uint32_t i = 0; i < core.key_counts[slot]; ++i) {
      if (!visit(core.slots[slot].keys.at(i))) return;
    }
  }
}

std::uint64_t Keyspace::scan(std::uint64_t cursor, std::size_t count,
                             const std::function<void(const Object&)>& visit) const {
  if (cursor >= kCursorLimit) return 0;
  const Core& core = state_->core;
  std::uint64_t position = cursor / kSlotCount;
  std::size_t seen = 0;
  for (std::uint64_t slot = cursor % kSlotCount; slot < kSlotCount; ++slot, position = 0) {
    const std::uint64_t size = core.key_counts[slot];
    if (size == 0) continue;
    if (position == 0 || position > size) position = size;
    while (position > 0) {
      if (seen == count && seen > 0) return position * kSlotCount + slot;
      visit(core.slots[slot].keys.at(--position));
      ++seen;
    }
  }
  return 0;
}

const Object& Keyspace::nth(std::size_t n) const {
  const Core& core = state_->core;
  CHECK(n < core.totals.keys);
  std::uint32_t slot = 0;
  while (n >= core.key_counts[slot]) n -= core.key_counts[slot++];
  return core.slots[slot].keys.at(n);
}

// ---- coordination, settings

HoldingTable& Keyspace::locks() { return *state_->locks; }
const HoldingTable& Keyspace::locks() const { return *state_->locks; }
HoldingTable& Keyspace::semaphores() { return *state_->semaphores; }
const HoldingTable& Keyspace::semaphores() const { return *state_->semaphores; }
HoldingTable& Keyspace::elections() { return *state_->elections; }
const HoldingTable& Keyspace::elections() const { return *state_->elections; }
GuardTable& Keyspace::guards() { return *state_->guards; }
const GuardTable& Keyspace::guards() const { return *state_->guards; }
OnceTable& Keyspace::once() { return *state_->once; }
const OnceTable& Keyspace::once() const { return *state_->once; }
SessionTable& Keyspace::sessions() { return *state_->sessions; }
const SessionTable& Keyspace::sessions() const { return *state_->sessions; }
LatchTable& Keyspace::latches() { return *state_->latches; }
const LatchTable& Keyspace::latches() const { return *state_->latches; }
FeedTable& Keyspace::feeds() { return *state_->feeds; }
const FeedTable& Keyspace::feeds() const { return *state_->feeds; }
CacheTable& Keyspace::caches() { return *state_->caches; }
const CacheTable& Keyspace::caches() const { return *state_->caches; }

void Keyspace::end_step(ClusterTime now) {
  Core& core = state_->core;
  if (!core.feeds.empty()) end_feed_step(core);
  if (!core.caches.touched.empty()) settle_cached(core, now);
}

const std::string* Keyspace::setting(std::string_view name) const {
  const auto found = state_->core.settings.find(name);
  return found == state_->core.settings.end() ? nullptr : &found->second;
}

void Keyspace::set_setting(std::string_view name, std::string value) {
  state_->core.notices.setting(name, value);
  // A walk has the settings already: its header is encoded when it begins.
  state_->core.settings.insert_or_assign(std::string(name), std::move(value));
  state_->core.next_revision();
}

// ---- expiry

std::size_t Keyspace::expire_due(ClusterTime now, std::size_t bound) {
  Core& core = state_->core;
  std::size_t ended = 0;
  for (; ended < bound; ++ended) {
    const Deadline* first = core.deadlines.first();
    if (first == nullptr || !first->when.passed(now)) break;
    const Deadline due = *first;
    switch (due.kind) {
      case DeadlineKind::key:
        expire_key(core, due.slot, *static_cast<Ending&>(*due.item).object);
        end_step(now);
        break;
      case DeadlineKind::holding:
        end_holding(core, static_cast<Holding&>(*due.item), now);
        break;
      case DeadlineKind::hold:
        end_hold(core, static_cast<Hold&>(*due.item), now);
        break;
      case DeadlineKind::waiter:
        end_wait(core, static_cast<Waiter&>(*due.item), now);
        break;
      case DeadlineKind::once:
        forget_once(core, due.slot, static_cast<OnceEntry&>(*due.item));
        break;
      case DeadlineKind::latch_wait:
        end_latch_wait(core, static_cast<Wait&>(*due.item));
        break;
      case DeadlineKind::cache:
        end_cached(core, static_cast<Cached&>(*due.item), now);
        end_step(now);
        break;
      case DeadlineKind::cache_wait:
        end_cache_wait(core, static_cast<Wait&>(*due.item));
        break;
    }
  }
  return ended;
}

ClusterTime Keyspace::next_deadline() const {
  if (mutated(Mutation::pulse_skipped)) return ClusterTime::never();
  const Deadline* first = state_->core.deadlines.first();
  return first == nullptr ? ClusterTime::never() : first->when;
}

std::uint64_t Keyspace::expired_keys() const { return state_->core.expired_keys; }

std::vector<WaiterEvent> Keyspace::take_events() { return std::exchange(state_->core.events, {}); }

bool Keyspace::anything_to_tell() const {
  return !state_->core.events.empty() || !state_->core.session_changes.empty();
}

Notices& Keyspace::notices() { return state_->core.notices; }

std::size_t Keyspace::memory() const { return state_->core.memory; }

}  // namespace holdfast::keyspace
