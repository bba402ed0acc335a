// LATCH.*: counts that go down, and who waits until one is zero (keyspace/latch.h).
#include <fmt/format.h>

#include <optional>
#include <string>
#include <string_view>

#include "commands/arguments.h"
#include "commands/errors.h"
#include "commands/holding_words.h"
#include "commands/levels.h"
#include "commands/limits.h"
#include "commands/list_options.h"
#include "commands/rows.h"
#include "keyspace/latch.h"

namespace holdfast::commands {
namespace {

using keyspace::LatchDown;
using keyspace::LatchSet;
using keyspace::LatchTable;
using keyspace::LatchWait;

constexpr std::uint64_t kMostCount = (std::uint64_t{1} << 53) - 1;

std::optional<std::string> refuse_latch(std::string_view name) {
  if (name.empty()) return "ERR a latch's name must not be empty";
  if (name.size() <= kNameBytes) return std::nullopt;
  return fmt::format("LIMIT a latch's name has at most {} bytes (latch-name-bytes)", kNameBytes);
}

std::string absent(std::string_view name) {
  return fmt::format("ERR there is no latch {}: it has not been set, or was dropped; LATCH.SET it",
                     quoted(name));
}

// LATCH.SET name count
void latch_set(WriteContext& context, Args args) {
  std::uint64_t count = 0;
  auto refused = refuse_latch(args[1]);
  if (!refused) refused = read_count("count", args[2], kMostCount, count);
  if (refused) return context.reply.error(*refused);
  switch (context.keyspace.latches().set(key_of(args[1]), count, context.now.cluster)) {
    case LatchSet::set:
      return context.reply.integer(1);
    case LatchSet::closed_already:
      return context.reply.integer(0);
    case LatchSet::too_many:
      break;
  }
  context.reply.error(fmt::format(
      "LIMIT nothing was done: there are {} latches already (latches); LATCH.DROP those that nobody "
      "needs any more",
      LatchTable::kMaxLatches));
}

struct DownWords {
  std::uint64_t n = 1;
  std::string_view owner;
};

// LATCH.DOWN name [n] [OWNER o]
std::optional<std::string> read_down(Args args, DownWords& words) {
  if (auto refused = refuse_latch(args[1])) return refused;
  std::size_t i = 2;
  if (i < args.size() && !is_word(args[i], "owner")) {
    if (auto refused = read_count("count", args[i], kMostCount, words.n)) return refused;
    ++i;
  }
  if (i == args.size()) return std::nullopt;
  if (!is_word(args[i], "owner") || i + 2 != args.size()) return std::string(kSyntaxError);
  words.owner = args[i + 1];
  if (words.owner.empty()) return "ERR a latch's owner must not be empty";
  if (words.owner.size() <= kOwnerBytes) return std::nullopt;
  return fmt::format("LIMIT a latch's owner has at most {} bytes (latch-owner-bytes)", kOwnerBytes);
}

void latch_down(WriteContext& context, Args args) {
  DownWords words;
  if (const auto refused = read_down(args, words)) return context.reply.error(*refused);
  std::uint64_t left = 0;
  switch (context.keyspace.latches().down(key_of(args[1]), words.n, words.owner, left)) {
    case LatchDown::counted:
    case LatchDown::repeated:
      return context.reply.integer(static_cast<std::int64_t>(left));
    case LatchDown::absent:
      return context.reply.error(absent(args[1]));
    case LatchDown::too_many_owners:
      break;
  }
  context.reply.error(
      fmt::format("LIMIT nothing was done: {} owners have counted on the latch {} already "
                  "(latch-owners); count without OWNER, under ONCE",
                  LatchTable::kMaxOwners, quoted(args[1])));
}

// LATCH.WAIT name WAIT ms
std::optional<std::string> read_wait(Args args, std::int64_t& wait_ms) {
  if (auto refused = refuse_latch(args[1])) return refused;
  if (!is_word(args[2], "wait")) return std::string(kSyntaxError);
  return read_milliseconds("WAIT", args[3], {0, kTenYearsMs}, wait_ms);
}

std::int64_t latch_wait_ms(Args args) {
  std::int64_t wait_ms = 0;
  return args.size() != 4 || read_wait(args, wait_ms) ? 0 : wait_ms;
}

void latch_wait(WriteContext& context, Args args) {
  keyspace::LatchWaitRequest request;
  if (const auto refused = read_wait(args, request.wait_ms)) return context.reply.error(*refused);
  if (!context.may_wait) request.wait_ms = 0;
  request.origin = context.origin;
  request.resp3 = context.resp3;
  switch (context.keyspace.latches().wait(key_of(args[1]), request, context.now.cluster,
                                          context.index)) {
    case LatchWait::open:
      return context.reply.integer(1);
    case LatchWait::closed:
      return context.reply.integer(0);
    case LatchWait::queued:
      context.blocked = true;
      return;
    case LatchWait::absent:
      return context.reply.error(absent(args[1]));
    case LatchWait::too_many:
      break;
  }
  context.reply.error(fmt::format("LIMIT the latch {} has {} waiters already (latch-waiters)",
                                  quoted(args[1]), LatchTable::kMaxWaiters));
}

// LATCH.DROP name
void latch_drop(WriteContext& context, Args args) {
  context.reply.integer(context.keyspace.latches().drop(key_of(args[1])) ? 1 : 0);
}

// LATCH.INFO name
void latch_info(ReadContext& context, Args args) {
  const ClusterTime now = context.now.cluster;
  const auto known = context.keyspace.latches().info(key_of(args[1]), now);
  resp::ReplyWriter& reply = context.reply;
  if (!known) return reply.null_array();
  if (known->due && !context.inside_entry) context.escalate = true;
  reply.record(5);
  answer_number(reply, "count", known->count);
  answer_number(reply, "left", known->left);
  answer_number(reply, "owners", known->owners);
  reply.field("since");
  reply.integer(known->since.ms);
  reply.field("waiters");
  reply.array(known->waiters.size());
  for (const auto& waiter : known->waiters) {
    reply.record(2);
    answer_number(reply, "queued_at", waiter.queued_at);
    reply.field("ttl");
    reply.integer(waiter.deadline.ms - now.ms);
  }
}

// LATCH.LIST [MATCH pattern] [CURSOR c] [COUNT n]
void latch_list(ReadContext& context, Args args) {
  answer_list(context, args, [&](std::uint64_t cursor, std::size_t count, const auto& visit) {
    return context.keyspace.latches().scan(cursor, count, visit);
  });
}

constexpr CommandSpec kLatchRows[] = {
    {"latch.down", -2, kWrite | kFast, 1, 1, 1, nullptr, latch_down, nullptr, "latch", kSince,
     "@write @fast", "Count a latch down, once for an owner; returns what is left.",
     "O(1); O(N) for N waiters when it opens", kUpdates, "", Levels::kCoordination},
    {"latch.drop", 2, kWrite, 1, 1, 1, nullptr, latch_drop, nullptr, "latch", kSince,
     "@write @slow", "Take a latch away; who waits for it is told that it did not open.",
     "O(N) for N waiters", "RW access delete", "", Levels::kCoordination},
    {"latch.info", 2, kRead, 1, 1, 1, latch_info, nullptr, nullptr, "latch", kSince, "@read @slow",
     "What a latch was set to, what is left, and who waits.", "O(N) for N waiters", "RO access", "",
     Levels::kCoordination},
    {"latch.list", -1, kRead, 0, 0, 0, latch_list, nullptr, nullptr, "latch", kSince, "@read @slow",
     "The names of latches, a page at a time.", "O(N) for N latches looked at", "", "",
     Levels::kCoordination},
    {"latch.set", 3, kWrite | kDenyOom | kFast, 1, 1, 1, nullptr, latch_set, nullptr, "latch",
     kSince, "@write @fast", "Set a latch that is not there, or open, to a count.", "O(1)",
     kUpdates, "", Levels::kCoordination},
    {"latch.wait", 4, kWrite | kDenyOom | kFast | kBlocking, 1, 1, 1, nullptr, latch_wait, nullptr,
     "latch", kSince, "@write @fast @blocking", "Wait until a latch is open: 1, or 0 if it is not.",
     "O(1)", kUpdates, "", Levels::kCoordination, latch_wait_ms},
};

}  // namespace

std::span<const CommandSpec> latch_rows() { return kLatchRows; }

}  // namespace holdfast::commands
