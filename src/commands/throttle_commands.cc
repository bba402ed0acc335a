// CL.THROTTLE key max_burst count period [quantity]: a rate limit, with the answers of redis-cell.
//
// The state is an ordinary key: it ends by itself when the limit is full again, and that end is the
// state. The value only says how much earlier within its last millisecond. So a limit survives a
// restore into a cluster of another time, DEL resets it, TTL tells of it, and an idle one costs
// nothing.
#include <fmt/format.h>

#include <optional>
#include <string>
#include <string_view>

#include "commands/arguments.h"
#include "commands/errors.h"
#include "commands/expire_time.h"
#include "commands/gcra.h"
#include "commands/levels.h"
#include "commands/rows.h"

namespace holdfast::commands {
namespace {

constexpr std::int64_t kMillisecond = 1'000'000;  // in nanoseconds
constexpr std::int64_t kSecond = 1'000'000'000;
constexpr std::int64_t kMost = (std::int64_t{1} << 53) - 1;
constexpr std::string_view kMark = "gcra:";

struct ThrottleWords {
  Quota quota;
  std::int64_t quantity = 1;
};

std::optional<std::string> read_throttle(Args args, ThrottleWords& wanted) {
  if (args.size() > 6) return wrong_arity("cl.throttle");
  if (auto refused = read_number("max_burst", args[2], {0, kMost}, wanted.quota.max_burst))
    return refused;
  if (auto refused = read_number("count", args[3], {1, kMost}, wanted.quota.count)) return refused;
  if (auto refused = read_number("period", args[4], {1, kMost}, wanted.quota.period_s))
    return refused;
  if (args.size() < 6) return std::nullopt;
  return read_number("quantity", args[5], {0, kMost}, wanted.quantity);
}

// How long until the limit is full again, from what the key holds. Nothing: it is no limit's key.
std::optional<std::int64_t> full_after(const keyspace::Object& object, ClusterTime now) {
  std::string scratch;
  std::string_view text = object.value().text(scratch);
  if (!object.expiry().set() || !text.starts_with(kMark)) return std::nullopt;
  const auto earlier = parse_unsigned(text.substr(kMark.size()));
  if (!earlier || *earlier >= kMillisecond) return std::nullopt;
  // Somebody's EXPIRE may have moved it further than any limit reaches.
  constexpr std::int64_t kFurthestMs = kLongestRefillNs / kMillisecond;
  const std::int64_t left_ms = std::min(object.expiry().deadline.ms - now.ms, kFurthestMs);
  return std::max<std::int64_t>(0, left_ms * kMillisecond - static_cast<std::int64_t>(*earlier));
}

void keep_limit(WriteContext& context, std::string_view key, std::int64_t full_after_ns) {
  const std::int64_t left_ms = (full_after_ns + kMillisecond - 1) / kMillisecond;
  const auto expiry =
      expiry_at(left_ms, TimeUnit::milliseconds, TimeBase::from_now, context.now);
  CHECK(expiry.has_value());
  context.keyspace.put_text(key_of(key),
                            fmt::format("{}{}", kMark, left_ms * kMillisecond - full_after_ns));
  context.keyspace.set_expiry(key_of(key), *expiry);
}

// Up, so that nobody comes back too early.
std::int64_t in_seconds(std::int64_t ns) { return ns < 0 ? -1 : (ns + kSecond - 1) / kSecond; }

void throttle(WriteContext& context, Args args) {
  ThrottleWords wanted;
  if (const auto refused = read_throttle(args, wanted)) return context.reply.error(*refused);
  std::int64_t before = 0;
  if (const keyspace::Object* const object = context.find(args[1])) {
    const auto kept = full_after(*object, context.now.cluster);
    if (!kept) return context.reply.error(kWrongType);
    before = *kept;
  }
  const auto passage = pass(wanted.quota, wanted.quantity, before);
  if (!passage) {
    return context.reply.error(
        "LIMIT nothing was done: a limit must be full again within ten years, which is "
        "(max_burst + 1) * period / count (throttle-refill)");
  }
  if (passage->full_after_ns != before) keep_limit(context, args[1], passage->full_after_ns);
  context.reply.array(5);
  context.reply.integer(passage->limited ? 1 : 0);
  context.reply.integer(passage->limit);
  context.reply.integer(passage->remaining);
  context.reply.integer(in_seconds(passage->retry_after_ns));
  context.reply.integer(in_seconds(passage->full_after_ns));
}

constexpr CommandSpec kThrottleRows[] = {
    {"cl.throttle", -5, kWrite | kDenyOom | kFast, 1, 1, 1, nullptr, throttle, nullptr, "limit",
     "holdfast 0.1", "@write @fast",
     "Let a quantity pass within a rate, or not; returns limited, limit, remaining, retry after "
     "and "
     "reset after, in seconds.",
     "O(1)", kUpdates, "", Levels::kCoordination},
};

}  // namespace

std::span<const CommandSpec> throttle_rows() { return kThrottleRows; }

}  // namespace holdfast::commands
