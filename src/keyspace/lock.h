// Locks: who holds a name, until when, and who waits, first come first served.
//
// Release, expiry and withdrawal meet in one function, hand_over: the first waiter gets the lock
// with a new token in the same step. Promises: ../../docs and commands' LOCK.* rows.
// A token is the revision of the grant: it grows with every grant of a name, through deletion and
// restart, and is never 0. `fence` is what guarded resources compare; for exclusive grants it
// equals the token.
//
// Deterministic: a function of the calls and the stamps in them.
#pragma once

#include <cstdint>
#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "base/ids.h"
#include "base/time.h"

namespace holdfast::keyspace {

struct Key;
class Keyspace;

// A holding, as told to its owner.
struct Grant {
  std::uint64_t token = 0;
  std::uint64_t fence = 0;
  ClusterTime deadline;  // when it ends by itself
};

struct AcquireRequest {
  std::string_view owner;    // 1 byte to 1 KiB; the same owner repeats itself safely
  std::int64_t ttl_ms = 0;   // 10 ms to 10 years
  std::int64_t wait_ms = 0;  // 0: try once
  std::string_view value;    // shown by INFO, up to 1 KiB
  Origin origin;             // whom to tell when a wait ends
  bool resp3 = false;
  // The ONCE id that the command runs under, in the slot of the lock; empty: none. The record is
  // completed when the wait ends, and forgotten if the wait or its grant is withdrawn, so that a
  // repeat asks anew instead of being told of a token that is burnt.
  std::string_view once_id;
};

enum class AcquireOutcome : std::uint8_t { granted, queued, refused, too_many_waiters };

struct AcquireResult {
  AcquireOutcome outcome = AcquireOutcome::refused;
  Grant grant;
};

struct WaiterInfo {
  std::string owner;
  std::uint64_t queued_at = 0;  // index of the entry that queued it
  ClusterTime deadline;
  Origin origin;
};

struct LockInfo {
  bool held = false;
  std::string owner;
  std::string value;
  Grant grant;
  ClusterTime since;
  std::uint64_t last_token = 0;
  std::vector<WaiterInfo> waiters;  // in order
  // Something of it is past its deadline and not yet ended: what is told here may still change.
  bool due = false;
};

enum class ReleaseOutcome : std::uint8_t { released, repeated, lost };

// The locks of a keyspace. A forgotten name costs nothing: since tokens are revisions of the shard,
// a name that comes again gets a higher one.
class LockTable {
 public:
  static constexpr std::size_t kMaxWaiters = 100'000;  // a lock
  // How long a free name is remembered, for INFO and for a release that is repeated.
  static constexpr std::int64_t kRememberedMs = 10 * 60 * 1000;

  explicit LockTable(Keyspace& owner);
  ~LockTable();
  LockTable(const LockTable&) = delete;
  LockTable& operator=(const LockTable&) = delete;

  // `index`: of the entry being applied. An owner that holds or waits already gets the same grant
  // or keeps its place with the new origin, TTL and deadline of waiting; whom it displaces is told
  // that his wait is over. Who asks without WAIT while queued is refused and changes nothing.
  AcquireResult acquire(Key name, const AcquireRequest& request, ClusterTime now, Index index);
  // Remaining milliseconds, nothing if the token does not hold the lock (any more).
  std::optional<std::int64_t> renew(Key name, std::uint64_t token, std::int64_t ttl_ms,
                                    ClusterTime now);
  // Repeated: the last released token of the name was released again (within ten minutes and before
  // the next grant but one).
  ReleaseOutcome release(Key name, std::uint64_t token, ClusterTime now);
  // What is left of the token's hold at `now`; nothing if it does not hold the lock.
  std::optional<std::int64_t> remaining(Key name, std::uint64_t token, ClusterTime now) const;
  bool holds(Key name, std::uint64_t token, ClusterTime now) const;
  // Whether the token's grant stands: one past its deadline does until an entry ends it.
  bool stands(Key name, std::uint64_t token) const;
  // Whether the name is held by a grant that is past its deadline but not yet ended.
  bool due(Key name, ClusterTime now) const;
  // Nothing if the name is not known, or no longer. A grant or a wait that is past its deadline is
  // left out, and `due` set.
  std::optional<LockInfo> info(Key name, ClusterTime now) const;

  // A grant counts as attended, and is not withdrawn by these two, once its owner has shown that it
  // knows: it repeated the acquire or renewed.
  //
  // The waiter with this origin is gone: it leaves its queue; if it was granted the lock meanwhile
  // by that wait, the grant is withdrawn and its token burnt. False if there was neither.
  bool drop_waiter(Key name, const Origin& origin, ClusterTime now);
  // Every waiter of that node with an incarnation up to this one leaves its queue; grants by
  // waiting made to them after `since` are withdrawn: nobody attended them. Returns how many were
  // touched.
  std::size_t drop_node(NodeId node, Incarnation up_to, ClusterTime since, ClusterTime now);

  std::size_t held() const;
  std::size_t waiting() const;

 private:
  friend class Keyspace;
  struct State;
  std::unique_ptr<State> state_;
};

}  // namespace holdfast::keyspace
