// What clients saw: one operation each, with the times at which it was called and returned.
//
// Three outcomes. `failed`: certainly without effect. `unknown`: may have had its effect at any
// time after the call, even after the end of the history; such an operation stays open to the end.
//
// Times are those of the observer: virtual in the simulator, one monotonic clock for all clients on
// a real machine. Values that are written are unique over a run, elements of a set likewise, and no
// field of `arg` and `ret` holds a space: they are put together with spaces.
// As JSON lines for outside checkers: history_json.h.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

namespace holdfast::workload {

enum class Op : std::uint8_t {
  read,       // GET key                         ret: value, "" if none
  write,      // SET key arg                     ret: OK
  cas,        // compare and set: arg "old new"  ret: 1, or 0: it was old, and changed meanwhile
  add,        // INCRBY counter arg              ret: the new value
  once_add,   // ONCE id INCRBY: arg "id n"      ret: the new value
  erase,      // DEL key                         ret: 1 or 0
  write_ttl,  // SET key value PX ms: arg "value ms"  ret: OK
  insert,     // APPEND key "element ": arg element   ret: the new length
  read_all,   // GET of such a key               ret: each element with a space behind it
  acquire,    // LOCK.ACQUIRE: arg "owner ttl wait"  ret: "token fence ttl", "" if not granted
  renew,      // LOCK.RENEW: arg "token ttl"     ret: the ttl, "" if lost
  release,    // LOCK.RELEASE: arg token         ret: 1 or "" if lost
  check,      // LOCK.CHECK: arg token           ret: 1 or 0
  look,       // LOCK.INFO                       ret: "token owner:queued_at owner:queued_at …",
              //   the token 0 if it is free, the waiters in order
  guarded_write,  // GUARD key token SET: arg "token key value"  ret: OK, "" if fenced
  // Of a session, whose key is the ephemeral one of the operation, bound or not:
  open_session,    // SESSION.OPEN: arg ttl            ret: the id
  keep_session,    // SESSION.KEEP: arg "id ttl"       ret: what is left, "" if it has ended
  attach_session,  // SESSION.ATTACH: likewise
  detach_session,  // SESSION.DETACH: arg id           ret: 1 or 0
  close_session,   // SESSION.CLOSE: arg id            ret: 1 or 0
  set_ephemeral,   // SET key id                       ret: OK
  bind_ephemeral,  // SESSION.BIND: arg id             ret: 1 or 0, "" if it has ended
  read_ephemeral,  // GET key                          ret: value, "" if none
  throttle,       // CL.THROTTLE: arg "burst count period quantity"  ret: the five numbers
  latch_down,     // LATCH.DOWN: arg "count owner"   ret: what is left
  latch_wait,     // LATCH.WAIT: arg "count wait"    ret: 1 or 0
  pair_write,     // MULTI, SET keya value, SET keyb value, EXEC: arg "value ttl"  ret: OK
  feed_read,      // FEED.READ: arg position         ret: "position revision:operation:key:value …"
  // Of keys that are fetched under leases:
  cache_get,   // CACHE.GET: arg "lease_ms wait stale"   ret: "v value", "l lease", "l lease stale",
               //   "" if somebody else fetches it
  cache_fill,  // CACHE.FILL: arg "lease value ttl keep"  ret: 1 or 0
  cache_put,   // SET key value: arg value               ret: OK
  cache_drop,  // CACHE.INVALIDATE or DEL                ret: 1 or 0
  // Of locks that may be shared, semaphores and elections:
  take,       // LOCK.ACQUIRE, SEM.ACQUIRE, ELECT.CAMPAIGN: arg "owner ttl wait how permits limit
              //   delay", how: exclusive, shared, permits or leads  ret: "token fence ttl", "" if
              //   not granted
  keep,       // LOCK.RENEW …: arg "token ttl"   ret: the ttl, "" if lost
  give_back,  // LOCK.RELEASE …: arg token       ret: 1 or "" if lost
  confirm,    // LOCK.CHECK: arg token           ret: 1 or 0
  force,      // LOCK.FORCE …                    ret: how many holds it ended
  set_limit,  // SEM.LIMIT: arg limit            ret: OK, "" if nobody has acquired it yet
  look_on,    // LOCK.INFO …                     ret: "0 owner:queued_at owner:queued_at …"
  // Of a lock that is held as long as a session:
  claim,       // LOCK.ACQUIRE … SESSION: arg "session owner wait"  ret: token, "" if not granted
  claim_held,  // LOCK.CHECK: arg "session token"    ret: 1 or 0
  disclaim,    // LOCK.RELEASE: arg "session token"  ret: 1 or "" if lost
};
inline constexpr std::size_t kOps = static_cast<std::size_t>(Op::disclaim) + 1;

enum class Ended : std::uint8_t { ok, failed, unknown };

// Of an operation that took more than one try, perhaps on several connections.
inline constexpr std::uint32_t kNoPlace = UINT32_MAX;

// An operation of several commands (cas) has place and times of the one that decided it.
struct Operation {
  std::uint32_t client = 0;
  std::uint32_t connection = 0;  // of that client: a new number after each reconnection
  std::uint32_t place = 0;       // among all commands sent on that connection, from 0 on
  Op op = Op::read;
  std::string key;
  std::string arg;
  std::string ret;
  std::int64_t call_ns = 0;
  std::int64_t return_ns = 0;  // when it was known how it ended; of unknowns: when it was given up
  Ended ended = Ended::unknown;

  bool operator==(const Operation&) const = default;
};

using History = std::vector<Operation>;

std::string_view name_of(Op op);
std::string_view name_of(Ended ended);

// The field with this number (from 0 on) of words put together with single spaces; "" if there is
// none. An empty word is a field: the first of " b" is "".
std::string_view field(std::string_view words, std::size_t number);
// The same as a number; -1 if it is none.
std::int64_t number_field(std::string_view words, std::size_t number);

// Whether it is one of a session's.
bool on_session(Op op);
// Whether it is about a key that is fetched under leases.
bool on_cache(Op op);
// Whether it is about a lock that is held as long as a session.
bool on_claim(Op op);
// Whether it is about what can be held rather than about a key.
bool on_holding(Op op);
// Whether the operation leaves everything as it is, however it ends.
bool only_looks(Op op);
// Whether what it is about is no value of a key, so that only its own checker knows what to say.
bool judged_apart(Op op);

}  // namespace holdfast::workload
