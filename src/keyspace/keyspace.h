// The data that a replica of a shard remembers: keys in slots, and the coordination objects (locks,
// guards' floors, once records) beside them. Changed only by applied entries, in order.
//
// Determinism: everything a command can observe is a function of the operations so far, also after
// a snapshot: each slot keeps a dense array (append at the end; removal moves the last into the
// hole), which snapshots preserve. Hash indexes are private and are never iterated.
//
// A Keyspace knows no clock and no slot function: callers pass Key{name, slot} and the stamps.
//
// Threads: one. A pointer to an Object is valid until the next change of its slot.
#pragma once

#include <cstdint>
#include <functional>
#include <memory>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "base/ids.h"
#include "base/result.h"
#include "base/time.h"
#include "keyspace/holding.h"
#include "keyspace/notice.h"
#include "keyspace/object.h"
#include "keyspace/session.h"
#include "keyspace/value.h"

namespace holdfast::keyspace {

// A name and where it lies. The view must outlive the call only.
struct Key {
  std::string_view name;
  Slot slot;
  // As fetch_ahead() notes them. Where it likely is in its slot, which is looked at first; the hash of the
  // name, 0: not known.
  std::uint32_t likely = UINT32_MAX;
  std::uint64_t hash = 0;
};

// Tokens are revisions, and clients round numbers from here on.
inline constexpr std::uint64_t kRevisionLimit = std::uint64_t{1} << 53;

// From the times of the cluster that a backup was made of to those of this one.
struct TimeShift {
  std::int64_t cluster_ms = 0;
  std::int64_t wall_ms = 0;
};

// What somebody waits for.
enum class WaitKind : std::uint8_t { lock, latch, cache };

// What happened to somebody who is not the sender of the command being applied: a waiter was
// granted its lock, its latch has opened, what it misses was stored or is its to fetch, or its wait
// has ended. Told in the order in which it happened.
struct WaiterEvent {
  Origin origin;
  bool resp3 = false;
  bool granted = false;  // false: the wait ended without what it was for
  Grant grant;           // of what can be held, valid if granted
  WaitKind kind = WaitKind::lock;
  HoldingKind holding = HoldingKind::lock;  // unless it is a latch or a cache
  std::string owner = {};                   // of a grant in an election
  // Of a cache, if granted: the key's value; null: `grant.token` is the lease to fetch it under.
  std::shared_ptr<const std::string> value = nullptr;
};

// How far a walk of digests has come: in a slot, in one of its sections (keys, locks, guards, once
// records), how many of the section's items, counted from the front, are still to come; 0: all of
// them. Like SCAN it goes through a dense array from its end, so that what is removed meanwhile
// hides nothing from it.
struct DigestCursor {
  std::uint32_t slot = 0;
  std::uint32_t section = 0;
  std::uint64_t left = 0;

  bool operator==(const DigestCursor&) const = default;
};

struct DigestPart {
  std::uint64_t hash = 0;
  DigestCursor next;  // DigestCursor{}: the walk is complete
};

class Keyspace {
 public:
  // The seed keeps clients from choosing colliding names; nothing observable depends on it.
  explicit Keyspace(std::uint64_t hash_seed);
  ~Keyspace();
  Keyspace(const Keyspace&) = delete;
  Keyspace& operator=(const Keyspace&) = delete;

  // ---- revisions: one per mutation, never back; tokens are taken from them, below 2^53
  std::uint64_t revision() const;
  std::uint64_t next_revision();

  // ---- keys. `find` also returns a key that is past its deadline: the caller decides (commands/
  // context.h does, for all commands alike).
  const Object* find(const Key& key) const;
  // That these keys will be looked up soon: what that needs of memory is fetched meanwhile, and what had
  // to be computed for it is noted in them.
  void fetch_ahead(std::span<Key> keys) const;
  std::size_t size() const;      // keys, due ones included
  std::size_t expiring() const;  // keys with an expiry
  // Sets the value; creates the key if absent. A new key has no expiry; an existing one keeps its
  // own. Counts one revision.
  const Object& put(const Key& key, Value value);
  // put(key, Value::string(text)) and put(key, Value::integer(number)), but overwriting reuses the memory
  // that is there.
  const Object& put_text(const Key& key, std::string_view text);
  // `there`: what find() has just told of the key, so that it is not looked for again; null: nothing.
  const Object& put_integer(const Key& key, std::int64_t number, const Object* there = nullptr);
  // Edits the text of a key's string in place; the value becomes raw. REQUIRES: it exists.
  // `edit` must not touch the keyspace. Counts one revision.
  void edit_text(Key key, const std::function<void(std::string&)>& edit);
  // REQUIRES: the key exists. Expiry{} removes it. Counts one revision.
  void set_expiry(Key key, Expiry expiry);
  // False if absent. Counts one revision if present. `ended`: by time, not by a command. If by a
  // command, a lease on it is no good any more, present or absent.
  bool erase(Key key, bool ended = false);
  // All keys, not the coordination objects. Counts one revision if there was any.
  void clear();
  // Revision of the last change of the key, 0 if absent.
  std::uint64_t modified(Key key) const;
  // What WATCH compares: as modified(), but of an absent key the revision of its last removal, or
  // of a later one of another name (keyspace/removals.h). So it changes whenever the key does.
  std::uint64_t watched(Key key) const;
  // Whether removals are remembered from here on, which they are at first. Entries from before
  // watched() do not: not every replica has the state that they would leave.
  void remember_removals(bool remember);

  // ---- walks over the dense arrays. Return false from `visit` to stop.
  void for_each(const std::function<bool(const Object&)>& visit) const;
  // SCAN: visits from the cursor on until `count` keys were seen or the end; returns the next
  // cursor, 0 at the end. Every key that is there from the first to the last call is seen at least
  // once. A cursor that makes no sense ends the scan.
  std::uint64_t scan(std::uint64_t cursor, std::size_t count,
                     const std::function<void(const Object&)>& visit) const;
  // The n-th key in slot order, n < size(). For RANDOMKEY.
  const Object& nth(std::size_t n) const;

  // ---- coordination; keyspace/holding.h, guard.h, once.h, session.h say what they mean
  HoldingTable& locks();
  const HoldingTable& locks() const;
  HoldingTable& semaphores();
  const HoldingTable& semaphores() const;
  HoldingTable& elections();
  const HoldingTable& elections() const;
  class GuardTable& guards();
  const class GuardTable& guards() const;
  class OnceTable& once();
  const class OnceTable& once() const;
  SessionTable& sessions();
  const SessionTable& sessions() const;
  class LatchTable& latches();  // keyspace/latch.h
  const class LatchTable& latches() const;
  class FeedTable& feeds();  // keyspace/feed.h
  const class FeedTable& feeds() const;
  class CacheTable& caches();  // keyspace/cache.h
  const class CacheTable& caches() const;
  // What has changed since the last end belongs together: the command of an entry, or a transaction.
  // `now` is the entry's stamp.
  void end_step(ClusterTime now);

  // ---- replicated settings of the shard (a password's hash, limits): small, few
  const std::string* setting(std::string_view name) const;
  void set_setting(std::string_view name, std::string value);

  // ---- expiry. Order: (deadline, slot, created revision), over keys and coordination objects
  // alike. Ends what is due at `now`, at most `bound` of it; returns how many were ended. Lock ends
  // may hand over and so produce events.
  std::size_t expire_due(ClusterTime now, std::size_t bound);
  // never() if nothing is pending.
  ClusterTime next_deadline() const;
  // Number of keys ended by expiry since start; for INFO.
  std::uint64_t expired_keys() const;

  // ---- events since the last call, in order
  std::vector<WaiterEvent> take_events();
  // Whether there are any, or changes of sessions to be taken: after most commands there are not.
  bool anything_to_tell() const;
  // What happened that somebody at this node wants to hear of; not part of the state.
  Notices& notices();

  // In which format snapshots are written and digests taken from here on: 2 or, at first, 3. Format 2
  // is what older programs read; it has no room for kinds that they do not know. REQUIRES: with 2,
  // there are none.
  void use_format(std::uint8_t format);

  // ---- snapshots (keyspace/snapshot_codec.cc). Without fork and without stopping: begin_snapshot
  // fixes the state; next_chunk encodes slot after slot; a slot that is about to change before its
  // turn is encoded first. One walk at a time.
  void begin_snapshot();
  bool snapshotting() const;
  // The next part of about `target` bytes; empty when the walk is complete (and over). It is made in
  // `room`, whatever that holds: so that one piece of memory does for a whole walk.
  std::string next_chunk(std::size_t target, std::string room = {});
  void abandon_snapshot();
  // How many of the kSlotCount slots it has passed; 0 if none is being taken.
  std::uint32_t snapshot_slots() const;
  // Pre-images held in memory for slots whose turn has not come, in bytes.
  std::size_t snapshot_backlog() const;
  // Loads chunks, in order, into an empty keyspace; then finish_load checks that all is there.
  Result<void> load_chunk(std::string_view chunk);
  Result<void> finish_load();

  // ---- restoring a backup (keyspace/restore.cc). Unlike a load it adds to a keyspace that lives:
  // revisions go on, times are moved, and settings stay as they are.
  //
  // The revision is at least this from here on. REQUIRES: to < kRevisionLimit.
  void lift_revision(std::uint64_t to);
  // Takes away waits, what can be held, and once records, at most `bound` of them; true: none is left. The
  // waiters are told that their wait is over. Floors of guards stay: they are never lowered.
  bool clear_coordination(std::size_t bound);
  // Adds the items of a chunk. Locks keep their tokens; keys and once records count as changed now;
  // floors are raised if they were lower. An error: the chunk makes no sense, or something of it is
  // there already; what was added before stays. REQUIRES: revision() is at least that of the
  // chunk's snapshot.
  Result<void> restore_chunk(std::string_view chunk, const TimeShift& shift);
  // Ends all waiting, and tells nobody; no grant is withdrawn any more since nobody was heard of. What
  // is left makes sense elsewhere.
  void drop_waits();

  // A hash of everything replicated in [first, first + count) slots, orders, deadlines, revisions,
  // queues included. Equal states have equal digests on every node and after every restore.
  std::uint64_t digest(std::uint32_t first_slot = 0, std::uint32_t count = kSlotCount) const;
  // The same of as many items from the cursor on as have `bytes` encoded, at least one, together
  // with what belongs to no slot (revision, totals, settings): so the work is bounded whatever the
  // data is like. Equal states have equal parts. REQUIRES: bytes > 0.
  DigestPart digest_part(const DigestCursor& from, std::size_t bytes) const;

  // What the data takes, as the allocator rounds (keyspace/sizes.h); for INFO memory.
  std::size_t memory() const;

 private:
  friend class HoldingTable;
  friend class GuardTable;
  friend class OnceTable;
  friend class SessionTable;
  friend class LatchTable;
  friend class FeedTable;
  friend class CacheTable;
  bool restore_items(std::uint8_t part_kind, std::string_view body, const TimeShift& shift,
                     std::uint8_t format);

  struct State;
  std::unique_ptr<State> state_;
};

}  // namespace holdfast::keyspace
