// What a Keyspace consists of. For the files of keyspace/ only.
//
// One hook: whoever changes anything in a slot gets at it through Core::change(slot), which first
// lets a running snapshot walk save what it has not yet encoded, but for long texts of keys, for which
// Core::part_with_text() is a second one.
#pragma once

#include <array>
#include <boost/unordered/unordered_flat_map.hpp>
#include <list>
#include <map>
#include <memory>
#include <optional>
#include <set>
#include <string>
#include <utility>
#include <vector>

#include "base/check.h"
#include "keyspace/cache.h"
#include "keyspace/cache_state.h"
#include "keyspace/deadlines.h"
#include "keyspace/feed_state.h"
#include "keyspace/guard.h"
#include "keyspace/holding_state.h"
#include "keyspace/key_table.h"
#include "keyspace/keyspace.h"
#include "keyspace/latch.h"
#include "keyspace/notice.h"
#include "keyspace/once.h"
#include "keyspace/removals.h"
#include "keyspace/session.h"
#include "keyspace/session_parts.h"
#include "keyspace/slot_marks.h"
#include "keyspace/slot_table.h"

namespace holdfast::keyspace {

class SnapshotWalk;
class SnapshotLoader;

struct GuardFloor {
  std::string name;  // of the lock
  std::uint32_t position = 0;
  std::uint64_t fence = 0;
};

class WaitList;

// Invariants: waits and owners only while something is left.
struct Latch {
  std::string name;
  std::uint32_t position = 0;
  Slot slot;
  std::uint64_t count = 0;
  std::uint64_t left = 0;
  ClusterTime since;
  std::set<std::string, std::less<>> owners;  // that have counted
  std::unique_ptr<WaitList> waits;            // null: nobody has waited yet

  Latch();
  ~Latch();
};

struct OnceEntry : Timed {
  std::string name;  // the request id
  std::uint32_t position = 0;
  OnceRecord record;
  std::uint64_t created = 0;  // revision
};

// Coordination objects of a slot. Most slots have none.
struct Coordination {
  explicit Coordination(std::uint64_t hash_seed)
      : locks(hash_seed),
        guards(hash_seed),
        once(hash_seed),
        sessions(hash_seed),
        latches(hash_seed),
        caches(hash_seed),
        semaphores(hash_seed),
        elections(hash_seed) {}

  SlotTable<Holding> locks;
  SlotTable<GuardFloor> guards;
  SlotTable<OnceEntry> once;
  SlotTable<Session> sessions;
  SlotTable<Latch> latches;
  SlotTable<Cached> caches;
  SlotTable<Holding> semaphores;
  SlotTable<Holding> elections;
};

struct SlotState {
  KeyTable keys;
  std::unique_ptr<Coordination> coordination;

  bool empty() const { return keys.empty() && coordination == nullptr; }
};

// How many there are; a snapshot says it in advance, a load checks it at the end.
struct Totals {
  std::uint64_t keys = 0;
  std::uint64_t locks = 0;
  std::uint64_t guards = 0;
  std::uint64_t once = 0;
  // Of the kinds that came with format 3, by the number of their part (snapshot_codec.h).
  std::array<std::uint64_t, 32> later = {};
  bool operator==(const Totals&) const = default;
};

struct Core {
  explicit Core(std::uint64_t seed);
  ~Core();

  // The hook before any change in the slot.
  SlotState& change(Slot slot);
  Coordination& change_coordination(Slot slot);
  // Null if the slot has none.
  Coordination* look_coordination(Slot slot) const;
  std::uint64_t hash(const Key& key) const { return key.hash != 0 ? key.hash : hash_of(key.name); }
  std::uint32_t position_of(const Key& key) const {
    CHECK(key.slot.value < kSlotCount);
    return slots[key.slot.value].keys.find(key.name, hash(key), key.likely);
  }
  // Null if there is none.
  const Object* find(const Key& key) const {
    const std::uint32_t position = position_of(key);
    return position == KeyTable::kNone ? nullptr : &slots[key.slot.value].keys.at(position);
  }
  // Adds a key that is not there, and counts it. After change().
  Object& add(Slot slot, Object::Pointer object, std::uint64_t hash);
  // Does to the key at that position what `change` does, which returns what changes of an object
  // return; counts what it takes.
  template <class Change>
  Object& alter(KeyTable& keys, std::uint32_t position, const Change& change) {
    Object* object = &keys.at(position);
    part_with_text(*object);
    memory -= object->memory();
    if (Object::Pointer fresh = change(*object)) object = &keys.replace(position, std::move(fresh));
    memory += object->memory();
    return *object;
  }
  // The hook before the text of a key is changed or freed. Texts that only change their owner count too.
  void part_with_text(const Object& object);
  // The key is gone. What it took itself is the caller's to subtract: it may be a husk already.
  void drop(Slot slot, Object& object);

  std::uint64_t next_revision() { return ++revision; }
  // Whether anything is known of keys beside them (cache_state.h).
  bool caching() const;
  // As its expiry says, which is set.
  void schedule_key(const Object& object, Slot slot);
  // It is scheduled no more.
  void cancel_key(const Object& object);

  const std::uint64_t hash_seed;
  const NameHash hash_of{hash_seed};
  std::vector<SlotState> slots;
  SlotMarks used;                         // slots that change() was called for
  std::vector<std::uint32_t> key_counts;  // per slot, for scans over mostly empty slots
  Removals removals;
  Deadlines deadlines;
  std::map<std::string, std::string, std::less<>> settings;
  std::vector<WaiterEvent> events;
  Notices notices;
  std::set<std::uint64_t> sessions_ending;
  std::vector<SessionChange> session_changes;
  std::vector<std::pair<Ending*, Slot>> unbound;  // while a snapshot is loaded
  Feeds feeds;
  CacheLists caches;
  Totals totals;
  // In which format snapshots are written and digests taken (snapshot_codec.h).
  std::uint8_t format = 3;
  std::uint64_t revision = 0;
  std::uint64_t expired_keys = 0;
  std::array<std::size_t, 3> held = {};     // per kind of holding: objects with a holder
  std::array<std::size_t, 3> waiting = {};  // per kind of holding
  HoldingsOfSessions session_holdings;
  std::size_t memory = 0;
  std::unique_ptr<SnapshotWalk> walk;      // null: no snapshot is being taken
  std::unique_ptr<SnapshotLoader> loader;  // null: none is being loaded
};

struct Keyspace::State {
  explicit State(std::uint64_t seed) : core(seed) {}

  Core core;
  std::unique_ptr<HoldingTable> locks;
  std::unique_ptr<HoldingTable> semaphores;
  std::unique_ptr<HoldingTable> elections;
  std::unique_ptr<GuardTable> guards;
  std::unique_ptr<OnceTable> once;
  std::unique_ptr<SessionTable> sessions;
  std::unique_ptr<LatchTable> latches;
  std::unique_ptr<CacheTable> caches;
  std::unique_ptr<FeedTable> feeds;
};

// Counts one revision. `ended`: by itself, not by a command. REQUIRES: the object is in the slot's
// table.
void remove_key(Core& core, Slot slot, Object& object, bool ended);

std::size_t holding_memory(const Holding& holding);
std::size_t waiter_memory(const Waiter& waiter);
std::size_t guard_memory(const GuardFloor& guard);
std::size_t once_memory(const OnceEntry& entry);

}  // namespace holdfast::keyspace
