// Bad input of every command of coordination: each row is refused with the text that it names, and
// changes nothing. A command of the table that has no row here fails the test.
#include <gtest/gtest.h>

#include <algorithm>
#include <set>
#include <string>
#include <string_view>
#include <vector>

#include "commands/command_table.h"
#include "commands/keep_alive.h"
#include "keyspace/keyspace.h"

namespace holdfast::commands {
namespace {

// Commands that the server answers itself are refused by their number of words here; what else they
// refuse is in server/session_commands_test.cc and pubsub_commands_test.cc.
struct Row {
  std::string_view words;  // by one space; @64K and @1K are words of one byte more, "" an empty one
  std::string_view error;  // how it begins
};

constexpr std::string_view kNumber = "ERR value is not an integer or out of range";
constexpr std::string_view kSyntax = "ERR syntax error";
constexpr std::string_view kToken = "ERR token is not an integer or out of range";
constexpr std::string_view kTtl = "ERR TTL must be from 10 to 315360000000 milliseconds";
constexpr std::string_view kWait = "ERR WAIT must be from 0 to 315360000000 milliseconds";
constexpr std::string_view kId = "ERR a session's id is an integer above 0";
constexpr std::string_view kGone = "LOST there is no session 99 (any more)";
constexpr std::string_view kCount = "ERR COUNT must be from 1 to 10000";
constexpr std::string_view kWraps =
    "ERR GUARD, ONCE and IFREV wrap commands that write keys and do not block";

// What there is: the lock `held` (token 1), the semaphore `pool` of 3 (token 2), the election `boss`
// (token 3), all of ann's; the sessions 4 and 5, of which 5 has the key `bound`; the latch `start`.
constexpr std::string_view kThere[] = {
    "LOCK.ACQUIRE held ann TTL 60000",
    "SEM.ACQUIRE pool ann LIMIT 3 PERMITS 2 TTL 60000",
    "ELECT.CAMPAIGN boss ann TTL 60000",
    "SESSION.OPEN TTL 60000",
    "SESSION.OPEN TTL 60000",
    "SET key word",
    "SET bound word",
    "SESSION.BIND 5 bound",
    "LATCH.SET start 2",
    "FEED.DECLARE user: RETAIN ENTRIES 3",
};

constexpr Row kRows[] = {
    // ---- locks
    {"LOCK.ACQUIRE", "ERR wrong number of arguments for 'lock.acquire' command"},
    {"LOCK.ACQUIRE a b", "ERR wrong number of arguments for 'lock.acquire' command"},
    {"LOCK.ACQUIRE a b TTL", "ERR wrong number of arguments for 'lock.acquire' command"},
    {"LOCK.ACQUIRE a b TTL x", kNumber},
    {"LOCK.ACQUIRE a b TTL 1.5", kNumber},
    {"LOCK.ACQUIRE a b TTL 99999999999999999999", kNumber},
    {"LOCK.ACQUIRE a b TTL -1", kTtl},
    {"LOCK.ACQUIRE a b TTL 0", kTtl},
    {"LOCK.ACQUIRE a b TTL 9", kTtl},
    {"LOCK.ACQUIRE a b TTL 315360000001", kTtl},
    {"LOCK.ACQUIRE a b TTL 9223372036854775807", kTtl},
    {"LOCK.ACQUIRE a b TTL 1000 WAIT -1", kWait},
    {"LOCK.ACQUIRE a b TTL 1000 WAIT 315360000001", kWait},
    {"LOCK.ACQUIRE a b TTL 1000 WAIT x", kNumber},
    {"LOCK.ACQUIRE a b TTL 1000 WAIT", kSyntax},
    {"LOCK.ACQUIRE a b WAIT 1000", "ERR LOCK.ACQUIRE needs TTL milliseconds or SESSION id"},
    {"LOCK.ACQUIRE a b TTL 1000 SESSION 4", "ERR LOCK.ACQUIRE takes TTL or SESSION, not both"},
    {"LOCK.ACQUIRE a b SESSION x", kId},
    {"LOCK.ACQUIRE a b SESSION 0", kId},
    {"LOCK.ACQUIRE a b SESSION -4", kId},
    {"LOCK.ACQUIRE a b SESSION 9007199254740992", kId},
    {"LOCK.ACQUIRE a b SESSION 99", kGone},
    {"LOCK.ACQUIRE a b SESSION 99 WAIT 1000", kGone},
    {"LOCK.ACQUIRE held ann SESSION 4", "MISMATCH nothing was done: this owner has the lock 'held' "
     "already, for a time of its own, with token 1; release it"},
    {"LOCK.ACQUIRE held ann TTL 1000 SHARED", "MISMATCH nothing was done: this owner holds the lock "
     "'held' already, exclusively, with token 1; release it"},
    {"LOCK.ACQUIRE a b TTL 1000 SHARED x", kSyntax},
    {"LOCK.ACQUIRE a b TTL 1000 FOO bar", kSyntax},
    {"LOCK.ACQUIRE a b TTL 1000 LIMIT 3", kSyntax},
    {"LOCK.ACQUIRE a b TTL 1000 HOLD", kSyntax},
    {"LOCK.ACQUIRE a b TTL 1000 HOLD \"\"", "ERR a hold's name must not be empty"},
    {"LOCK.ACQUIRE a b TTL 1000 HOLD @1K", "LIMIT a lock's hold has at most 1024 bytes (lock-hold-bytes)"},
    {"LOCK.ACQUIRE a b TTL 1000 DELAY -1", "ERR DELAY must be from 0 to 3600000 milliseconds"},
    {"LOCK.ACQUIRE a b TTL 1000 DELAY 3600001", "ERR DELAY must be from 0 to 3600000 milliseconds"},
    {"LOCK.ACQUIRE a b TTL 1000 DELAY x", kNumber},
    {"LOCK.ACQUIRE a b TTL 1000 VALUE @1K", "LIMIT a lock's value has at most 1024 bytes (lock-value-bytes)"},
    {"LOCK.ACQUIRE \"\" b TTL 1000", "ERR a lock's name must not be empty"},
    {"LOCK.ACQUIRE @64K b TTL 1000", "LIMIT a lock's name has at most 65536 bytes (lock-name-bytes)"},
    {"LOCK.ACQUIRE a \"\" TTL 1000", "ERR a lock's owner must not be empty"},
    {"LOCK.ACQUIRE a @1K TTL 1000", "LIMIT a lock's owner has at most 1024 bytes (lock-owner-bytes)"},
    {"LOCK.RENEW held 1 TTL", "ERR wrong number of arguments for 'lock.renew' command"},
    {"LOCK.RENEW held 1 FOR 1000", kSyntax},
    {"LOCK.RENEW held 1 TTL 9", kTtl},
    {"LOCK.RENEW held 1 TTL 315360000001", kTtl},
    {"LOCK.RENEW held 1 TTL x", kNumber},
    {"LOCK.RENEW held x TTL 1000", kToken},
    {"LOCK.RENEW held -1 TTL 1000", kToken},
    {"LOCK.RENEW held 9007199254740992 TTL 1000", kToken},
    {"LOCK.RENEW held 2 TTL 1000", "LOST token 2 does not hold the lock 'held' (any more)"},
    {"LOCK.RENEW a 1 TTL 1000", "LOST token 1 does not hold the lock 'a' (any more)"},
    {"LOCK.RELEASE held", "ERR wrong number of arguments for 'lock.release' command"},
    {"LOCK.RELEASE held x", kToken},
    {"LOCK.RELEASE held 99999999999999999999", kToken},
    {"LOCK.RELEASE held 0", "LOST token 0 does not hold the lock 'held' (any more)"},
    {"LOCK.RELEASE held 3", "LOST token 3 does not hold the lock 'held' (any more)"},
    {"LOCK.RELEASE held 1 HOLD", kSyntax},
    {"LOCK.RELEASE held 1 HOLD h x", kSyntax},
    {"LOCK.RELEASE held 1 HOLD \"\"", "ERR a hold's name must not be empty"},
    {"LOCK.RELEASE held 1 SHARED", kSyntax},
    {"LOCK.CHECK held", "ERR wrong number of arguments for 'lock.check' command"},
    {"LOCK.CHECK held -1", kToken},
    {"LOCK.CHECK held x", kToken},
    {"LOCK.INFO", "ERR wrong number of arguments for 'lock.info' command"},
    {"LOCK.INFO a b", "ERR wrong number of arguments for 'lock.info' command"},
    {"LOCK.FORCE", "ERR wrong number of arguments for 'lock.force' command"},
    {"LOCK.FORCE \"\"", "ERR a lock's name must not be empty"},
    {"LOCK.FORCE @64K", "LIMIT a lock's name has at most 65536 bytes (lock-name-bytes)"},
    {"LOCK.LIST MATCH", kSyntax},
    {"LOCK.LIST CURSOR x", "ERR invalid cursor"},
    {"LOCK.LIST COUNT 0", kCount},
    {"LOCK.LIST COUNT 10001", kCount},
    // ---- semaphores
    {"SEM.ACQUIRE a b LIMIT 3", "ERR wrong number of arguments for 'sem.acquire' command"},
    {"SEM.ACQUIRE a b PERMITS 1 TTL 1000", "ERR SEM.ACQUIRE needs LIMIT n"},
    {"SEM.ACQUIRE a b LIMIT 0 TTL 1000", "ERR LIMIT must be from 1 to 1000000000"},
    {"SEM.ACQUIRE a b LIMIT -1 TTL 1000", "ERR LIMIT must be from 1 to 1000000000"},
    {"SEM.ACQUIRE a b LIMIT 1000000001 TTL 1000", "ERR LIMIT must be from 1 to 1000000000"},
    {"SEM.ACQUIRE a b LIMIT 99999999999999999999 TTL 1000", kNumber},
    {"SEM.ACQUIRE a b LIMIT 3 PERMITS 4 TTL 1000", "ERR PERMITS must be from 1 to the LIMIT, 3"},
    {"SEM.ACQUIRE a b LIMIT 3 PERMITS 0 TTL 1000", "ERR PERMITS must be from 1 to 1000000000"},
    {"SEM.ACQUIRE a b LIMIT 3 PERMITS x TTL 1000", kNumber},
    {"SEM.ACQUIRE a b LIMIT 3 PERMITS 1", "ERR SEM.ACQUIRE needs TTL milliseconds or SESSION id"},
    {"SEM.ACQUIRE a b LIMIT 3 TTL 9", kTtl},
    {"SEM.ACQUIRE a b LIMIT 3 TTL 315360000001", kTtl},
    {"SEM.ACQUIRE a b LIMIT 3 TTL 1000 WAIT -1", kWait},
    {"SEM.ACQUIRE a b LIMIT 3 TTL 1000 SHARED", kSyntax},
    {"SEM.ACQUIRE a b LIMIT 3 TTL 1000 VALUE v", kSyntax},
    {"SEM.ACQUIRE a b LIMIT 3 SESSION x", kId},
    {"SEM.ACQUIRE a b LIMIT 3 SESSION 99", kGone},
    {"SEM.ACQUIRE pool b LIMIT 4 TTL 1000", "MISMATCH nothing was done: the semaphore 'pool' has the "
     "limit 3, not 4; SEM.LIMIT changes it"},
    {"SEM.ACQUIRE pool ann LIMIT 3 TTL 1000", "MISMATCH nothing was done: this owner has 2 permits of "
     "the semaphore 'pool' already, with token 2; release them to have 1"},
    {"SEM.ACQUIRE pool ann LIMIT 3 PERMITS 2 SESSION 4", "MISMATCH nothing was done: this owner has the "
     "semaphore 'pool' already, for a time of its own, with token 2; release it"},
    {"SEM.ACQUIRE \"\" b LIMIT 3 TTL 1000", "ERR a semaphore's name must not be empty"},
    {"SEM.ACQUIRE @64K b LIMIT 3 TTL 1000", "LIMIT a semaphore's name has at most 65536 bytes"},
    {"SEM.ACQUIRE a \"\" LIMIT 3 TTL 1000", "ERR a semaphore's owner must not be empty"},
    {"SEM.ACQUIRE a @1K LIMIT 3 TTL 1000", "LIMIT a semaphore's owner has at most 1024 bytes"},
    {"SEM.RENEW pool 2 TTL 9", kTtl},
    {"SEM.RENEW pool x TTL 1000", kToken},
    {"SEM.RENEW pool 2 FOR 1000", kSyntax},
    {"SEM.RENEW pool 1 TTL 1000", "LOST token 1 does not hold the semaphore 'pool' (any more)"},
    {"SEM.RELEASE pool", "ERR wrong number of arguments for 'sem.release' command"},
    {"SEM.RELEASE pool -1", kToken},
    {"SEM.RELEASE pool 3", "LOST token 3 does not hold the semaphore 'pool' (any more)"},
    {"SEM.RELEASE pool 2 HOLD h", "ERR wrong number of arguments for 'sem.release' command"},
    {"SEM.LIMIT pool", "ERR wrong number of arguments for 'sem.limit' command"},
    {"SEM.LIMIT pool 0", "ERR LIMIT must be from 1 to 1000000000"},
    {"SEM.LIMIT pool -3", "ERR LIMIT must be from 1 to 1000000000"},
    {"SEM.LIMIT pool x", kNumber},
    {"SEM.LIMIT a 3", "ERR there is no semaphore 'a': its limit is fixed by the first SEM.ACQUIRE"},
    {"SEM.FORCE \"\"", "ERR a semaphore's name must not be empty"},
    {"SEM.FORCE @64K", "LIMIT a semaphore's name has at most 65536 bytes"},
    {"SEM.INFO", "ERR wrong number of arguments for 'sem.info' command"},
    {"SEM.LIST CURSOR -1", "ERR invalid cursor"},
    {"SEM.LIST COUNT x", kNumber},
    // ---- elections
    {"ELECT.CAMPAIGN a b", "ERR wrong number of arguments for 'elect.campaign' command"},
    {"ELECT.CAMPAIGN a b WAIT 1000", "ERR ELECT.CAMPAIGN needs TTL milliseconds or SESSION id"},
    {"ELECT.CAMPAIGN a b TTL 9", kTtl},
    {"ELECT.CAMPAIGN a b TTL 315360000001", kTtl},
    {"ELECT.CAMPAIGN a b TTL x", kNumber},
    {"ELECT.CAMPAIGN a b TTL 1000 WAIT -1", kWait},
    {"ELECT.CAMPAIGN a b TTL 1000 SHARED", kSyntax},
    {"ELECT.CAMPAIGN a b TTL 1000 LIMIT 3", kSyntax},
    {"ELECT.CAMPAIGN a b SESSION 0", kId},
    {"ELECT.CAMPAIGN a b SESSION 99", kGone},
    {"ELECT.CAMPAIGN boss ann SESSION 4", "MISMATCH nothing was done: this candidate has the election "
     "'boss' already, for a time of its own, with token 3; resign it"},
    {"ELECT.CAMPAIGN \"\" b TTL 1000", "ERR an election's name must not be empty"},
    {"ELECT.CAMPAIGN @64K b TTL 1000", "LIMIT an election's name has at most 65536 bytes"},
    {"ELECT.CAMPAIGN a \"\" TTL 1000", "ERR an election's candidate must not be empty"},
    {"ELECT.RENEW boss 3 TTL 9", kTtl},
    {"ELECT.RENEW boss x TTL 1000", kToken},
    {"ELECT.RENEW boss 1 TTL 1000", "LOST token 1 does not hold the election 'boss' (any more)"},
    {"ELECT.RESIGN boss", "ERR wrong number of arguments for 'elect.resign' command"},
    {"ELECT.RESIGN boss x", kToken},
    {"ELECT.RESIGN boss 2", "LOST token 2 does not hold the election 'boss' (any more)"},
    {"ELECT.FORCE \"\"", "ERR an election's name must not be empty"},
    {"ELECT.LEADER", "ERR wrong number of arguments for 'elect.leader' command"},
    {"ELECT.INFO", "ERR wrong number of arguments for 'elect.info' command"},
    {"ELECT.LIST x y", kSyntax},
    {"ELECT.OBSERVE", "ERR wrong number of arguments for 'elect.observe' command"},
    {"ELECT.UNOBSERVE", "ERR wrong number of arguments for 'elect.unobserve' command"},
    // ---- sessions
    {"SESSION.OPEN", "ERR wrong number of arguments for 'session.open' command"},
    {"SESSION.OPEN TTL 99", "ERR TTL of a session must be from 100 to 315360000000 milliseconds"},
    {"SESSION.OPEN TTL -5", "ERR TTL of a session must be from 100 to 315360000000 milliseconds"},
    {"SESSION.OPEN TTL 315360000001", "ERR TTL of a session must be from 100 to"},
    {"SESSION.OPEN TTL 99999999999999999999", kNumber},
    {"SESSION.OPEN TTL x", kNumber},
    {"SESSION.OPEN NAME x", "ERR SESSION.OPEN needs TTL milliseconds"},
    {"SESSION.OPEN TTL 1000 NAME", kSyntax},
    {"SESSION.OPEN TTL 1000 COLOUR red", kSyntax},
    {"SESSION.OPEN TTL 1000 NAME @1K", "LIMIT a session's name has at most 1024 bytes (session-name-bytes)"},
    {"SESSION.KEEP", "ERR wrong number of arguments for 'session.keep' command"},
    {"SESSION.KEEP x", kId},
    {"SESSION.KEEP 0", kId},
    {"SESSION.KEEP 9007199254740992", kId},
    {"SESSION.KEEP 99", kGone},
    {"SESSION.CLOSE -1", kId},
    {"SESSION.CLOSE 4 5", "ERR wrong number of arguments for 'session.close' command"},
    {"SESSION.INFO 1.5", kId},
    {"SESSION.BIND 4", "ERR wrong number of arguments for 'session.bind' command"},
    {"SESSION.BIND x key", kId},
    {"SESSION.BIND 99 key", kGone},
    {"SESSION.BIND 4 key bound", "ERR nothing was done: the key 'bound' is bound to session 5 already"},
    {"SESSION.BIND 4 key nowhere", "ERR nothing was done: there is no key 'nowhere' to be bound"},
    {"SESSION.LIST CURSOR x", "ERR invalid cursor"},
    {"SESSION.LIST COUNT 0", kNumber},
    {"SESSION.LIST COUNT 10001", "LIMIT COUNT is at most 10000 (session-list-count)"},
    {"SESSION.LIST MATCH", kSyntax},
    {"SESSION.ATTACH", "ERR wrong number of arguments for 'session.attach' command"},
    {"SESSION.DETACH 4 5", "ERR wrong number of arguments for 'session.detach' command"},
    // ---- latches
    {"LATCH.SET start", "ERR wrong number of arguments for 'latch.set' command"},
    {"LATCH.SET start 0", "ERR count must be from 1 to 9007199254740991"},
    {"LATCH.SET start -1", "ERR count must be from 1 to 9007199254740991"},
    {"LATCH.SET start 9007199254740992", "ERR count must be from 1 to 9007199254740991"},
    {"LATCH.SET start 99999999999999999999", kNumber},
    {"LATCH.SET start many", kNumber},
    {"LATCH.SET \"\" 1", "ERR a latch's name must not be empty"},
    {"LATCH.SET @64K 1", "LIMIT a latch's name has at most 65536 bytes"},
    {"LATCH.DOWN start 0", "ERR count must be from 1 to 9007199254740991"},
    {"LATCH.DOWN start -1", "ERR count must be from 1 to 9007199254740991"},
    {"LATCH.DOWN start 1 2", kSyntax},
    {"LATCH.DOWN start OWNER", kSyntax},
    {"LATCH.DOWN start OWNER \"\"", "ERR a latch's owner must not be empty"},
    {"LATCH.DOWN start OWNER @1K", "LIMIT a latch's owner has at most 1024 bytes"},
    {"LATCH.DOWN nothing", "ERR there is no latch 'nothing'"},
    {"LATCH.WAIT start 5", "ERR wrong number of arguments for 'latch.wait' command"},
    {"LATCH.WAIT start WAIT -1", kWait},
    {"LATCH.WAIT start WAIT soon", kNumber},
    {"LATCH.WAIT start FOR 5", kSyntax},
    {"LATCH.WAIT nothing WAIT 5", "ERR there is no latch 'nothing'"},
    {"LATCH.DROP", "ERR wrong number of arguments for 'latch.drop' command"},
    {"LATCH.INFO", "ERR wrong number of arguments for 'latch.info' command"},
    {"LATCH.LIST COUNT 10001", kCount},
    {"LATCH.LIST SOON 1", kSyntax},
    // ---- limits
    {"CL.THROTTLE x 2 60", "ERR wrong number of arguments for 'cl.throttle' command"},
    {"CL.THROTTLE x 2 60 60 1 1", "ERR wrong number of arguments for 'cl.throttle' command"},
    {"CL.THROTTLE x a 60 60", kNumber},
    {"CL.THROTTLE x -1 60 60", "ERR max_burst must be from 0 to 9007199254740991"},
    {"CL.THROTTLE x 2 0 60", "ERR count must be from 1 to 9007199254740991"},
    {"CL.THROTTLE x 2 60 0", "ERR period must be from 1 to 9007199254740991"},
    {"CL.THROTTLE x 2 60 60 -1", "ERR quantity must be from 0 to 9007199254740991"},
    {"CL.THROTTLE x 99999999999999999999 60 60", kNumber},
    {"CL.THROTTLE x 9007199254740991 1 9007199254740991", "LIMIT nothing was done: a limit must be full"},
    {"CL.THROTTLE key 2 60 60", "WRONGTYPE"},
    // ---- caches
    {"CACHE.GET page", "ERR wrong number of arguments for 'cache.get' command"},
    {"CACHE.GET page WAIT 5", kSyntax},
    {"CACHE.GET page LEASE 9", "ERR LEASE must be from 10 to 315360000000 milliseconds"},
    {"CACHE.GET page LEASE 315360000001", "ERR LEASE must be from 10 to 315360000000 milliseconds"},
    {"CACHE.GET page LEASE 9223372036854775808", kNumber},
    {"CACHE.GET page LEASE ten", kNumber},
    {"CACHE.GET page LEASE 10 WAIT -1", kWait},
    {"CACHE.GET page LEASE 10 STALE 0", "ERR STALE must be from 1 to 315360000000 milliseconds"},
    {"CACHE.GET page LEASE 10 FRESH 5", kSyntax},
    {"CACHE.FILL page 1 v PX", "ERR wrong number of arguments for 'cache.fill' command"},
    {"CACHE.FILL page 0 v PX 1000", "ERR lease is not an integer or out of range"},
    {"CACHE.FILL page -1 v PX 1000", "ERR lease is not an integer or out of range"},
    {"CACHE.FILL page x v PX 1000", "ERR lease is not an integer or out of range"},
    {"CACHE.FILL page 1 v EX 1000", kSyntax},
    {"CACHE.FILL page 1 v PX 0", "ERR invalid expire time in 'cache.fill' command"},
    {"CACHE.FILL page 1 v PX -5", "ERR invalid expire time in 'cache.fill' command"},
    {"CACHE.FILL page 1 v PX 9223372036854775807", "ERR invalid expire time in 'cache.fill' command"},
    {"CACHE.FILL page 1 v PX x", kNumber},
    {"CACHE.FILL page 1 v PX 1000 STALE 0", "ERR STALE must be from 1 to 315360000000 milliseconds"},
    {"CACHE.FILL page 1 v PX 1000 KEEP 5", kSyntax},
    {"CACHE.INVALIDATE", "ERR wrong number of arguments for 'cache.invalidate' command"},
    {"CACHE.INFO a b", "ERR wrong number of arguments for 'cache.info' command"},
    // ---- feeds
    {"FEED.DECLARE a:", "ERR wrong number of arguments for 'feed.declare' command"},
    {"FEED.DECLARE a: RETAIN ENTRIES 0", "ERR RETAIN ENTRIES must be from 1 to 1000000"},
    {"FEED.DECLARE a: RETAIN ENTRIES -1", "ERR RETAIN ENTRIES must be from 1 to 1000000"},
    {"FEED.DECLARE a: RETAIN ENTRIES 1000001", "ERR RETAIN ENTRIES must be from 1 to 1000000"},
    {"FEED.DECLARE a: RETAIN BYTES 1023", "ERR RETAIN BYTES must be from 1024 to 268435456"},
    {"FEED.DECLARE a: RETAIN BYTES 268435457", "ERR RETAIN BYTES must be from 1024 to 268435456"},
    {"FEED.DECLARE a: RETAIN DAYS 3", kSyntax},
    {"FEED.DECLARE a: KEEP ENTRIES 3", kSyntax},
    {"FEED.DECLARE a: RETAIN ENTRIES many", kNumber},
    {"FEED.DROP", "ERR wrong number of arguments for 'feed.drop' command"},
    {"FEED.INFO", "ERR wrong number of arguments for 'feed.info' command"},
    {"FEED.LIST x", "ERR wrong number of arguments for 'feed.list' command"},
    {"FEED.READ 1 MATCH user:", "ERR not a position"},
    {"FEED.READ rx MATCH user:", "ERR not a position"},
    {"FEED.READ rfffff MATCH user:", "ERR the position is later than anything that has happened"},
    {"FEED.READ 0 MATCH other:", "ERR no feed tells of all keys that begin with 'other:'"},
    {"FEED.READ 0 MATCH user: COUNT 0", kCount},
    {"FEED.READ 0 MATCH user: BLOCK -1", "ERR BLOCK must be from 0 to 315360000000"},
    {"FEED.READ 0 MATCH user: BLOCK soon", kNumber},
    {"FEED.READ 0 MATCH", kSyntax},
    {"FEED.READ 0 SINCE 1", kSyntax},
    // ---- what wraps others
    {"GUARD held 1", "ERR wrong number of arguments for 'guard' command"},
    {"GUARD held x SET key v", kToken},
    {"GUARD held 0 SET key v", kToken},
    {"GUARD held 9007199254740992 SET key v", kToken},
    {"GUARD held 2 SET key v", "FENCED nothing was done: token 2 does not hold the lock 'held'"},
    {"GUARD free 1 SET key v", "FENCED nothing was done: token 1 does not hold the lock 'free'"},
    {"GUARD held 1 SET key", "ERR wrong number of arguments for 'set' command"},
    {"GUARD held 1 NOSUCH key", "ERR unknown command 'NOSUCH'"},
    {"GUARD held 1 GET key", kWraps},
    {"GUARD held 1 FLUSHALL", kWraps},
    {"HF.GUARD held 2 SET key v", "FENCED nothing was done: token 2 does not hold the lock 'held'"},
    {"ONCE", "ERR wrong number of arguments for 'once' command"},
    {"ONCE \"\" INCR n", "ERR a request id must not be empty"},
    {"ONCE id ONCE other INCR n", "ERR ONCE does not go inside ONCE"},
    {"ONCE id GET key", kWraps},
    {"ONCE id LATCH.WAIT start WAIT 5", kWraps},
    {"ONCE id SESSION.KEEP 4", kWraps},
    {"ONCE id SET key", "ERR wrong number of arguments for 'set' command"},
    {"HF.ONCE \"\" INCR n", "ERR a request id must not be empty"},
    {"IFREV key 1", "ERR wrong number of arguments for 'ifrev' command"},
    {"IFREV key -1 SET key v", "ERR revision is not an integer or out of range"},
    {"IFREV key x SET key v", "ERR revision is not an integer or out of range"},
    {"IFREV key 9007199254740992 SET key v", "ERR revision is not an integer or out of range"},
    {"IFREV key 1 SET key v", "CHANGED nothing was done: the key 'key' is at revision 6, not at 1"},
    {"IFREV key 6 GET key", kWraps},
    {"REV", "ERR wrong number of arguments for 'rev' command"},
    {"HF.REV key other", "ERR wrong number of arguments for 'hf.rev' command"},
};

class JustKept final : public KeepAlive {
 public:
  std::optional<std::int64_t> keep(std::uint64_t, std::int64_t ttl_ms) override { return ttl_ms; }
  std::int64_t remaining(std::uint64_t, std::int64_t ttl_ms) const override { return ttl_ms; }
};

class BadInput : public ::testing::Test {
 protected:
  // The reply's bytes.
  std::string run(std::string_view line) {
    const std::vector<std::string> words = words_of(line);
    const std::vector<std::string_view> args(words.begin(), words.end());
    if (const auto refused = refuse_words(args)) return "-" + *refused + "\r\n";
    const CommandSpec& spec = *find_command(args);
    std::string bytes;
    resp::ReplyWriter reply(bytes, resp::Version::resp2);
    if (needs_log(spec, args)) {
      WriteContext context{.keyspace = keyspace_,
                           .now = now_,
                           .reply = reply,
                           .origin = Origin{NodeId(1), Incarnation(1), ConnectionId(++connection_), 1},
                           .index = Index(connection_),
                           .semantics = UINT16_MAX,
                           .random = 0,
                           .resp3 = false};
      run_in_entry(spec, context, args);
      if (context.blocked) return "it waits";
    } else if (!spec.is(kConnection)) {
      ReadContext context{.keyspace = keyspace_,
                          .now = now_,
                          .reply = reply,
                          .random = 0,
                          .keep_alive = &kept_};
      run_read(spec, context, args);
    }
    return bytes;
  }

  keyspace::Keyspace keyspace_{1};

 private:
  static std::vector<std::string> words_of(std::string_view line) {
    std::vector<std::string> words;
    while (!line.empty()) {
      const std::size_t space = std::min(line.find(' '), line.size());
      std::string word(line.substr(0, space));
      if (word == "\"\"") word.clear();
      if (word == "@64K") word = std::string(64 * 1024 + 1, 'n');
      if (word == "@1K") word = std::string(1024 + 1, 'o');
      words.push_back(std::move(word));
      line.remove_prefix(std::min(space + 1, line.size()));
    }
    return words;
  }

  Stamp now_{.cluster = {1'000'000}, .wall = {1'700'000'000'000}};
  std::uint64_t connection_ = 0;
  JustKept kept_;
};

TEST_F(BadInput, IsRefusedByNameAndChangesNothing) {
  for (const std::string_view line : kThere) {
    const std::string reply = run(line);
    ASSERT_FALSE(reply.empty() || reply[0] == '-') << line << ": " << reply;
  }
  const std::uint64_t before = keyspace_.digest();
  for (const Row& row : kRows) {
    const std::string reply = run(row.words);
    EXPECT_TRUE(reply.starts_with("-" + std::string(row.error))) << row.words << "\n  " << reply;
    ASSERT_EQ(keyspace_.digest(), before) << row.words << " has changed something";
  }
}

TEST_F(BadInput, EveryCommandOfCoordinationHasARow) {
  std::set<std::string> seen;
  for (const Row& row : kRows) {
    std::string name(row.words.substr(0, row.words.find(' ')));
    for (char& c : name) c = c >= 'A' && c <= 'Z' ? static_cast<char>(c - 'A' + 'a') : c;
    EXPECT_NE(find_by_name(name), nullptr) << row.words;
    seen.insert(std::move(name));
  }
  std::size_t coordination = 0;
  for (const CommandSpec& spec : all_commands()) {
    const bool ours = spec.since.starts_with("holdfast") && !spec.is(kInternal);
    // What operators say to nodes is in server/ and cli/.
    if (!ours || spec.group == "server" || spec.group == "cluster" || spec.group == "connection") continue;
    ++coordination;
    EXPECT_TRUE(seen.contains(std::string(spec.name)))
        << spec.name << " (" << spec.group << ") has no row of bad input";
  }
  EXPECT_GE(coordination, 45u);
}

TEST_F(BadInput, OneWaiterTooManyIsRefusedAndChangesNothing) {
  constexpr std::size_t kMost = keyspace::HoldingTable::kMaxWaiters;
  run("LOCK.ACQUIRE crowd ann TTL 60000");
  for (std::size_t i = 0; i < kMost; ++i) {
    run("LOCK.ACQUIRE crowd w" + std::to_string(i) + " TTL 60000 WAIT 60000");
  }
  EXPECT_EQ(keyspace_.locks().waiting(), kMost);
  const std::uint64_t before = keyspace_.digest();
  EXPECT_EQ(run("LOCK.ACQUIRE crowd late TTL 60000 WAIT 60000"),
            "-LIMIT the lock 'crowd' has 100000 waiters already (lock-waiters)\r\n");
  EXPECT_EQ(run("LOCK.ACQUIRE crowd late TTL 60000"), "*-1\r\n");
  EXPECT_EQ(keyspace_.digest(), before);
}

}  // namespace
}  // namespace holdfast::commands
