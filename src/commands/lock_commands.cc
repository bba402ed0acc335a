#include "commands/lock_commands.h"

#include "commands/arguments.h"
#include "commands/cache_commands.h"
#include "commands/errors.h"
#include "commands/holding_words.h"
#include "commands/levels.h"
#include "commands/rows.h"
#include "keyspace/cache.h"
#include "keyspace/latch.h"

namespace holdfast::commands {
namespace {

using keyspace::GrantMode;
using keyspace::HoldingKind;
using keyspace::HoldingTable;

constexpr HoldingKind kLock = HoldingKind::lock;

// LOCK.ACQUIRE name owner TTL ms | SESSION id [WAIT ms] [SHARED] [HOLD h] [DELAY ms] [VALUE v]; in any order.
void lock_acquire(WriteContext& context, Args args) {
  answer_acquired(kLock, context, args, acquire_holding(kLock, context, args, {}));
}

std::int64_t lock_wait_ms(Args args) { return wait_of(kLock, args); }

void lock_renew(WriteContext& context, Args args) { renew_holding(kLock, context, args); }

// What stands behind the token below that level.
void refuse_more(WriteContext& context, std::string_view word) {
  const bool later = is_word(word, "session") || is_word(word, "shared") || is_word(word, "hold") ||
                     is_word(word, "delay");
  context.reply.error(later ? *refuse_later("LOCK.RELEASE", word) : std::string(kSyntaxError));
}

// LOCK.RELEASE name token [HOLD h]
void lock_release(WriteContext& context, Args args) {
  if (args.size() == 3) return release_holding(kLock, context, args);
  const bool hold = is_word(args[3], "hold");
  if (context.semantics < Levels::kCoordination) return refuse_more(context, args[3]);
  if (!hold || args.size() != 5) return context.reply.error(kSyntaxError);
  if (args[4].empty()) return context.reply.error("ERR a hold's name must not be empty");
  release_holding(kLock, context, args, args[4]);
}

void lock_force(WriteContext& context, Args args) { force_holding(kLock, context, args); }

// LOCK.CHECK name token
void lock_check(ReadContext& context, Args args) {
  const auto token = parse_token(args[2]);
  if (!token) return context.reply.error(kBadToken);
  const HoldingTable& locks = context.keyspace.locks();
  const keyspace::Key name = key_of(args[1]);
  // Only the log may end a hold: a later entry could otherwise still see it.
  if (!context.inside_entry && locks.due(name, context.now.cluster)) context.escalate = true;
  context.reply.integer(locks.holds(name, *token, context.now.cluster) ? 1 : 0);
}

void answer_holders(ReadContext& context, const keyspace::HoldingInfo& known) {
  resp::ReplyWriter& reply = context.reply;
  reply.field("holders");
  reply.array(known.holders.size());
  for (const keyspace::HolderInfo& holder : known.holders) {
    reply.record(7);
    answer_text(reply, "owner", holder.owner);
    answer_number(reply, "token", holder.grant.token);
    reply.field("ttl");
    reply.integer(ttl_of(holder.grant, context.now.cluster));
    reply.field("since");
    reply.integer(holder.since.ms);
    answer_text(reply, "value", holder.value);
    reply.field("holds");
    reply.array(holder.holds.size());
    for (const std::string& name : holder.holds) reply.bulk(name);
    answer_number(reply, "session", holder.session);
  }
}

// LOCK.INFO name
void lock_info(ReadContext& context, Args args) {
  const auto known = look_at(kLock, context, args[1]);
  if (!known) return;
  resp::ReplyWriter& reply = context.reply;
  reply.record(13);
  answer_number(reply, "held", known->held ? 1 : 0);
  answer_text(reply, "owner", known->owner);
  answer_number(reply, "token", known->grant.token);
  answer_number(reply, "fence", known->grant.fence);
  reply.field("ttl");
  reply.integer(known->held ? ttl_of(known->grant, context.now.cluster) : 0);
  reply.field("since");
  reply.integer(known->since.ms);
  answer_text(reply, "value", known->value);
  answer_number(reply, "last_token", known->last_token);
  answer_waiters(context, kLock, *known);
  const std::string_view held = known->grant.mode == GrantMode::shared ? "shared" : "exclusive";
  answer_text(reply, "mode", known->held ? held : "free");
  answer_holders(context, *known);
  reply.field("delay");
  reply.integer(known->delay_ms);
  answer_losses(context, *known);
}

void lock_list(ReadContext& context, Args args) { list_holdings(kLock, context, args); }

// ---- what nodes say

// _LOCK.DROP name node incarnation connection request
void lock_drop(WriteContext& context, Args args) {
  const auto origin = read_origin(context, args);
  if (!origin) return;
  const keyspace::Key name = key_of(args[1]);
  // What it waits for is told by the origin alone.
  const bool dropped =
      context.keyspace.locks().drop_waiter(name, *origin, context.now.cluster) ||
      context.keyspace.latches().drop_waiter(name, *origin) ||
      context.keyspace.caches().drop_waiter(name, *origin);
  context.reply.integer(dropped ? 1 : 0);
}

// _NODE.GONE node incarnation since_ms
void drop_node(WriteContext& context, Args args) {
  std::uint64_t numbers[3];
  for (std::size_t i = 0; i < 3; ++i) {
    const auto number = parse_unsigned(args[1 + i]);
    if (!number) return context.reply.error(kNotInteger);
    numbers[i] = *number;
  }
  const ClusterTime since{static_cast<std::int64_t>(numbers[2])};
  std::size_t dropped = 0;
  for (const HoldingKind kind :
       {HoldingKind::lock, HoldingKind::semaphore, HoldingKind::election}) {
    dropped += table_of(context.keyspace, kind)
                   .drop_node(NodeId(numbers[0]), Incarnation(numbers[1]), since,
                              context.now.cluster);
  }
  dropped += context.keyspace.latches().drop_node(NodeId(numbers[0]), Incarnation(numbers[1]));
  dropped += context.keyspace.caches().drop_node(NodeId(numbers[0]), Incarnation(numbers[1]));
  context.reply.integer(static_cast<std::int64_t>(dropped));
}

// _SETTING name value
void set_setting(WriteContext& context, Args args) {
  context.keyspace.set_setting(args[1], std::string(args[2]));
  context.reply.ok();
}

constexpr CommandSpec kLockRows[] = {
    {"_lock.drop", 6, kWrite | kInternal, 1, 1, 1, nullptr, lock_drop, nullptr, "lock", kSince,
     "@write", "Take a waiter that is gone out of its queue.", "O(1)", "RW", ""},
    {"_node.gone", 4, kWrite | kInternal, 0, 0, 0, nullptr, drop_node, nullptr, "lock", kSince,
     "@write", "Take all waiters of a node that is gone out of their queues.",
     "O(N) for N locks and waiters", "", ""},
    {"_setting", 3, kWrite | kInternal, 0, 0, 0, nullptr, set_setting, nullptr, "server", kSince,
     "@write", "Set a replicated setting.", "O(log N) for N settings", "", ""},
    {"lock.acquire", -5, kWrite | kDenyOom | kFast | kBlocking, 1, 1, 1, nullptr, lock_acquire,
     nullptr, "lock", kSince, "@write @fast @blocking",
     "Take a lock for a time, or wait for it; returns token, ttl, fence and mode.", "O(1)",
     kUpdates, "", 0, lock_wait_ms},
    {"lock.check", 3, kRead | kFast, 1, 1, 1, lock_check, nullptr, nullptr, "lock", kSince,
     "@read @fast", "Whether a token holds a lock.", "O(1)", "RO access", ""},
    {"lock.force", 2, kWrite | kAdmin, 1, 1, 1, nullptr, lock_force, nullptr, "lock", kSince,
     "@admin @write @slow", "Take a lock away from whoever holds it; returns how many those were.",
     "O(N) for N holders", kUpdates, "", Levels::kCoordination},
    {"lock.info", 2, kRead, 1, 1, 1, lock_info, nullptr, nullptr, "lock", kSince, "@read @slow",
     "Who holds a lock, until when, and who waits.", "O(N) for N holders and waiters", "RO access",
     ""},
    {"lock.list", -1, kRead, 0, 0, 0, lock_list, nullptr, nullptr, "lock", kSince, "@read @slow",
     "The locks there are, some at a time.", "O(1) for every call", "", ""},
    {"lock.release", -3, kWrite | kFast, 1, 1, 1, nullptr, lock_release, nullptr, "lock", kSince,
     "@write @fast", "Give a lock back; the first waiter gets it.", "O(1)", kUpdates, ""},
    {"lock.renew", 5, kWrite | kFast, 1, 1, 1, nullptr, lock_renew, nullptr, "lock", kSince,
     "@write @fast", "Hold a lock for longer.", "O(log N) for N deadlines", kUpdates, ""},
};

}  // namespace

std::span<const CommandSpec> lock_rows() { return kLockRows; }

std::string answer_event(const keyspace::WaiterEvent& event, ClusterTime now) {
  std::string out;
  resp::ReplyWriter reply(out, event.resp3 ? resp::Version::resp3 : resp::Version::resp2);
  if (event.kind == keyspace::WaitKind::latch) {
    reply.integer(event.granted ? 1 : 0);
  } else if (event.kind == keyspace::WaitKind::cache) {
    answer_cache_wait(event, reply);
  } else if (event.granted) {
    answer_grant(reply, event.holding, event.grant, ttl_of(event.grant, now), event.owner);
  } else {
    reply.null_array();
  }
  return out;
}

}  // namespace holdfast::commands
