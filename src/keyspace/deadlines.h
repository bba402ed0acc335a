// What ends by itself, soonest first: keys, holds, waits, delays and free names of what can be held,
// once records, waits for latches, leases of caches, what is kept stale, and waits for those.
//
// Order: (deadline, slot, created revision, kind), which is total, so that every replica ends the
// same things in the same order. Two indexed heaps, one for keys and one for the rest, so that
// FLUSHALL drops the keys' part at once. Insert, move and removal are O(log n).
//
// Owns nothing: an item must be cancelled before it dies.
#pragma once

#include <cstddef>
#include <cstdint>
#include <limits>
#include <vector>

#include "base/ids.h"
#include "base/time.h"

namespace holdfast::keyspace {

enum class DeadlineKind : std::uint8_t { key, holding, waiter, once, latch_wait, hold, cache, cache_wait };

// Base of what can be scheduled; knows its place in the heap.
struct Timed {
  static constexpr std::uint32_t kNowhere = std::numeric_limits<std::uint32_t>::max();

  Timed() = default;
  Timed(const Timed&) = delete;
  Timed& operator=(const Timed&) = delete;
  bool scheduled() const { return heap_index != kNowhere; }

  std::uint32_t heap_index = kNowhere;
};

struct Deadline {
  ClusterTime when;
  std::uint64_t created = 0;
  Slot slot;
  DeadlineKind kind = DeadlineKind::key;
  Timed* item = nullptr;

  bool before(const Deadline& other) const;
};

class Deadlines {
 public:
  // Adds the item, or moves it if it is scheduled already. REQUIRES: the kind stays the same.
  void schedule(const Deadline& deadline);
  // Nothing happens if it is not scheduled.
  void cancel(Timed& item, DeadlineKind kind);
  // Forgets all keys without touching them: they are about to die.
  void drop_keys() { keys_ = {}; }

  // The soonest, null if there is none. Valid until the next change.
  const Deadline* first() const;
  std::size_t keys() const { return keys_.size(); }

 private:
  using Heap = std::vector<Deadline>;

  Heap& heap_of(DeadlineKind kind) { return kind == DeadlineKind::key ? keys_ : others_; }
  static void settle(Heap& heap, std::size_t at, const Deadline& deadline);

  Heap keys_;
  Heap others_;
};

}  // namespace holdfast::keyspace
