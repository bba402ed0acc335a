// Strings as numbers: counters.
#include <string>

#include "commands/arguments.h"
#include "commands/decimal.h"
#include "commands/errors.h"
#include "commands/rows.h"

namespace holdfast::commands {
namespace {

using keyspace::KeyEvents;
using keyspace::Object;

void add_integer(WriteContext& context, std::string_view name, std::int64_t amount) {
  const keyspace::Key key = context.key(name);
  const Object* const object = context.find(key);
  std::int64_t value = 0;
  if (object != nullptr) {
    if (object->value().is_integer()) {
      value = object->value().as_integer();
    } else {
      // Canonical text that was edited in place is a number too.
      std::string scratch;
      const auto parsed = integer_or_error(object->value().text(scratch), context.reply);
      if (!parsed) return;
      value = *parsed;
    }
  }
  if (__builtin_add_overflow(value, amount, &value)) return context.reply.error(kOverflow);
  context.keyspace.put_integer(key, value, object);
  context.happened(KeyEvents::string, "incrby", name);
  context.reply.integer(value);
}

void incr(WriteContext& context, Args args) { add_integer(context, args[1], 1); }

void decr(WriteContext& context, Args args) { add_integer(context, args[1], -1); }

void incrby(WriteContext& context, Args args) {
  const auto amount = integer_or_error(args[2], context.reply);
  if (amount) add_integer(context, args[1], *amount);
}

void decrby(WriteContext& context, Args args) {
  const auto amount = integer_or_error(args[2], context.reply);
  if (!amount) return;
  if (*amount == INT64_MIN) return context.reply.error(kDecrementOverflow);
  add_integer(context, args[1], -*amount);
}

void incrbyfloat(WriteContext& context, Args args) {
  const Object* const object = context.find(args[1]);
  std::string scratch;
  const auto value = object == nullptr ? Decimal{} : parse_decimal(object->value().text(scratch));
  const auto amount = parse_decimal(args[2]);
  if (!value || !amount) return context.reply.error(kNotFloat);
  const auto sum = add_decimals(*value, *amount);
  if (!sum) return context.reply.error(kNotFinite);
  context.keyspace.put(key_of(args[1]), keyspace::Value::raw(*sum));
  context.happened(KeyEvents::string, "incrbyfloat", args[1]);
  context.reply.bulk(*sum);
}

constexpr std::uint32_t kFlags = kWrite | kDenyOom | kFast;

// name, arity, flags, first key, last key, step, read, write, keys, group, since, categories,
// summary, complexity, what happens to keys, tips
constexpr CommandSpec kNumberRows[] = {
    {"decr", 2, kFlags, 1, 1, 1, nullptr, decr, nullptr, "string", "1.0.0", kStringWriteFast,
     "Subtract one from an integer; a missing key counts as 0.", "O(1)", kUpdates, ""},
    {"decrby", 3, kFlags, 1, 1, 1, nullptr, decrby, nullptr, "string", "1.0.0", kStringWriteFast,
     "Subtract a number from an integer; a missing key counts as 0.", "O(1)", kUpdates, ""},
    {"incr", 2, kFlags, 1, 1, 1, nullptr, incr, nullptr, "string", "1.0.0", kStringWriteFast,
     "Add one to an integer; a missing key counts as 0.", "O(1)", kUpdates, ""},
    {"incrby", 3, kFlags, 1, 1, 1, nullptr, incrby, nullptr, "string", "1.0.0", kStringWriteFast,
     "Add a number to an integer; a missing key counts as 0.", "O(1)", kUpdates, ""},
    {"incrbyfloat", 3, kFlags, 1, 1, 1, nullptr, incrbyfloat, nullptr, "string", "2.6.0",
     kStringWriteFast, "Add a decimal number, exactly; a missing key counts as 0.", "O(1)",
     kUpdates, ""},
};

}  // namespace

std::span<const CommandSpec> number_rows() { return kNumberRows; }

}  // namespace holdfast::commands
