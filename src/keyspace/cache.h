// Leases of caches: of all who miss a key, one is to fetch it from where it comes, and the others wait
// for what he stores. (R. Nishtala et al., "Scaling Memcache at Facebook", NSDI 2013.)
//
// A lease is good until its time is over, or until the key changes in any way: a write, a removal also
// of a key that is not there, FLUSHALL. What is stored under one that is no good is stored nowhere.
// Then the first who waits has the next lease.
//
// Values are ordinary keys. One that was stored to be kept longer than it is fresh is put aside when
// its time is over, where only get() sees it, for those who say how old it may be.
//
// Whoever waits is told at the end of the step, in order, at most kServedBytes of a value in an entry:
// the rest in the entries that follow, at least one of them each.
//
// Deterministic: a function of the calls and the stamps in them.
#pragma once

#include <cstdint>
#include <memory>
#include <optional>
#include <string_view>
#include <vector>

#include "base/ids.h"
#include "base/time.h"
#include "keyspace/keyspace.h"

namespace holdfast::keyspace {

enum class CacheGet : std::uint8_t {
  leased,  // it is the caller's to fetch it
  stale,   // somebody else is fetching it, and what was there is good enough
  busy,    // somebody else is fetching it
  queued,  // an event will tell
  too_many_leases,
  too_many_waiters,
};

struct CacheGetRequest {
  std::int64_t lease_ms = 0;
  std::int64_t stale_ms = 0;  // for so long its time may have been over; 0: not at all
  std::int64_t wait_ms = 0;   // 0: only ask
  Origin origin;              // whom to tell when the wait ends
  bool resp3 = false;
};

struct CacheGot {
  CacheGet outcome = CacheGet::busy;
  std::uint64_t lease = 0;       // if leased: never 0, and greater than any before
  const Value* stale = nullptr;  // if there is one that is good enough. Until the next change
};

struct CacheInfo {
  std::uint64_t lease = 0;  // 0: none is out
  ClusterTime since;        // if one is
  ClusterTime until;
  std::int64_t keep_ms = 0;  // how long the value that is there will be kept when its time is over
  std::optional<ClusterTime> stale_since;  // the value that is kept was fresh until then
  ClusterTime stale_until;                 // and is kept until then
  struct Waiter {
    std::uint64_t queued_at = 0;  // index of the entry that queued it
    ClusterTime deadline;
    Origin origin;
  };
  std::vector<Waiter> waiters;  // in order
  // Something is due and not yet ended: what is told here may still change.
  bool due = false;
};

class CacheTable {
 public:
  static constexpr std::size_t kMaxLeases = 100'000;
  static constexpr std::size_t kMaxWaiters = 10'000;  // a key
  static constexpr std::size_t kServedBytes = 1024 * 1024;

  explicit CacheTable(Keyspace& owner);
  ~CacheTable();
  CacheTable(const CacheTable&) = delete;
  CacheTable& operator=(const CacheTable&) = delete;

  // REQUIRES: the key is not there, not even past its deadline.
  CacheGot get(Key name, const CacheGetRequest& request, ClusterTime now, Index index);
  // Sets the key, to be kept for keep_ms longer than it is fresh. False, and nothing was done: the
  // lease is no good (any more).
  bool fill(Key name, std::uint64_t lease, std::string_view text, const Expiry& expiry,
            std::int64_t keep_ms, ClusterTime now);
  // Removes the key and what was kept of it, and voids a lease on it. False: there was nothing.
  bool invalidate(Key name);

  // Nothing: nothing is known of it beyond what the key itself tells.
  std::optional<CacheInfo> info(Key name, ClusterTime now) const;
  std::size_t leases() const;   // that are out
  std::size_t waiting() const;  // of all keys
  std::size_t size() const;     // keys of which something is known

  // Who asked under this origin is gone: his wait is over, and so is his lease if he was told of it
  // under this origin. False: there was neither.
  bool drop_waiter(Key name, const Origin& origin);
  // All waiters of that node with an incarnation up to this one; how many there were.
  std::size_t drop_node(NodeId node, Incarnation up_to);

 private:
  friend class Keyspace;
  struct State;
  std::unique_ptr<State> state_;
};

}  // namespace holdfast::keyspace
