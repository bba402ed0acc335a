#include "commands/cache_commands.h"

#include <fmt/format.h>

#include <algorithm>
#include <optional>
#include <string>
#include <string_view>

#include "commands/arguments.h"
#include "commands/errors.h"
#include "commands/holding_words.h"
#include "commands/levels.h"
#include "commands/limits.h"
#include "commands/rows.h"
#include "commands/set_options.h"
#include "keyspace/cache.h"

namespace holdfast::commands {
namespace {

using keyspace::CacheGet;
using keyspace::CacheTable;
using keyspace::KeyEvents;
using keyspace::Object;
using keyspace::ValueView;

constexpr std::int64_t kLeastLeaseMs = 10;

// LEASE ms [STALE ms] [WAIT ms], in any order, each once.
std::optional<std::string> read_get(Args args, keyspace::CacheGetRequest& request) {
  bool lease = false, stale = false, wait = false;
  for (std::size_t i = 2; i < args.size(); i += 2) {
    if (i + 1 == args.size()) return std::string(kSyntaxError);
    const auto once = [&](std::string_view word, bool& seen) {
      return is_word(args[i], word) && !std::exchange(seen, true);
    };
    std::optional<std::string> refused;
    if (once("lease", lease)) {
      refused =
          read_milliseconds("LEASE", args[i + 1], {kLeastLeaseMs, kTenYearsMs}, request.lease_ms);
    } else if (once("stale", stale)) {
      refused = read_milliseconds("STALE", args[i + 1], {1, kTenYearsMs}, request.stale_ms);
    } else if (once("wait", wait)) {
      refused = read_milliseconds("WAIT", args[i + 1], {0, kTenYearsMs}, request.wait_ms);
    } else {
      return std::string(kSyntaxError);
    }
    if (refused) return refused;
  }
  return lease ? std::nullopt : std::optional<std::string>(kSyntaxError);
}

std::int64_t cache_wait_ms(Args args) {
  keyspace::CacheGetRequest request;
  return args.size() < 4 || read_get(args, request) ? 0 : request.wait_ms;
}

void answer_bulk(resp::ReplyWriter& reply, const ValueView& value) {
  std::string scratch;
  reply.bulk(value.text(scratch));
}

// {miss, lease, stale}
void answer_miss(resp::ReplyWriter& reply, std::uint64_t lease, const keyspace::Value* stale) {
  reply.record(3);
  answer_number(reply, "miss", 1);
  answer_number(reply, "lease", lease);
  reply.field("stale");
  if (stale == nullptr) {
    reply.null();
  } else {
    answer_bulk(reply, *stale);
  }
}

// CACHE.GET key LEASE ms [STALE ms] [WAIT ms]
void cache_get(WriteContext& context, Args args) {
  keyspace::CacheGetRequest request;
  if (const auto refused = read_get(args, request)) return context.reply.error(*refused);
  if (const Object* const object = context.find(args[1])) {
    return answer_bulk(context.reply, object->value());
  }
  if (!context.may_wait) request.wait_ms = 0;
  request.origin = context.origin;
  request.resp3 = context.resp3;
  const auto got = context.keyspace.caches().get(key_of(args[1]), request, context.now.cluster,
                                                 context.index);
  switch (got.outcome) {
    case CacheGet::leased:
      return answer_miss(context.reply, got.lease, got.stale);
    case CacheGet::stale:
      return answer_bulk(context.reply, *got.stale);
    case CacheGet::busy:
      return context.reply.null();
    case CacheGet::queued:
      context.blocked = true;
      return;
    case CacheGet::too_many_leases:
      return context.reply.error(fmt::format(
          "LIMIT nothing was done: {} leases on missing keys are out already (cache-leases); they "
          "end when the keys are filled or their times are over",
          CacheTable::kMaxLeases));
    case CacheGet::too_many_waiters:
      break;
  }
  context.reply.error(fmt::format("LIMIT the key {} has {} waiters already (cache-waiters)",
                                  quoted(args[1]), CacheTable::kMaxWaiters));
}

struct FillWords {
  std::uint64_t lease = 0;
  SetOptions expiry;
  std::int64_t keep_ms = 0;
};

// CACHE.FILL key lease value PX ms [STALE ms]
std::optional<std::string> read_fill(Args args, FillWords& words) {
  const auto lease = parse_token(args[2]);
  if (!lease || *lease == 0) return "ERR lease is not an integer or out of range";
  words.lease = *lease;
  if (!is_word(args[4], "px")) return std::string(kSyntaxError);
  words.expiry.time = args[5];
  words.expiry.unit = TimeUnit::milliseconds;
  if (args.size() == 6) return std::nullopt;
  if (args.size() != 8 || !is_word(args[6], "stale")) return std::string(kSyntaxError);
  return read_milliseconds("STALE", args[7], {1, kTenYearsMs}, words.keep_ms);
}

void cache_fill(WriteContext& context, Args args) {
  FillWords words;
  if (const auto refused = read_fill(args, words)) return context.reply.error(*refused);
  const auto expiry = expiry_or_error(words.expiry, "cache.fill", context.now, context.reply);
  if (!expiry) return;
  const bool filled = context.keyspace.caches().fill(key_of(args[1]), words.lease, args[3], *expiry,
                                                     words.keep_ms, context.now.cluster);
  if (filled) {
    context.happened(KeyEvents::string, "set", args[1]);
    context.happened(KeyEvents::generic, "expire", args[1]);
  }
  context.reply.integer(filled ? 1 : 0);
}

// CACHE.INVALIDATE key
void cache_invalidate(WriteContext& context, Args args) {
  const bool there = context.find(args[1]) != nullptr;
  const bool known = context.keyspace.caches().invalidate(key_of(args[1]));
  if (there) context.happened(KeyEvents::generic, "del", args[1]);
  context.reply.integer(known ? 1 : 0);
}

// CACHE.INFO key
void cache_info(ReadContext& context, Args args) {
  const ClusterTime now = context.now.cluster;
  context.find(args[1]);  // what is due ends first
  const auto known = context.keyspace.caches().info(key_of(args[1]), now);
  resp::ReplyWriter& reply = context.reply;
  if (!known) return reply.null_array();
  if (known->due && !context.inside_entry) context.escalate = true;
  const auto left = [now](ClusterTime until) {
    return static_cast<std::uint64_t>(std::max<std::int64_t>(0, until.ms - now.ms));
  };
  reply.record(6);
  answer_number(reply, "lease", known->lease);
  answer_number(reply, "ttl", known->lease == 0 ? 0 : left(known->until));
  reply.field("since");
  reply.integer(known->lease == 0 ? 0 : known->since.ms);
  reply.field("keep");
  reply.integer(known->keep_ms);
  answer_number(reply, "stale", known->stale_since ? left(known->stale_until) : 0);
  reply.field("waiters");
  reply.array(known->waiters.size());
  for (const auto& waiter : known->waiters) {
    reply.record(2);
    answer_number(reply, "queued_at", waiter.queued_at);
    answer_number(reply, "ttl", left(waiter.deadline));
  }
}

constexpr CommandSpec kCacheRows[] = {
    {"cache.fill", -6, kWrite | kDenyOom, 1, 1, 1, nullptr, cache_fill, nullptr, "cache", kSince,
     "@write @slow", "Store what was fetched under a lease: 1, or 0 if the lease is no good.",
     "O(1); O(N) for N waiters that are told", "OW update", "", Levels::kCoordination},
    {"cache.get", -4, kWrite | kFast | kBlocking, 1, 1, 1, nullptr, cache_get, nullptr, "cache",
     kSince, "@write @fast @blocking",
     "The value of a key, or the lease to fetch it; or wait while another fetches it.", "O(1)",
     kUpdates, "", Levels::kCoordination, cache_wait_ms},
    {"cache.info", 2, kRead, 1, 1, 1, cache_info, nullptr, nullptr, "cache", kSince, "@read @slow",
     "Whether a key is being fetched, what is kept of it, and who waits.", "O(N) for N waiters",
     "RO access", "", Levels::kCoordination},
    {"cache.invalidate", 2, kWrite | kFast, 1, 1, 1, nullptr, cache_invalidate, nullptr, "cache",
     kSince, "@write @fast",
     "Remove a key, what is kept of it when it is stale, and the lease on it.", "O(1)", "RW delete",
     "", Levels::kCoordination},
};

}  // namespace

std::span<const CommandSpec> cache_rows() { return kCacheRows; }

void answer_cache_wait(const keyspace::WaiterEvent& event, resp::ReplyWriter& reply) {
  if (!event.granted) return reply.null();
  if (event.value != nullptr) return reply.bulk(*event.value);
  answer_miss(reply, event.grant.token, nullptr);
}

}  // namespace holdfast::commands
