// SEM.*: permits, up to a limit, on the engine of locks (keyspace/holding.h).
#include <fmt/format.h>

#include "commands/arguments.h"
#include "commands/errors.h"
#include "commands/holding_words.h"
#include "commands/levels.h"
#include "commands/rows.h"

namespace holdfast::commands {
namespace {

constexpr keyspace::HoldingKind kSemaphore = keyspace::HoldingKind::semaphore;

// SEM.ACQUIRE name owner LIMIT n [PERMITS k] TTL ms | SESSION id [WAIT ms]; in any order.
void sem_acquire(WriteContext& context, Args args) {
  answer_acquired(kSemaphore, context, args, acquire_holding(kSemaphore, context, args, {}));
}

std::int64_t sem_wait_ms(Args args) { return wait_of(kSemaphore, args); }

void sem_renew(WriteContext& context, Args args) { renew_holding(kSemaphore, context, args); }
void sem_release(WriteContext& context, Args args) { release_holding(kSemaphore, context, args); }
void sem_force(WriteContext& context, Args args) { force_holding(kSemaphore, context, args); }
void sem_list(ReadContext& context, Args args) { list_holdings(kSemaphore, context, args); }
void sem_drop(WriteContext& context, Args args) { drop_holding_waiter(kSemaphore, context, args); }

// SEM.LIMIT name n
void sem_limit(WriteContext& context, Args args) {
  std::uint64_t limit = 0;
  if (const auto refused = read_limit(args[2], limit)) return context.reply.error(*refused);
  if (context.keyspace.semaphores().set_limit(key_of(args[1]), limit, context.now.cluster)) {
    return context.reply.ok();
  }
  context.reply.error(
      fmt::format("ERR there is no semaphore {}: its limit is fixed by the first SEM.ACQUIRE",
                  quoted(args[1])));
}

// SEM.INFO name
void sem_info(ReadContext& context, Args args) {
  const auto known = look_at(kSemaphore, context, args[1]);
  if (!known) return;
  resp::ReplyWriter& reply = context.reply;
  reply.record(6);
  answer_number(reply, "limit", known->limit);
  answer_number(reply, "used", known->used);
  answer_number(reply, "last_token", known->last_token);
  reply.field("holders");
  reply.array(known->holders.size());
  for (const keyspace::HolderInfo& holder : known->holders) {
    reply.record(6);
    answer_text(reply, "owner", holder.owner);
    answer_number(reply, "token", holder.grant.token);
    answer_number(reply, "permits", holder.grant.permits);
    reply.field("ttl");
    reply.integer(ttl_of(holder.grant, context.now.cluster));
    reply.field("since");
    reply.integer(holder.since.ms);
    answer_number(reply, "session", holder.session);
  }
  answer_waiters(context, kSemaphore, *known);
  answer_losses(context, *known);
}

constexpr std::string_view kSemaphoreGroup = "semaphore";

constexpr CommandSpec kSemaphoreRows[] = {
    {"_sem.drop", 6, kWrite | kInternal, 1, 1, 1, nullptr, sem_drop, nullptr, kSemaphoreGroup,
     kSince, "@write", "Take a waiter that is gone out of its queue.", "O(1)", "RW", "",
     Levels::kCoordination},
    {"sem.acquire", -7, kWrite | kDenyOom | kFast | kBlocking, 1, 1, 1, nullptr, sem_acquire,
     nullptr, kSemaphoreGroup, kSince, "@write @fast @blocking",
     "Take permits of a semaphore for a time, or wait for them; returns token, ttl and permits.",
     "O(1)", kUpdates, "", Levels::kCoordination, sem_wait_ms},
    {"sem.force", 2, kWrite | kAdmin, 1, 1, 1, nullptr, sem_force, nullptr, kSemaphoreGroup, kSince,
     "@admin @write @slow",
     "Take all permits of a semaphore away from whoever has them; returns how many those were.",
     "O(N) for N holders", kUpdates, "", Levels::kCoordination},
    {"sem.info", 2, kRead, 1, 1, 1, sem_info, nullptr, nullptr, kSemaphoreGroup, kSince,
     "@read @slow", "Who has permits of a semaphore, until when, and who waits.",
     "O(N) for N holders and waiters", "RO access", ""},
    {"sem.limit", 3, kWrite, 1, 1, 1, nullptr, sem_limit, nullptr, kSemaphoreGroup, kSince,
     "@write @slow", "Change how many permits a semaphore has; who has some keeps them.",
     "O(N) for N waiters that are let in", kUpdates, "", Levels::kCoordination},
    {"sem.list", -1, kRead, 0, 0, 0, sem_list, nullptr, nullptr, kSemaphoreGroup, kSince,
     "@read @slow", "The semaphores there are, some at a time.", "O(1) for every call", "", ""},
    {"sem.release", 3, kWrite | kFast, 1, 1, 1, nullptr, sem_release, nullptr, kSemaphoreGroup,
     kSince, "@write @fast", "Give permits back; the first waiters that fit get them.", "O(1)",
     kUpdates, "", Levels::kCoordination},
    {"sem.renew", 5, kWrite | kFast, 1, 1, 1, nullptr, sem_renew, nullptr, kSemaphoreGroup, kSince,
     "@write @fast", "Have permits for longer.", "O(log N) for N deadlines", kUpdates, "",
     Levels::kCoordination},
};

}  // namespace

std::span<const CommandSpec> semaphore_rows() { return kSemaphoreRows; }

}  // namespace holdfast::commands
