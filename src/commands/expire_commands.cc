// When keys end: set, ask, remove. Times are counted as expire_time.h says.
#include <string>

#include "commands/arguments.h"
#include "commands/errors.h"
#include "commands/expire_time.h"
#include "commands/rows.h"

namespace holdfast::commands {
namespace {

using keyspace::Expiry;
using keyspace::KeyEvents;
using keyspace::Object;

struct ExpireOptions {
  bool if_none = false;     // NX
  bool if_some = false;     // XX
  bool if_later = false;    // GT; no expiry counts as never
  bool if_earlier = false;  // LT
};

// Answers the error itself.
std::optional<ExpireOptions> parse_expire_options(Args words, resp::ReplyWriter& reply) {
  ExpireOptions options;
  for (const std::string_view word : words) {
    if (is_word(word, "nx")) {
      options.if_none = true;
    } else if (is_word(word, "xx")) {
      options.if_some = true;
    } else if (is_word(word, "gt")) {
      options.if_later = true;
    } else if (is_word(word, "lt")) {
      options.if_earlier = true;
    } else {
      reply.error(unsupported_option(word));
      return std::nullopt;
    }
  }
  if (options.if_none && (options.if_some || options.if_later || options.if_earlier)) {
    reply.error(kExpireNxAndOthers);
    return std::nullopt;
  }
  if (options.if_later && options.if_earlier) {
    reply.error(kExpireGtAndLt);
    return std::nullopt;
  }
  return options;
}

bool wanted(const ExpireOptions& options, const Expiry& old, const Expiry& given) {
  if (options.if_none && old.set()) return false;
  if (options.if_some && !old.set()) return false;
  if (options.if_later && given.deadline <= old.deadline) return false;
  if (options.if_earlier && given.deadline >= old.deadline) return false;
  return true;
}

void set_expiry(WriteContext& context, Args args, TimeUnit unit, TimeBase base,
                std::string_view command) {
  const auto options = parse_expire_options(args.subspan(3), context.reply);
  if (!options) return;
  const auto number = integer_or_error(args[2], context.reply);
  if (!number) return;
  const auto expiry = expiry_at(*number, unit, base, context.now);
  if (!expiry) return context.reply.error(invalid_expire_time(command));
  const Object* const object = context.find(args[1]);
  if (object == nullptr && expiry->deadline <= context.now.cluster) {
    context.keyspace.erase(key_of(args[1]));  // voids leases, as DEL does
  }
  if (object == nullptr || !wanted(*options, object->expiry(), *expiry)) {
    return context.reply.integer(0);
  }
  if (expiry->deadline <= context.now.cluster) {
    context.keyspace.erase(key_of(args[1]));
    context.happened(KeyEvents::generic, "del", args[1]);
  } else {
    context.keyspace.set_expiry(key_of(args[1]), *expiry);
    context.happened(KeyEvents::generic, "expire", args[1]);
  }
  context.reply.integer(1);
}

void expire(WriteContext& context, Args args) {
  set_expiry(context, args, TimeUnit::seconds, TimeBase::from_now, "expire");
}

void pexpire(WriteContext& context, Args args) {
  set_expiry(context, args, TimeUnit::milliseconds, TimeBase::from_now, "pexpire");
}

void expireat(WriteContext& context, Args args) {
  set_expiry(context, args, TimeUnit::seconds, TimeBase::absolute, "expireat");
}

void pexpireat(WriteContext& context, Args args) {
  set_expiry(context, args, TimeUnit::milliseconds, TimeBase::absolute, "pexpireat");
}

void persist(WriteContext& context, Args args) {
  const Object* const object = context.find(args[1]);
  const bool had = object != nullptr && object->expiry().set();
  if (had) {
    context.keyspace.set_expiry(key_of(args[1]), Expiry{});
    context.happened(KeyEvents::generic, "persist", args[1]);
  }
  context.reply.integer(had ? 1 : 0);
}

enum class Told : bool { left, wall };

// -2: no such key; -1: it has no expiry. Seconds are rounded to the nearest.
void answer_time(ReadContext& context, std::string_view name, Told told, TimeUnit unit) {
  const Object* const object = context.find(name);
  if (object == nullptr) return context.reply.integer(-2);
  if (!object->expiry().set()) return context.reply.integer(-1);
  const std::int64_t ms = told == Told::wall ? object->expiry().wall.ms
                                             : object->expiry().deadline.ms - context.now.cluster.ms;
  context.reply.integer(unit == TimeUnit::milliseconds ? ms : ms / 1000 + (ms % 1000 >= 500));
}

void ttl(ReadContext& context, Args args) {
  answer_time(context, args[1], Told::left, TimeUnit::seconds);
}

void pttl(ReadContext& context, Args args) {
  answer_time(context, args[1], Told::left, TimeUnit::milliseconds);
}

void expiretime(ReadContext& context, Args args) {
  answer_time(context, args[1], Told::wall, TimeUnit::seconds);
}

void pexpiretime(ReadContext& context, Args args) {
  answer_time(context, args[1], Told::wall, TimeUnit::milliseconds);
}

constexpr std::uint32_t kSets = kWrite | kFast;
constexpr std::uint32_t kTells = kRead | kFast;

// name, arity, flags, first key, last key, step, read, write, keys, group, since, categories,
// summary, complexity, what happens to keys, tips
constexpr CommandSpec kExpireRows[] = {
    {"expire", -3, kSets, 1, 1, 1, nullptr, expire, nullptr, "generic", "1.0.0", kKeyspaceWriteFast,
     "Let a key end after so many seconds.", "O(1)", "RW update", ""},
    {"expireat", -3, kSets, 1, 1, 1, nullptr, expireat, nullptr, "generic", "1.2.0",
     kKeyspaceWriteFast, "Let a key end at a calendar time in seconds.", "O(1)", "RW update", ""},
    {"expiretime", 2, kTells, 1, 1, 1, expiretime, nullptr, nullptr, "generic", "7.0.0",
     kKeyspaceReadFast, "The calendar time in seconds at which a key ends.", "O(1)", "RO access",
     ""},
    {"persist", 2, kSets, 1, 1, 1, nullptr, persist, nullptr, "generic", "2.2.0",
     kKeyspaceWriteFast, "Let a key live for good.", "O(1)", "RW update", ""},
    {"pexpire", -3, kSets, 1, 1, 1, nullptr, pexpire, nullptr, "generic", "2.6.0",
     kKeyspaceWriteFast, "Let a key end after so many milliseconds.", "O(1)", "RW update", ""},
    {"pexpireat", -3, kSets, 1, 1, 1, nullptr, pexpireat, nullptr, "generic", "2.6.0",
     kKeyspaceWriteFast, "Let a key end at a calendar time in milliseconds.", "O(1)", "RW update",
     ""},
    {"pexpiretime", 2, kTells, 1, 1, 1, pexpiretime, nullptr, nullptr, "generic", "7.0.0",
     kKeyspaceReadFast, "The calendar time in milliseconds at which a key ends.", "O(1)",
     "RO access", ""},
    {"pttl", 2, kTells, 1, 1, 1, pttl, nullptr, nullptr, "generic", "2.6.0", kKeyspaceReadFast,
     "How many milliseconds a key has left.", "O(1)", "RO access", kVaries},
    {"ttl", 2, kTells, 1, 1, 1, ttl, nullptr, nullptr, "generic", "1.0.0", kKeyspaceReadFast,
     "How many seconds a key has left.", "O(1)", "RO access", kVaries},
};

}  // namespace

std::span<const CommandSpec> expire_rows() { return kExpireRows; }

}  // namespace holdfast::commands
