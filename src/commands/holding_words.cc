#include "commands/holding_words.h"

#include <fmt/format.h>

#include <algorithm>
#include <vector>

#include "commands/arguments.h"
#include "commands/command_table.h"
#include "commands/errors.h"
#include "commands/glob.h"
#include "commands/levels.h"
#include "commands/limits.h"
#include "commands/list_options.h"
#include "commands/session_commands.h"

namespace holdfast::commands {

using keyspace::AcquireOutcome;
using keyspace::AcquireRequest;
using keyspace::GrantMode;
using keyspace::HoldingInfo;
using keyspace::HoldingKind;
using keyspace::HoldingTable;

namespace {

constexpr std::size_t kValueBytes = 1024;
constexpr std::size_t kHoldBytes = 1024;
constexpr std::int64_t kShortestTtlMs = 10;
constexpr std::int64_t kLongestDelayMs = std::int64_t{60} * 60 * 1000;
constexpr std::uint64_t kMostPermits = 1'000'000'000;
constexpr std::uint64_t kTokenLimit = std::uint64_t{1} << 53;

// How people call it.
struct Nouns {
  std::string_view command;   // that acquires it
  std::string_view article;   // "a lock"
  std::string_view owner;     // whose it is
  std::string_view limits;    // the first word of its limits' names
  std::string_view plural;
  std::string_view give_back;
};

const Nouns& nouns(HoldingKind kind) {
  static constexpr Nouns kNouns[] = {
      {"LOCK.ACQUIRE", "a lock", "owner", "lock", "locks", "release"},
      {"SEM.ACQUIRE", "a semaphore", "owner", "semaphore", "semaphores", "release"},
      {"ELECT.CAMPAIGN", "an election", "candidate", "election", "elections", "resign"},
  };
  return kNouns[static_cast<std::size_t>(kind)];
}

// Until when somebody holds it.
std::string term_of(std::uint64_t session) {
  return session == 0 ? "for a time of its own" : fmt::format("as long as session {}", session);
}

// "the lock 'door'"
std::string the(HoldingKind kind, std::string_view name) {
  return fmt::format("the {} {}", name_of(kind), quoted(name));
}

std::optional<std::string> too_long(HoldingKind kind, std::string_view what, std::size_t size,
                                    std::size_t most) {
  if (size <= most) return std::nullopt;
  return fmt::format("LIMIT {}'s {} has at most {} bytes ({}-{}-bytes)", nouns(kind).article, what,
                     most, nouns(kind).limits, what);
}

std::optional<std::string> check_request(HoldingKind kind, std::string_view name,
                                         const AcquireRequest& request) {
  const Nouns& noun = nouns(kind);
  if (auto refused = refuse_name(kind, name)) return refused;
  if (request.owner.empty()) {
    return fmt::format("ERR {}'s {} must not be empty", noun.article, noun.owner);
  }
  if (auto refused = too_long(kind, noun.owner, request.owner.size(), kOwnerBytes)) return refused;
  if (auto refused = too_long(kind, "value", request.value.size(), kValueBytes)) return refused;
  if (auto refused = too_long(kind, "hold", request.hold.size(), kHoldBytes)) return refused;
  if (kind == HoldingKind::semaphore && request.limit == 0) return "ERR SEM.ACQUIRE needs LIMIT n";
  if (request.permits > std::max<std::uint64_t>(request.limit, 1)) {
    return fmt::format("ERR PERMITS must be from 1 to the LIMIT, {}", request.limit);
  }
  if (request.ttl_ms == 0 && request.session == 0) {
    return fmt::format("ERR {} needs TTL milliseconds or SESSION id", noun.command);
  }
  if (request.ttl_ms != 0 && request.session != 0) {
    return fmt::format("ERR {} takes TTL or SESSION, not both", noun.command);
  }
  return std::nullopt;
}

std::optional<std::string> read_session(std::string_view word, std::uint64_t& session) {
  const auto id = parse_session(word);
  if (!id) return std::string(kBadSession);
  session = *id;
  return std::nullopt;
}

std::optional<std::string> read_permits(std::string_view word, std::uint64_t& permits) {
  return read_count("PERMITS", word, kMostPermits, permits);
}

// One option with its value. Unknown ones are syntax errors.
std::optional<std::string> read_option(HoldingKind kind, std::string_view option,
                                       std::string_view word, AcquireRequest& request) {
  if (is_word(option, "ttl")) return read_ttl(word, request.ttl_ms);
  if (is_word(option, "session")) return read_session(word, request.session);
  if (is_word(option, "wait"))
    return read_milliseconds("WAIT", word, {0, kTenYearsMs}, request.wait_ms);
  if (kind == HoldingKind::semaphore) {
    if (is_word(option, "limit")) return read_limit(word, request.limit);
    if (is_word(option, "permits")) return read_permits(word, request.permits);
  }
  if (kind == HoldingKind::lock) {
    if (is_word(option, "delay")) {
      return read_milliseconds("DELAY", word, {0, kLongestDelayMs}, request.delay_ms);
    }
    if (is_word(option, "value")) {
      request.value = word;
      return std::nullopt;
    }
    if (is_word(option, "hold")) {
      request.hold = word;
      if (word.empty()) return "ERR a hold's name must not be empty";
      return std::nullopt;
    }
  }
  return std::string(kSyntaxError);
}

std::string lost(HoldingKind kind, std::string_view name, std::uint64_t token) {
  return fmt::format(
      "LOST token {} does not hold {} (any more): what it guarded may have been taken by another; "
      "acquire it again",
      token, the(kind, name));
}

// Why an acquire was refused, beyond that somebody else has it.
std::string refusal(HoldingKind kind, Args args, const AcquireRequest& request,
                    const keyspace::AcquireResult& result) {
  const auto name = [&] { return the(kind, args[1]); };
  const keyspace::Grant& grant = result.grant;
  switch (result.outcome) {
    case AcquireOutcome::too_many_waiters:
      return fmt::format("LIMIT {} has {} waiters already ({}-waiters)", name(),
                         HoldingTable::kMaxWaiters, nouns(kind).limits);
    case AcquireOutcome::too_many_holds:
      return fmt::format("LIMIT {} has {} holds of this owner already (lock-holds)", name(),
                         HoldingTable::kMaxHolds);
    case AcquireOutcome::too_many_of_session:
      return fmt::format(
          "LIMIT nothing was done: {} holds and waits depend on session {} already "
          "(session-holdings)",
          HoldingTable::kMaxOfSession, request.session);
    case AcquireOutcome::other_limit:
      return fmt::format(
          "MISMATCH nothing was done: {} has the limit {}, not {}; SEM.LIMIT changes it", name(),
          result.limit, request.limit);
    case AcquireOutcome::other_terms:
      if (result.session != request.session) {
        return fmt::format(
            "MISMATCH nothing was done: this {} has {} already, {}, with token {}; {} it to have it "
            "otherwise",
            nouns(kind).owner, name(), term_of(result.session), grant.token, nouns(kind).give_back);
      }
      if (kind == HoldingKind::semaphore) {
        return fmt::format(
            "MISMATCH nothing was done: this owner has {} permits of {} already, with token {}; "
            "release them to have {}",
            grant.permits, name(), grant.token, request.permits);
      }
      return fmt::format(
          "MISMATCH nothing was done: this owner holds {} already, {}, with token {}; release it "
          "to have it otherwise",
          name(), grant.mode == GrantMode::shared ? "shared" : "exclusively", grant.token);
    default:
      return {};
  }
}

}  // namespace

HoldingTable& table_of(keyspace::Keyspace& keyspace, HoldingKind kind) {
  if (kind == HoldingKind::semaphore) return keyspace.semaphores();
  return kind == HoldingKind::election ? keyspace.elections() : keyspace.locks();
}

const HoldingTable& table_of(const keyspace::Keyspace& keyspace, HoldingKind kind) {
  if (kind == HoldingKind::semaphore) return keyspace.semaphores();
  return kind == HoldingKind::election ? keyspace.elections() : keyspace.locks();
}

// ---- reading

std::optional<std::string> refuse_name(HoldingKind kind, std::string_view name) {
  if (name.empty()) return fmt::format("ERR {}'s name must not be empty", nouns(kind).article);
  return too_long(kind, "name", name.size(), kNameBytes);
}

std::optional<std::string> read_ttl(std::string_view word, std::int64_t& ttl_ms) {
  return read_milliseconds("TTL", word, {kShortestTtlMs, kTenYearsMs}, ttl_ms);
}

std::optional<std::string> read_limit(std::string_view word, std::uint64_t& limit) {
  return read_count("LIMIT", word, kMostPermits, limit);
}

std::optional<std::string> refuse_later(std::string_view command, std::string_view word) {
  std::string upper(word);
  for (char& c : upper) c = c >= 'a' && c <= 'z' ? static_cast<char>(c - 'a' + 'A') : c;
  return fmt::format("ERR {} with {} is not supported yet", command, upper);
}

std::optional<std::string> read_acquire(HoldingKind kind, Args args, std::uint16_t semantics,
                                        AcquireRequest& request) {
  const bool full = semantics >= Levels::kCoordination;
  request.owner = args[2];
  if (kind == HoldingKind::semaphore) request.limit = 0;  // to be said
  for (std::size_t i = 3; i < args.size(); i += 2) {
    const std::string_view option = args[i];
    // Refused rather than ignored: a lock that is weaker than it was asked to be would be worse
    // than none.
    const bool later = is_word(option, "session") || is_word(option, "shared") ||
                       is_word(option, "hold") || is_word(option, "delay");
    if (later && !full) return refuse_later(nouns(kind).command, option);
    if (kind == HoldingKind::lock && is_word(option, "shared")) {
      request.mode = GrantMode::shared;
      --i;  // it has no value
      continue;
    }
    if (i + 1 == args.size()) return std::string(kSyntaxError);
    if (auto refused = read_option(kind, option, args[i + 1], request)) return refused;
  }
  return check_request(kind, args[1], request);
}

std::optional<std::uint64_t> parse_token(std::string_view word) {
  const auto token = parse_unsigned(word);
  return token && *token < kTokenLimit ? token : std::nullopt;
}

std::string quoted(std::string_view name) {
  constexpr std::size_t kShown = 64;
  return fmt::format("'{}{}'", name.substr(0, kShown), name.size() > kShown ? "…" : "");
}

// ---- acquiring

Acquired acquire_holding(HoldingKind kind, WriteContext& context, Args args,
                         std::string_view once_id) {
  Acquired acquired;
  AcquireRequest request;
  if (auto refused = read_acquire(kind, args, context.semantics, request)) {
    acquired.error = std::move(*refused);
    return acquired;
  }
  if (request.session != 0 && !context.keyspace.sessions().lives(request.session)) {
    acquired.error = session_lost(request.session);
    return acquired;
  }
  if (!context.may_wait) request.wait_ms = 0;
  request.origin = context.origin;
  request.resp3 = context.resp3;
  request.once_id = once_id;
  acquired.result = table_of(context.keyspace, kind)
                        .acquire(context.key(args[1]), request, context.now.cluster, context.index);
  acquired.error = refusal(kind, args, request, acquired.result);
  return acquired;
}

void answer_acquired(HoldingKind kind, WriteContext& context, Args args,
                     const Acquired& acquired) {
  if (!acquired.error.empty()) return context.reply.error(acquired.error);
  const keyspace::Grant& grant = acquired.result.grant;
  switch (acquired.result.outcome) {
    case AcquireOutcome::granted:
      return answer_grant(context.reply, kind, grant, ttl_of(grant, context.now.cluster), args[2]);
    case AcquireOutcome::queued:
      context.blocked = true;
      return;
    default:
      return context.reply.null_array();
  }
}

void answer_grant(resp::ReplyWriter& reply, HoldingKind kind, const keyspace::Grant& grant,
                  std::int64_t ttl_ms, std::string_view owner) {
  reply.record(kind == HoldingKind::lock ? 4 : 3);
  answer_number(reply, "token", grant.token);
  reply.field("ttl");
  reply.integer(ttl_ms);
  if (kind == HoldingKind::semaphore) return answer_number(reply, "permits", grant.permits);
  if (kind == HoldingKind::election) return answer_text(reply, "candidate", owner);
  answer_number(reply, "fence", grant.fence);
  answer_text(reply, "mode", grant.mode == GrantMode::shared ? "shared" : "exclusive");
}

std::int64_t ttl_of(const keyspace::Grant& grant, ClusterTime now) {
  return grant.deadline == ClusterTime::never() ? -1 : grant.deadline.ms - now.ms;
}

std::optional<HoldingKind> acquires(Args args) {
  const CommandSpec* const spec = args.empty() ? nullptr : find_command(args);
  if (spec == nullptr) return std::nullopt;
  if (spec->name == "lock.acquire") return HoldingKind::lock;
  if (spec->name == "sem.acquire") return HoldingKind::semaphore;
  if (spec->name == "elect.campaign") return HoldingKind::election;
  return std::nullopt;
}

std::int64_t wait_of(HoldingKind kind, Args args) {
  const auto is_wait = [](std::string_view word) { return is_word(word, "wait"); };
  if (std::none_of(args.begin(), args.end(), is_wait)) return 0;
  AcquireRequest request;
  if (args.size() < 3 || read_acquire(kind, args, UINT16_MAX, request)) return 0;
  return request.wait_ms;
}

std::string_view drop_word(HoldingKind kind) {
  if (kind == HoldingKind::semaphore) return "_SEM.DROP";
  return kind == HoldingKind::election ? "_ELECT.DROP" : "_LOCK.DROP";
}

// ---- what the families do alike

// name token TTL ms
void renew_holding(HoldingKind kind, WriteContext& context, Args args) {
  const auto token = parse_token(args[2]);
  if (!token) return context.reply.error(kBadToken);
  if (!is_word(args[3], "ttl")) return context.reply.error(kSyntaxError);
  std::int64_t ttl_ms = 0;
  if (const auto refused = read_ttl(args[4], ttl_ms)) return context.reply.error(*refused);
  const auto left = table_of(context.keyspace, kind)
                        .renew(context.key(args[1]), *token, ttl_ms, context.now.cluster);
  if (!left) return context.reply.error(lost(kind, args[1], *token));
  context.reply.integer(*left);
}

void release_holding(HoldingKind kind, WriteContext& context, Args args,
                     std::optional<std::string_view> hold) {
  const auto token = parse_token(args[2]);
  if (!token) return context.reply.error(kBadToken);
  const auto outcome = table_of(context.keyspace, kind)
                           .release(context.key(args[1]), *token, context.now.cluster, hold);
  if (outcome == keyspace::ReleaseOutcome::lost) {
    return context.reply.error(lost(kind, args[1], *token));
  }
  context.reply.integer(1);
}

void force_holding(HoldingKind kind, WriteContext& context, Args args) {
  if (const auto refused = refuse_name(kind, args[1])) return context.reply.error(*refused);
  const auto ended =
      table_of(context.keyspace, kind).force(key_of(args[1]), context.now.cluster);
  context.reply.integer(static_cast<std::int64_t>(ended.value_or(0)));
}

std::optional<Origin> read_origin(WriteContext& context, Args args) {
  std::uint64_t numbers[4];
  for (std::size_t i = 0; i < 4; ++i) {
    const auto number = parse_unsigned(args[2 + i]);
    if (!number) {
      context.reply.error(kNotInteger);
      return std::nullopt;
    }
    numbers[i] = *number;
  }
  return Origin{NodeId(numbers[0]), Incarnation(numbers[1]), ConnectionId(numbers[2]), numbers[3]};
}

void drop_holding_waiter(HoldingKind kind, WriteContext& context, Args args) {
  const auto origin = read_origin(context, args);
  if (!origin) return;
  const bool dropped = table_of(context.keyspace, kind)
                           .drop_waiter(key_of(args[1]), *origin, context.now.cluster);
  context.reply.integer(dropped ? 1 : 0);
}

std::optional<HoldingInfo> look_at(HoldingKind kind, ReadContext& context, std::string_view name) {
  auto known = table_of(context.keyspace, kind).info(key_of(name), context.now.cluster);
  if (!known) {
    context.reply.null_array();
  } else if (known->due && !context.inside_entry) {
    // Only the log may end a hold: a later entry could otherwise still see it.
    context.escalate = true;
  }
  return known;
}

void answer_waiters(ReadContext& context, HoldingKind kind, const HoldingInfo& info) {
  resp::ReplyWriter& reply = context.reply;
  reply.field(kind == HoldingKind::election ? "candidates" : "waiters");
  reply.array(info.waiters.size());
  for (const keyspace::WaiterInfo& waiter : info.waiters) {
    reply.record(kind == HoldingKind::election ? 4 : 5);
    answer_text(reply, nouns(kind).owner, waiter.owner);
    answer_number(reply, "queued_at", waiter.queued_at);
    reply.field("ttl");
    reply.integer(waiter.deadline.ms - context.now.cluster.ms);
    if (kind == HoldingKind::semaphore) answer_number(reply, "permits", waiter.permits);
    if (kind == HoldingKind::lock) {
      answer_text(reply, "mode", waiter.mode == GrantMode::shared ? "shared" : "exclusive");
    }
    answer_number(reply, "session", waiter.session);
  }
}

void answer_losses(ReadContext& context, const HoldingInfo& info) {
  resp::ReplyWriter& reply = context.reply;
  reply.field("losses");
  reply.array(info.losses.size());
  for (const keyspace::LossInfo& loss : info.losses) {
    reply.record(4);
    answer_text(reply, "owner", loss.owner);
    answer_number(reply, "token", loss.token);
    answer_text(reply, "reason", name_of(loss.how));
    reply.field("when");
    reply.integer(loss.when.ms);
  }
}

void list_holdings(HoldingKind kind, ReadContext& context, Args args) {
  ListOptions options;
  if (const auto refused = read_list(args, 1, options)) return context.reply.error(*refused);
  std::vector<keyspace::HoldingLine> lines;
  const std::uint64_t next =
      table_of(context.keyspace, kind)
          .scan(options.cursor, options.count, context.now.cluster,
                [&](const keyspace::HoldingLine& line) {
            if (options.match && !glob_matches(*options.match, line.name)) return;
            if (line.due && !context.inside_entry) context.escalate = true;
            lines.push_back(line);
          });
  resp::ReplyWriter& reply = context.reply;
  reply.record(2);
  answer_text(reply, "cursor", std::to_string(next));
  reply.field(nouns(kind).plural);
  reply.array(lines.size());
  for (const keyspace::HoldingLine& line : lines) {
    constexpr std::size_t kFields[] = {5, 6, 4};
    reply.record(kFields[static_cast<std::size_t>(kind)]);
    answer_text(reply, "name", line.name);
    answer_number(reply, "holders", line.holders);
    answer_number(reply, "waiters", line.waiters);
    answer_number(reply, "last_token", line.last_token);
    if (kind == HoldingKind::lock) {
      const std::string_view held = line.mode == GrantMode::shared ? "shared" : "exclusive";
      answer_text(reply, "mode", line.holders == 0 ? "free" : held);
    } else if (kind == HoldingKind::semaphore) {
      answer_number(reply, "limit", line.limit);
      answer_number(reply, "used", line.used);
    }
  }
}

void answer_number(resp::ReplyWriter& reply, std::string_view name, std::uint64_t value) {
  reply.field(name);
  reply.integer(static_cast<std::int64_t>(value));
}

void answer_text(resp::ReplyWriter& reply, std::string_view name, std::string_view value) {
  reply.field(name);
  reply.bulk(value);
}

}  // namespace holdfast::commands
