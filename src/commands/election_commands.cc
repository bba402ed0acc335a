// ELECT.*: one leader of a name, and candidates who wait, on the engine of locks
// (keyspace/holding.h).
#include "commands/holding_words.h"
#include "commands/levels.h"
#include "commands/rows.h"

namespace holdfast::commands {
namespace {

constexpr keyspace::HoldingKind kElection = keyspace::HoldingKind::election;

// ELECT.CAMPAIGN name candidate TTL ms | SESSION id [WAIT ms]; in any order.
void elect_campaign(WriteContext& context, Args args) {
  answer_acquired(kElection, context, args, acquire_holding(kElection, context, args, {}));
}

std::int64_t elect_wait_ms(Args args) { return wait_of(kElection, args); }

void elect_renew(WriteContext& context, Args args) { renew_holding(kElection, context, args); }
void elect_resign(WriteContext& context, Args args) { release_holding(kElection, context, args); }
void elect_force(WriteContext& context, Args args) { force_holding(kElection, context, args); }
void elect_list(ReadContext& context, Args args) { list_holdings(kElection, context, args); }
void elect_drop(WriteContext& context, Args args) { drop_holding_waiter(kElection, context, args); }

// ELECT.LEADER name
void elect_leader(ReadContext& context, Args args) {
  const auto known = look_at(kElection, context, args[1]);
  if (!known) return;
  if (!known->held) return context.reply.null_array();
  context.reply.record(3);
  answer_text(context.reply, "candidate", known->owner);
  answer_number(context.reply, "token", known->grant.token);
  context.reply.field("since");
  context.reply.integer(known->since.ms);
}

// ELECT.INFO name
void elect_info(ReadContext& context, Args args) {
  const auto known = look_at(kElection, context, args[1]);
  if (!known) return;
  resp::ReplyWriter& reply = context.reply;
  reply.record(9);
  answer_number(reply, "held", known->held ? 1 : 0);
  answer_text(reply, "candidate", known->owner);
  answer_number(reply, "token", known->grant.token);
  reply.field("ttl");
  reply.integer(known->held ? ttl_of(known->grant, context.now.cluster) : 0);
  reply.field("since");
  reply.integer(known->since.ms);
  answer_number(reply, "last_token", known->last_token);
  answer_waiters(context, kElection, *known);
  answer_losses(context, *known);
  answer_number(reply, "session", known->held ? known->holders.front().session : 0);
}

constexpr std::string_view kElectionGroup = "election";

constexpr CommandSpec kElectionRows[] = {
    {"_elect.drop", 6, kWrite | kInternal, 1, 1, 1, nullptr, elect_drop, nullptr, kElectionGroup,
     kSince, "@write", "Take a candidate that is gone out of its queue.", "O(1)", "RW", "",
     Levels::kCoordination},
    {"elect.campaign", -5, kWrite | kDenyOom | kFast | kBlocking, 1, 1, 1, nullptr, elect_campaign,
     nullptr, kElectionGroup, kSince, "@write @fast @blocking",
     "Lead for a time, or wait until it is one's turn; returns token, ttl and candidate.", "O(1)",
     kUpdates, "", Levels::kCoordination, elect_wait_ms},
    {"elect.force", 2, kWrite | kAdmin, 1, 1, 1, nullptr, elect_force, nullptr, kElectionGroup,
     kSince, "@admin @write @slow", "Depose whoever leads; returns how many those were.", "O(1)",
     kUpdates, "", Levels::kCoordination},
    {"elect.info", 2, kRead, 1, 1, 1, elect_info, nullptr, nullptr, kElectionGroup, kSince,
     "@read @slow", "Who leads, until when, and who else campaigns.", "O(N) for N candidates",
     "RO access", ""},
    {"elect.leader", 2, kRead | kFast, 1, 1, 1, elect_leader, nullptr, nullptr, kElectionGroup,
     kSince, "@read @fast", "Who leads, with which token, since when.", "O(N) for N candidates",
     "RO access", ""},
    {"elect.list", -1, kRead, 0, 0, 0, elect_list, nullptr, nullptr, kElectionGroup, kSince,
     "@read @slow", "The elections there are, some at a time.", "O(1) for every call", "", ""},
    {"elect.renew", 5, kWrite | kFast, 1, 1, 1, nullptr, elect_renew, nullptr, kElectionGroup,
     kSince, "@write @fast", "Lead for longer.", "O(log N) for N deadlines", kUpdates, "",
     Levels::kCoordination},
    {"elect.resign", 3, kWrite | kFast, 1, 1, 1, nullptr, elect_resign, nullptr, kElectionGroup,
     kSince, "@write @fast", "Lead no longer; the first candidate who waits does.", "O(1)",
     kUpdates, "", Levels::kCoordination},
};

}  // namespace

std::span<const CommandSpec> election_rows() { return kElectionRows; }

}  // namespace holdfast::commands
