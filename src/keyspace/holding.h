// What has holders and a queue: locks, semaphores and elections, on one engine.
//
// A named object has holders, in the order of their grants, and waiters, first come first served.
// The kinds differ only in whom they let in:
//   lock       one exclusive holder, or any number of shared ones. All shared holders of one phase
//              have the same fence and each a token of his own. Nobody overtakes who waits: behind a
//              waiting writer readers wait as well, and all readers at the head are let in together.
//   semaphore  holders of up to `limit` permits in all. Nobody overtakes a large request at the
//              head. The limit is fixed by the first acquire and changed by set_limit alone.
//   election   one leader; the others who campaign wait.
//
// Release, expiry, force, withdrawal and the end of a session meet in one function, hand_over: those
// at the head of the queue who fit are granted, each with a new token, in the same step.
// A token is the revision of the grant: it grows with every grant of a name, through deletion and
// restart, and is never 0. `fence` is what guarded resources compare; for exclusive grants it
// equals the token.
//
// A hold, and a wait, may belong to a session (session.h) instead of having a time to live. Such a
// hold has the deadline never() and ends with its session, and is told as lost then, also if the
// session was closed: whoever closed it need not be who holds. Until SessionTable::end has come to
// it, it stays held. The caller knows that the session lives.
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
#include "keyspace/notice.h"

namespace holdfast::keyspace {

struct Key;
class Keyspace;

enum class GrantMode : std::uint8_t { exclusive, shared };

// A holding, as told to its owner.
struct Grant {
  std::uint64_t token = 0;
  std::uint64_t fence = 0;
  ClusterTime deadline;  // when it ends by itself; never(): with its session
  GrantMode mode = GrantMode::exclusive;
  std::uint64_t permits = 1;  // of a semaphore
};

struct AcquireRequest {
  std::string_view owner;    // 1 byte to 1 KiB; the same owner repeats itself safely
  std::int64_t ttl_ms = 0;   // 10 ms to 10 years; 0 with a session
  std::uint64_t session = 0;  // not 0: held as long as that session, which lives
  std::int64_t wait_ms = 0;  // 0: try once
  std::string_view value;    // shown by INFO, up to 1 KiB
  Origin origin;             // whom to tell when a wait ends
  bool resp3 = false;
  // The ONCE id that the command runs under, in the slot of the lock; empty: none. The record is
  // completed when the wait ends, and forgotten if the wait or its grant is withdrawn, so that a
  // repeat asks anew instead of being told of a token that is burnt.
  std::string_view once_id;
  GrantMode mode = GrantMode::exclusive;  // of a lock
  // Which of the owner's holds this is, for owners who enter again; empty: the unnamed one. The
  // lock is given back when all are.
  std::string_view hold;
  // If the holder fails, that is, loses the lock otherwise than by giving it back: how long to keep
  // everybody out.
  std::int64_t delay_ms = 0;
  std::uint64_t limit = 1;    // of a semaphore
  std::uint64_t permits = 1;  // of a semaphore: 1 to limit
};

// Those after `queued` change nothing.
enum class AcquireOutcome : std::uint8_t {
  granted,
  queued,
  refused,
  too_many_waiters,
  too_many_holds,  // the owner's
  too_many_of_session,  // the session has kMaxOfSession holds and waits
  other_terms,  // the owner holds it in another mode, by another session or with other permits
  other_limit,     // the semaphore has another limit
};

struct AcquireResult {
  AcquireOutcome outcome = AcquireOutcome::refused;
  Grant grant;              // if granted; the one there is, if other_terms
  std::uint64_t limit = 0;  // the one there is, if other_limit
  std::uint64_t session = 0;  // if other_terms: by which the owner holds it; 0: for a time
};

struct HolderInfo {
  std::string owner;
  std::string value;
  Grant grant;
  ClusterTime since;
  std::uint64_t session = 0;
  std::vector<std::string> holds;  // named ones; the unnamed one, if it is there, is ""
};

struct WaiterInfo {
  std::string owner;
  std::uint64_t queued_at = 0;  // index of the entry that queued it
  ClusterTime deadline;
  Origin origin;
  GrantMode mode = GrantMode::exclusive;
  std::uint64_t permits = 1;
  std::uint64_t session = 0;
};

// A hold that ended otherwise than by being given back.
struct LossInfo {
  std::string owner;
  std::uint64_t token = 0;
  Loss how = Loss::expired;
  ClusterTime when;

  bool operator==(const LossInfo&) const = default;
};

struct HoldingInfo {
  bool held = false;
  // Of the first holder.
  std::string owner;
  std::string value;
  Grant grant;
  ClusterTime since;

  std::uint64_t last_token = 0;
  std::vector<HolderInfo> holders;  // in the order of their grants
  std::vector<WaiterInfo> waiters;  // in order
  std::uint64_t limit = 0;          // of a semaphore
  std::uint64_t used = 0;           // of its permits
  std::int64_t delay_ms = 0;        // for how long nobody is let in
  std::vector<LossInfo> losses;     // the last few, oldest first
  // Something of it is past its deadline and not yet ended: what is told here may still change.
  bool due = false;
};

// What a list tells of one object.
struct HoldingLine {
  std::string_view name;
  std::size_t holders = 0;
  std::size_t waiters = 0;
  GrantMode mode = GrantMode::exclusive;  // of the holders
  std::uint64_t last_token = 0;
  std::uint64_t limit = 0;
  std::uint64_t used = 0;
  bool due = false;
};

// Repeated: the last released token of the name was released again (within ten minutes and before
// the next grant but one). Partly: the token holds on by other holds of its owner.
enum class ReleaseOutcome : std::uint8_t { released, repeated, lost, partly };

// The objects of one kind. A forgotten name costs nothing: since tokens are revisions of the shard,
// a name that comes again gets a higher one.
class HoldingTable {
 public:
  static constexpr std::size_t kMaxWaiters = 100'000;  // an object
  static constexpr std::size_t kMaxHolders = 100'000;  // an object; further ones wait
  static constexpr std::size_t kMaxHolds = 1024;       // an owner
  static constexpr std::size_t kMaxOfSession = 100'000;  // holds and waits of a session
  // How long a free name is remembered, for INFO and for a release that is repeated.
  static constexpr std::int64_t kRememberedMs = 10 * 60 * 1000;

  HoldingTable(Keyspace& owner, HoldingKind kind);
  ~HoldingTable();
  HoldingTable(const HoldingTable&) = delete;
  HoldingTable& operator=(const HoldingTable&) = delete;

  // `index`: of the entry being applied. An owner that holds or waits already gets the same grant
  // or keeps its place with the new origin and terms; whom it displaces is told that his wait is
  // over. Who asks without WAIT while queued is refused and changes nothing.
  AcquireResult acquire(Key name, const AcquireRequest& request, ClusterTime now, Index index);
  // Remaining milliseconds, nothing if the token does not hold the object (any more). A hold of a
  // session has a time of its own from then on.
  std::optional<std::int64_t> renew(Key name, std::uint64_t token, std::int64_t ttl_ms,
                                    ClusterTime now);
  // With `hold`: takes that one from the owner's holds, and the rest only if it was the last.
  // Without: all of them.
  ReleaseOutcome release(Key name, std::uint64_t token, ClusterTime now,
                         std::optional<std::string_view> hold = std::nullopt);
  // Ends all holds, and a delay that keeps others out, and burns a token, so that whoever held is
  // behind any fence raised from now on. How many holds; nothing if the name is not known.
  std::optional<std::size_t> force(Key name, ClusterTime now);
  // Of a semaphore. Raising it lets waiters in, lowering it lets holders finish. False if the name
  // is not known.
  bool set_limit(Key name, std::uint64_t limit, ClusterTime now);

  // What is left of the token's hold at `now`; nothing if it does not hold the object.
  std::optional<std::int64_t> remaining(Key name, std::uint64_t token, ClusterTime now) const;
  bool holds(Key name, std::uint64_t token, ClusterTime now) const;
  // Whether the token's grant stands: one past its deadline does until an entry ends it.
  bool stands(Key name, std::uint64_t token) const;
  // The fence that the token came with: another one than the token if it is, or was last, a shared
  // holder's.
  std::uint64_t fence_of(Key name, std::uint64_t token) const;
  // Whether a hold or a delay of it is past its deadline but not yet ended.
  bool due(Key name, ClusterTime now) const;
  // Nothing if the name is not known, or no longer. A grant or a wait that is past its deadline is
  // left out, and `due` set.
  std::optional<HoldingInfo> info(Key name, ClusterTime now) const;
  // As Keyspace::scan, over this kind's names.
  std::uint64_t scan(std::uint64_t cursor, std::size_t count, ClusterTime now,
                     const std::function<void(const HoldingLine&)>& visit) const;

  // A grant counts as attended, and is not withdrawn by these two, once its owner has shown that it
  // knows: it repeated the acquire or renewed.
  //
  // The waiter with this origin is gone: it leaves its queue; if it was granted meanwhile by that
  // wait, the grant is withdrawn and its token burnt. False if there was neither.
  bool drop_waiter(Key name, const Origin& origin, ClusterTime now);
  // Every waiter of that node with an incarnation up to this one leaves its queue; grants by
  // waiting made to them after `since` are withdrawn: nobody attended them. Returns how many were
  // touched.
  std::size_t drop_node(NodeId node, Incarnation up_to, ClusterTime since, ClusterTime now);

  std::size_t names() const;  // held or remembered
  std::size_t held() const;   // objects with a holder
  std::size_t waiting() const;

 private:
  friend class Keyspace;
  struct State;
  std::unique_ptr<State> state_;
};

}  // namespace holdfast::keyspace
