// Latches: a count that goes down, and whoever waits until it is zero.
//
// When it is, the latch is open, and all who wait are told in the same step: the one broadcast that
// there is, bounded by how many may wait. An open latch stays, so that who asks later is told at
// once; it is set anew, or dropped.
//
// Deterministic: a function of the calls and the stamps in them.
#pragma once

#include <cstdint>
#include <functional>
#include <memory>
#include <optional>
#include <string_view>
#include <vector>

#include "base/ids.h"
#include "base/time.h"
#include "keyspace/keyspace.h"

namespace holdfast::keyspace {

enum class LatchSet : std::uint8_t { set, closed_already, too_many };
enum class LatchDown : std::uint8_t { counted, repeated, absent, too_many_owners };
enum class LatchWait : std::uint8_t { open, closed, queued, absent, too_many };

struct LatchWaitRequest {
  std::int64_t wait_ms = 0;  // 0: only ask
  Origin origin;             // whom to tell when the wait ends
  bool resp3 = false;
};

struct LatchInfo {
  std::uint64_t count = 0;  // that it was set to
  std::uint64_t left = 0;   // 0: open
  std::size_t owners = 0;   // that have counted
  ClusterTime since;        // when it was set
  struct Waiter {
    std::uint64_t queued_at = 0;  // index of the entry that queued it
    ClusterTime deadline;
    Origin origin;
  };
  std::vector<Waiter> waiters;  // in order
  // A wait is past its deadline and not yet ended: what is told here may still change.
  bool due = false;
};

class LatchTable {
 public:
  static constexpr std::size_t kMaxLatches = 100'000;
  static constexpr std::size_t kMaxWaiters = 10'000;  // a latch
  static constexpr std::size_t kMaxOwners = 100'000;  // a latch

  explicit LatchTable(Keyspace& owner);
  ~LatchTable();
  LatchTable(const LatchTable&) = delete;
  LatchTable& operator=(const LatchTable&) = delete;

  // A latch that is not open yet is left alone. REQUIRES: count > 0.
  LatchSet set(Key name, std::uint64_t count, ClusterTime now);
  // Counts down by n, to zero at most; `left` is told what is left then. An owner, if not empty,
  // counts once until the latch is set anew. REQUIRES: n > 0.
  LatchDown down(Key name, std::uint64_t n, std::string_view owner, std::uint64_t& left);
  // Queued: an event will tell.
  LatchWait wait(Key name, const LatchWaitRequest& request, ClusterTime now, Index index);
  // Takes the latch away; who waits is told that it did not open. False: there is none.
  bool drop(Key name);

  // Nothing: there is none.
  std::optional<LatchInfo> info(Key name, ClusterTime now) const;
  // As Keyspace::scan, over the names of latches.
  std::uint64_t scan(std::uint64_t cursor, std::size_t count,
                     const std::function<void(std::string_view)>& visit) const;
  std::size_t size() const;

  // The waiter with this origin is gone. False: there was none.
  bool drop_waiter(Key name, const Origin& origin);
  // All waiters of that node with an incarnation up to this one; how many there were.
  std::size_t drop_node(NodeId node, Incarnation up_to);

 private:
  friend class Keyspace;
  struct State;
  std::unique_ptr<State> state_;
};

}  // namespace holdfast::keyspace
