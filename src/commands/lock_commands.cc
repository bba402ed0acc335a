#include "commands/lock_commands.h"

#include <fmt/format.h>

#include <algorithm>
#include <optional>

#include "commands/arguments.h"
#include "commands/errors.h"
#include "keyspace/latch.h"

namespace holdfast::commands {
namespace {

using keyspace::AcquireOutcome;
using keyspace::LockTable;

constexpr std::size_t kNameBytes = 64 * 1024;
constexpr std::size_t kOwnerBytes = 1024;
constexpr std::size_t kValueBytes = 1024;
constexpr std::int64_t kShortestTtlMs = 10;
constexpr std::int64_t kTenYearsMs = std::int64_t{3650} * 24 * 60 * 60 * 1000;
constexpr std::uint64_t kTokenLimit = std::uint64_t{1} << 53;

constexpr std::string_view kBadToken = "ERR token is not an integer or out of range";

// Words that the grammar has and this version does not do yet. Refused rather than ignored: a lock
// that is weaker than it was asked to be would be worse than none.
constexpr std::string_view kLater[] = {"session", "shared", "hold", "delay"};

std::optional<std::string> refuse_later(std::string_view command, std::string_view word) {
  for (const std::string_view later : kLater) {
    if (!is_word(word, later)) continue;
    std::string upper(later);
    for (char& c : upper) c = static_cast<char>(c - 'a' + 'A');
    return fmt::format("ERR {} with {} is not supported yet", command, upper);
  }
  return std::nullopt;
}

std::optional<std::string> refuse_name(std::string_view name) {
  if (name.empty()) return "ERR a lock's name must not be empty";
  if (name.size() <= kNameBytes) return std::nullopt;
  return fmt::format("LIMIT a lock's name has at most {} bytes (lock-name-bytes)", kNameBytes);
}

// TTL, in milliseconds. An error text otherwise.
std::optional<std::string> read_ttl(std::string_view word, std::int64_t& ttl_ms) {
  const auto number = parse_integer(word);
  if (!number) return std::string(kNotInteger);
  if (*number < kShortestTtlMs || *number > kTenYearsMs) {
    return fmt::format("ERR TTL must be from {} to {} milliseconds", kShortestTtlMs, kTenYearsMs);
  }
  ttl_ms = *number;
  return std::nullopt;
}

std::optional<std::string> read_wait(std::string_view word, std::int64_t& wait_ms) {
  const auto number = parse_integer(word);
  if (!number) return std::string(kNotInteger);
  if (*number < 0 || *number > kTenYearsMs) {
    return fmt::format("ERR WAIT must be from 0 to {} milliseconds", kTenYearsMs);
  }
  wait_ms = *number;
  return std::nullopt;
}

std::optional<std::string> check_request(std::string_view name,
                                         const keyspace::AcquireRequest& request) {
  if (auto refused = refuse_name(name)) return refused;
  if (request.owner.empty()) return "ERR a lock's owner must not be empty";
  if (request.owner.size() > kOwnerBytes) {
    return fmt::format("LIMIT a lock's owner has at most {} bytes (lock-owner-bytes)", kOwnerBytes);
  }
  if (request.value.size() > kValueBytes) {
    return fmt::format("LIMIT a lock's value has at most {} bytes (lock-value-bytes)", kValueBytes);
  }
  if (request.ttl_ms == 0) return "ERR LOCK.ACQUIRE needs TTL milliseconds";
  return std::nullopt;
}

// LOCK.ACQUIRE name owner TTL ms [WAIT ms] [VALUE v]; options in any order.
std::optional<std::string> read_acquire(Args args, keyspace::AcquireRequest& request) {
  request.owner = args[2];
  for (std::size_t i = 3; i < args.size(); i += 2) {
    if (auto refused = refuse_later("LOCK.ACQUIRE", args[i])) return refused;
    if (i + 1 == args.size()) return std::string(kSyntaxError);
    const std::string_view word = args[i + 1];
    std::optional<std::string> refused;
    if (is_word(args[i], "ttl")) {
      refused = read_ttl(word, request.ttl_ms);
    } else if (is_word(args[i], "wait")) {
      refused = read_wait(word, request.wait_ms);
    } else if (is_word(args[i], "value")) {
      request.value = word;
    } else {
      refused = std::string(kSyntaxError);
    }
    if (refused) return refused;
  }
  return check_request(args[1], request);
}

std::string lost(std::string_view name, std::uint64_t token) {
  return fmt::format(
      "LOST token {} does not hold the lock {} (any more): what it guarded may have been taken by "
      "another; acquire it again",
      token, quoted(name));
}

// ---- the commands

void acquire(WriteContext& context, Args args) {
  answer_acquired(context, acquire_lock(context, args, {}));
}

// LOCK.RENEW name token TTL ms
void renew(WriteContext& context, Args args) {
  const auto token = parse_token(args[2]);
  if (!token) return context.reply.error(kBadToken);
  if (!is_word(args[3], "ttl")) return context.reply.error(kSyntaxError);
  std::int64_t ttl_ms = 0;
  if (const auto refused = read_ttl(args[4], ttl_ms)) return context.reply.error(*refused);
  const auto left =
      context.keyspace.locks().renew(key_of(args[1]), *token, ttl_ms, context.now.cluster);
  if (!left) return context.reply.error(lost(args[1], *token));
  context.reply.integer(*left);
}

// LOCK.RELEASE name token
void release(WriteContext& context, Args args) {
  if (args.size() > 3) {
    const auto refused = refuse_later("LOCK.RELEASE", args[3]);
    return context.reply.error(refused ? *refused : std::string(kSyntaxError));
  }
  const auto token = parse_token(args[2]);
  if (!token) return context.reply.error(kBadToken);
  const auto outcome =
      context.keyspace.locks().release(key_of(args[1]), *token, context.now.cluster);
  if (outcome == keyspace::ReleaseOutcome::lost) return context.reply.error(lost(args[1], *token));
  context.reply.integer(1);
}

// LOCK.CHECK name token
void check(ReadContext& context, Args args) {
  const auto token = parse_token(args[2]);
  if (!token) return context.reply.error(kBadToken);
  const LockTable& locks = context.keyspace.locks();
  const keyspace::Key name = key_of(args[1]);
  // Only the log may end a hold: a later entry could otherwise still see it.
  if (!context.inside_entry && locks.due(name, context.now.cluster)) context.escalate = true;
  context.reply.integer(locks.holds(name, *token, context.now.cluster) ? 1 : 0);
}

// LOCK.INFO name
void info(ReadContext& context, Args args) {
  const ClusterTime now = context.now.cluster;
  const auto known = context.keyspace.locks().info(key_of(args[1]), now);
  resp::ReplyWriter& reply = context.reply;
  if (!known) return reply.null_array();
  if (known->due && !context.inside_entry) context.escalate = true;
  const auto number = [&](std::string_view name, std::uint64_t value) {
    reply.field(name);
    reply.integer(static_cast<std::int64_t>(value));
  };
  reply.record(9);
  number("held", known->held ? 1 : 0);
  reply.field("owner");
  reply.bulk(known->owner);
  number("token", known->grant.token);
  number("fence", known->grant.fence);
  reply.field("ttl");
  reply.integer(known->held ? known->grant.deadline.ms - now.ms : 0);
  reply.field("since");
  reply.integer(known->since.ms);
  reply.field("value");
  reply.bulk(known->value);
  number("last_token", known->last_token);
  reply.field("waiters");
  reply.array(known->waiters.size());
  for (const keyspace::WaiterInfo& waiter : known->waiters) {
    reply.record(3);
    reply.field("owner");
    reply.bulk(waiter.owner);
    number("queued_at", waiter.queued_at);
    reply.field("ttl");
    reply.integer(waiter.deadline.ms - now.ms);
  }
}

// ---- what nodes say

// Reads the words from `first` on as numbers; answers an error if they are none.
template <std::size_t kCount>
bool read_numbers(WriteContext& context, Args args, std::size_t first,
                  std::uint64_t (&numbers)[kCount]) {
  for (std::size_t i = 0; i < kCount; ++i) {
    const auto number = parse_unsigned(args[first + i]);
    if (!number) {
      context.reply.error(kNotInteger);
      return false;
    }
    numbers[i] = *number;
  }
  return true;
}

// _LOCK.DROP name node incarnation connection request
void drop_waiter(WriteContext& context, Args args) {
  std::uint64_t numbers[4];
  if (!read_numbers(context, args, 2, numbers)) return;
  const Origin origin{NodeId(numbers[0]), Incarnation(numbers[1]), ConnectionId(numbers[2]),
                      numbers[3]};
  LockTable& locks = context.keyspace.locks();
  const keyspace::Key name = key_of(args[1]);
  // What it waits for is told by the origin alone.
  const bool dropped = locks.drop_waiter(name, origin, context.now.cluster) ||
                       context.keyspace.latches().drop_waiter(name, origin);
  context.reply.integer(dropped ? 1 : 0);
}

// _NODE.GONE node incarnation since_ms
void drop_node(WriteContext& context, Args args) {
  std::uint64_t numbers[3];
  if (!read_numbers(context, args, 1, numbers)) return;
  const ClusterTime since{static_cast<std::int64_t>(numbers[2])};
  const NodeId node(numbers[0]);
  const Incarnation up_to(numbers[1]);
  std::size_t dropped =
      context.keyspace.locks().drop_node(node, up_to, since, context.now.cluster);
  dropped += context.keyspace.latches().drop_node(node, up_to);
  context.reply.integer(static_cast<std::int64_t>(dropped));
}

// _SETTING name value
void set_setting(WriteContext& context, Args args) {
  context.keyspace.set_setting(args[1], std::string(args[2]));
  context.reply.ok();
}

constexpr std::string_view kSince = "holdfast 0.1";

constexpr CommandSpec kRows[] = {
    {"_lock.drop", 6, kWrite | kInternal, 1, 1, 1, nullptr, drop_waiter, nullptr, "lock", kSince,
     "@write", "Take a waiter that is gone out of its queue.", "O(1)", "RW", ""},
    {"_node.gone", 4, kWrite | kInternal, 0, 0, 0, nullptr, drop_node, nullptr, "lock", kSince,
     "@write", "Take all waiters of a node that is gone out of their queues.",
     "O(N) for N locks and waiters", "", ""},
    {"_setting", 3, kWrite | kInternal, 0, 0, 0, nullptr, set_setting, nullptr, "server", kSince,
     "@write", "Set a replicated setting.", "O(log N) for N settings", "", ""},
    {"lock.acquire", -5, kWrite | kDenyOom | kFast | kBlocking, 1, 1, 1, nullptr, acquire, nullptr,
     "lock", kSince, "@write @fast @blocking",
     "Take a lock for a time, or wait for it; returns token, ttl, fence and mode.", "O(1)",
     "RW access update", ""},
    {"lock.check", 3, kRead | kFast, 1, 1, 1, check, nullptr, nullptr, "lock", kSince,
     "@read @fast", "Whether a token holds a lock.", "O(1)", "RO access", ""},
    {"lock.info", 2, kRead, 1, 1, 1, info, nullptr, nullptr, "lock", kSince, "@read @slow",
     "Who holds a lock, until when, and who waits.", "O(N) for N waiters", "RO access", ""},
    {"lock.release", -3, kWrite | kFast, 1, 1, 1, nullptr, release, nullptr, "lock", kSince,
     "@write @fast", "Give a lock back; the first waiter gets it.", "O(1)", "RW access update", ""},
    {"lock.renew", 5, kWrite | kFast, 1, 1, 1, nullptr, renew, nullptr, "lock", kSince,
     "@write @fast", "Hold a lock for longer.", "O(log N) for N deadlines", "RW access update", ""},
};

}  // namespace

std::span<const CommandSpec> lock_rows() { return kRows; }

std::string answer_event(const keyspace::WaiterEvent& event, ClusterTime now) {
  std::string out;
  resp::ReplyWriter reply(out, event.resp3 ? resp::Version::resp3 : resp::Version::resp2);
  if (event.kind == keyspace::WaitKind::latch) {
    reply.integer(event.granted ? 1 : 0);
  } else if (event.granted) {
    answer_grant(reply, event.grant, event.grant.deadline.ms - now.ms);
  } else {
    reply.null_array();
  }
  return out;
}

Acquired acquire_lock(WriteContext& context, Args args, std::string_view once_id) {
  Acquired acquired;
  keyspace::AcquireRequest request;
  if (auto refused = read_acquire(args, request)) {
    acquired.error = std::move(*refused);
    return acquired;
  }
  if (!context.may_wait) request.wait_ms = 0;
  request.origin = context.origin;
  request.resp3 = context.resp3;
  request.once_id = once_id;
  acquired.result = context.keyspace.locks().acquire(key_of(args[1]), request, context.now.cluster,
                                                     context.index);
  if (acquired.result.outcome == AcquireOutcome::too_many_waiters) {
    acquired.error = fmt::format("LIMIT the lock {} has {} waiters already (lock-waiters)",
                                 quoted(args[1]), LockTable::kMaxWaiters);
  }
  return acquired;
}

void answer_acquired(WriteContext& context, const Acquired& acquired) {
  if (!acquired.error.empty()) return context.reply.error(acquired.error);
  const keyspace::Grant& grant = acquired.result.grant;
  switch (acquired.result.outcome) {
    case AcquireOutcome::granted:
      return answer_grant(context.reply, grant, grant.deadline.ms - context.now.cluster.ms);
    case AcquireOutcome::queued:
      context.blocked = true;
      return;
    case AcquireOutcome::refused:
    case AcquireOutcome::too_many_waiters:
      return context.reply.null_array();
  }
}

void answer_grant(resp::ReplyWriter& reply, const keyspace::Grant& grant, std::int64_t ttl_ms) {
  reply.record(4);
  reply.field("token");
  reply.integer(static_cast<std::int64_t>(grant.token));
  reply.field("ttl");
  reply.integer(ttl_ms);
  reply.field("fence");
  reply.integer(static_cast<std::int64_t>(grant.fence));
  reply.field("mode");
  reply.bulk("exclusive");
}

std::int64_t wait_of(Args args) {
  keyspace::AcquireRequest request;
  return read_acquire(args, request) ? 0 : request.wait_ms;
}

std::optional<std::uint64_t> parse_token(std::string_view word) {
  const auto token = parse_unsigned(word);
  return token && *token < kTokenLimit ? token : std::nullopt;
}

std::string quoted(std::string_view name) {
  constexpr std::size_t kShown = 64;
  return fmt::format("'{}{}'", name.substr(0, kShown), name.size() > kShown ? "…" : "");
}

}  // namespace holdfast::commands
