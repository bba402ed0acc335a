#include "commands/session_commands.h"

#include <fmt/format.h>

#include <algorithm>

#include "base/check.h"
#include "commands/arguments.h"
#include "commands/errors.h"
#include "commands/glob.h"
#include "commands/keep_alive.h"
#include "commands/levels.h"
#include "commands/limits.h"
#include "keyspace/session.h"

namespace holdfast::commands {
namespace {

using keyspace::BindOutcome;
using keyspace::SessionInfo;
using keyspace::SessionTable;

constexpr std::size_t kSessionNameBytes = 1024;
constexpr std::size_t kKeysPerBind = 1000;
constexpr std::size_t kKeysShown = 1000;
constexpr std::size_t kListedAtOnce = 100;
constexpr std::size_t kListedAtMost = 10'000;
constexpr std::int64_t kShortestSessionTtlMs = 100;

constexpr std::string_view kKeepInside =
    "ERR a session cannot be kept from inside a transaction: SESSION.KEEP stands alone";

// The id in args[1]; answers an error if it is none.
template <class Context>
std::optional<std::uint64_t> id_or_error(Context& context, Args args) {
  const auto id = parse_session(args[1]);
  if (!id) context.reply.error(kBadSession);
  return id;
}

// ---- opening and closing

struct Opening {
  std::int64_t ttl_ms = 0;
  std::string_view name;
};

std::optional<std::string> read_open(Args args, Opening& opening) {
  for (std::size_t i = 1; i < args.size(); i += 2) {
    if (i + 1 == args.size()) return std::string(kSyntaxError);
    if (is_word(args[i], "ttl")) {
      auto refused = read_milliseconds("TTL of a session", args[i + 1],
                                       {kShortestSessionTtlMs, kTenYearsMs}, opening.ttl_ms);
      if (refused) return refused;
    } else if (is_word(args[i], "name")) {
      opening.name = args[i + 1];
    } else {
      return std::string(kSyntaxError);
    }
  }
  if (opening.ttl_ms == 0) return "ERR SESSION.OPEN needs TTL milliseconds";
  if (opening.name.size() <= kSessionNameBytes) return std::nullopt;
  return fmt::format("LIMIT a session's name has at most {} bytes (session-name-bytes)",
                     kSessionNameBytes);
}

// SESSION.OPEN TTL ms [NAME s] → id
void session_open(WriteContext& context, Args args) {
  Opening opening;
  if (const auto refused = read_open(args, opening)) return context.reply.error(*refused);
  const auto id =
      context.keyspace.sessions().open(opening.ttl_ms, opening.name, context.now.cluster,
                                       context.origin);
  if (!id) {
    return context.reply.error(
        fmt::format("LIMIT nothing was done: there are {} sessions already (sessions); close what "
                    "is not needed, or share one",
                    SessionTable::kMaxSessions));
  }
  context.reply.integer(static_cast<std::int64_t>(*id));
}

// SESSION.CLOSE id → 1 ended by this, 0 there was none
void session_close(WriteContext& context, Args args) {
  const auto id = id_or_error(context, args);
  if (!id) return;
  SessionTable& sessions = context.keyspace.sessions();
  std::size_t bound = kEndsAtOnce;
  const bool lived = sessions.lives(*id);
  if (lived) sessions.end(*id, bound, context.now.cluster, std::nullopt);
  context.reply.integer(lived ? 1 : 0);
}

// _SESSION.END bound id…: → how many of them were there
void session_end(WriteContext& context, Args args) {
  if (args.size() < 3) return context.reply.error(kSyntaxError);
  const auto bound_word = parse_unsigned(args[1]);
  if (!bound_word || *bound_word > kEndsAtOnce) return context.reply.error(kNotInteger);
  auto bound = static_cast<std::size_t>(*bound_word);
  std::vector<std::uint64_t> ids;
  for (const std::string_view word : args.subspan(2)) {
    const auto id = parse_session(word);
    if (!id || ids.size() == bound) break;
    ids.push_back(*id);
  }
  SessionTable& sessions = context.keyspace.sessions();
  // First of all, so that none of them is given what another one had.
  sessions.begin_end(ids);
  std::int64_t there = 0;
  for (const std::uint64_t id : ids) {
    if (bound == 0) break;
    if (sessions.end(id, bound, context.now.cluster)) ++there;
  }
  context.reply.integer(there);
}

// SESSION.BIND id key… → keys that were not bound to it before
void session_bind(WriteContext& context, Args args) {
  const auto id = id_or_error(context, args);
  if (!id) return;
  if (args.size() - 2 > kKeysPerBind) {
    return context.reply.error(
        fmt::format("LIMIT nothing was done: one SESSION.BIND names at most {} keys "
                    "(session-bind-keys)",
                    kKeysPerBind));
  }
  std::vector<keyspace::Key> keys;
  for (const std::string_view name : args.subspan(2)) {
    context.find(name);  // what is due ends first
    keys.push_back(key_of(name));
  }
  const auto result = context.keyspace.sessions().bind(*id, keys);
  switch (result.outcome) {
    case BindOutcome::bound:
      return context.reply.integer(static_cast<std::int64_t>(result.fresh));
    case BindOutcome::no_session:
      return context.reply.error(session_lost(*id));
    case BindOutcome::no_key:
      return context.reply.error(fmt::format(
          "ERR nothing was done: there is no key '{}' to be bound; SET it in the same MULTI",
          keys[result.at].name.substr(0, 64)));
    case BindOutcome::others:
      return context.reply.error(fmt::format(
          "ERR nothing was done: the key '{}' is bound to session {} already",
          keys[result.at].name.substr(0, 64), result.other));
    case BindOutcome::too_many:
      return context.reply.error(fmt::format(
          "LIMIT nothing was done: at most {} keys are bound to a session (session-keys)",
          SessionTable::kMaxKeys));
  }
}

// ---- keeping

// What is left after keeping it; or one of kEnded and kEndOnItsWay. It has ended only if the log says
// so: an end that was proposed may yet come to nothing.
std::int64_t keep_session(ReadContext& context, std::uint64_t id) {
  const auto known = context.keyspace.sessions().info(id);
  if (!known || known->ending) return kEnded;
  return context.keep_alive->keep(id, known->ttl_ms).value_or(kEndOnItsWay);
}

// SESSION.KEEP id → remaining milliseconds
void session_keep(ReadContext& context, Args args) {
  const auto id = id_or_error(context, args);
  if (!id) return;
  if (context.keep_alive == nullptr) return context.reply.error(kKeepInside);
  const std::int64_t left = keep_session(context, *id);
  if (left < 0) return context.reply.error(not_kept(*id, left));
  context.reply.integer(left);
}

// _SESSION.KEEP id… → what keep() says of each
void session_keep_many(ReadContext& context, Args args) {
  if (context.keep_alive == nullptr) return context.reply.error(kKeepInside);
  const Args words = args.subspan(1);
  context.reply.array(words.size());
  for (const std::string_view word : words) {
    const auto id = parse_session(word);
    context.reply.integer(id ? keep_session(context, *id) : kEnded);
  }
}

// ---- looking

// Nothing is known of it inside an entry: what is remembered there must not depend on it.
std::int64_t remaining_of(const ReadContext& context, const SessionInfo& info) {
  if (context.keep_alive == nullptr || info.ending) return info.ending ? 0 : -1;
  return context.keep_alive->remaining(info.id, info.ttl_ms);
}

void tell_session(ReadContext& context, const SessionInfo& info, std::size_t fields) {
  resp::ReplyWriter& reply = context.reply;
  const auto number = [&](std::string_view name, std::int64_t value) {
    reply.field(name);
    reply.integer(value);
  };
  reply.record(fields);
  number("id", static_cast<std::int64_t>(info.id));
  reply.field("name");
  reply.bulk(info.name);
  number("ttl", info.ttl_ms);
  number("remaining", remaining_of(context, info));
  number("since", info.opened.ms);
  number("ending", info.ending ? 1 : 0);
  number("bound", static_cast<std::int64_t>(info.keys));
}

void tell_holdings(ReadContext& context, const SessionInfo& info) {
  context.reply.field("holds");
  context.reply.integer(static_cast<std::int64_t>(info.holds));
  context.reply.field("waits");
  context.reply.integer(static_cast<std::int64_t>(info.waits));
}

// SESSION.INFO id → {id, name, ttl, remaining, since, ending, bound, keys, holds, waits} or null
void session_info(ReadContext& context, Args args) {
  const auto id = id_or_error(context, args);
  if (!id) return;
  const SessionTable& sessions = context.keyspace.sessions();
  const auto known = sessions.info(*id);
  if (!known) return context.reply.null_array();
  tell_session(context, *known, 10);
  const auto keys = sessions.keys_of(*id, kKeysShown);
  context.reply.field("keys");
  context.reply.array(keys.size());
  for (const std::string_view key : keys) context.reply.bulk(key);
  tell_holdings(context, *known);
}

struct Listing {
  std::uint64_t cursor = 0;
  std::size_t count = kListedAtOnce;
  std::optional<std::string_view> match;
};

std::optional<std::string> read_listing(Args args, Listing& listing) {
  for (std::size_t i = 1; i < args.size(); i += 2) {
    if (i + 1 == args.size()) return std::string(kSyntaxError);
    const auto number = parse_unsigned(args[i + 1]);
    if (is_word(args[i], "match")) {
      listing.match = args[i + 1];
    } else if (is_word(args[i], "cursor")) {
      if (!number) return std::string(kInvalidCursor);
      listing.cursor = *number;
    } else if (is_word(args[i], "count")) {
      if (!number || *number == 0) return std::string(kNotInteger);
      if (*number > kListedAtMost) {
        return fmt::format("LIMIT COUNT is at most {} (session-list-count)", kListedAtMost);
      }
      listing.count = static_cast<std::size_t>(*number);
    } else {
      return std::string(kSyntaxError);
    }
  }
  return std::nullopt;
}

// SESSION.LIST [MATCH pattern of names] [CURSOR c] [COUNT n] → next cursor, sessions
void session_list(ReadContext& context, Args args) {
  Listing listing;
  if (const auto refused = read_listing(args, listing)) return context.reply.error(*refused);
  std::vector<SessionInfo> found;
  const std::uint64_t next = context.keyspace.sessions().scan(
      listing.cursor, listing.count, [&](const SessionInfo& one) {
        if (!listing.match || glob_matches(*listing.match, one.name)) found.push_back(one);
      });
  context.reply.array(2);
  context.reply.bulk(fmt::to_string(next));
  context.reply.array(found.size());
  for (const SessionInfo& one : found) {
    tell_session(context, one, 9);
    tell_holdings(context, one);
  }
}

constexpr CommandSpec session_row(std::string_view name, int arity, std::uint32_t flags,
                                  std::string_view summary, std::string_view complexity) {
  CommandSpec spec;
  spec.name = name;
  spec.arity = arity;
  spec.flags = flags;
  spec.group = "session";
  spec.since = kSince;
  spec.summary = summary;
  spec.complexity = complexity;
  return spec;
}

constexpr CommandSpec writing(std::string_view name, int arity, std::uint32_t flags,
                              WriteHandler write, std::string_view summary,
                              std::string_view complexity) {
  CommandSpec spec = session_row(name, arity, kWrite | flags, summary, complexity);
  spec.write = write;
  spec.categories = (flags & kFast) != 0 ? "@write @fast" : "@write @slow";
  spec.semantics = Levels::kCoordination;
  return spec;
}

constexpr CommandSpec reading(std::string_view name, int arity, std::uint32_t flags,
                              ReadHandler read, std::string_view summary,
                              std::string_view complexity) {
  CommandSpec spec = session_row(name, arity, kRead | flags, summary, complexity);
  spec.read = read;
  spec.categories = (flags & kFast) != 0 ? "@read @fast" : "@read @slow";
  return spec;
}

constexpr CommandSpec binding() {
  CommandSpec spec = writing("session.bind", -3, kDenyOom, session_bind,
                             "Let keys end with a session; returns how many were not bound before.",
                             "O(N log M) for N keys and M that are bound");
  spec.first_key = 2;
  spec.last_key = -1;
  spec.key_step = 1;
  spec.key_access = "RW update";
  return spec;
}

constexpr CommandSpec kSessionRows[] = {
    writing("_session.end", -3, kInternal, session_end, "End sessions that nobody has kept.",
            "O(N) for N sessions and keys"),
    reading("_session.keep", -2, kInternal, session_keep_many, "Keep many sessions alive.",
            "O(N) for N sessions"),
    binding(),
    writing("session.close", 2, 0, session_close, "End a session and what is bound to it.",
            "O(N) for N keys and holds"),
    reading("session.info", 2, 0, session_info,
            "A session, how long it lives yet, and what ends with it.", "O(N) for N keys"),
    reading("session.keep", 2, kFast | kNoMulti, session_keep,
            "Keep a session alive for its TTL from now; returns what is left of it.", "O(1)"),
    reading("session.list", -1, 0, session_list, "Go through the sessions, step by step.",
            "O(N) for N sessions looked at"),
    writing("session.open", -3, kDenyOom | kFast, session_open,
            "Open a session, which ends when nobody keeps it for its TTL; returns its id.", "O(1)"),
};

}  // namespace

std::span<const CommandSpec> session_rows() { return kSessionRows; }

std::optional<std::uint64_t> parse_session(std::string_view word) {
  const auto id = parse_unsigned(word);
  return id && *id > 0 && *id < keyspace::kRevisionLimit ? id : std::nullopt;
}

std::string not_kept(std::uint64_t id, std::int64_t why) {
  if (why != kEndOnItsWay) return session_lost(id);
  return fmt::format(
      "NOLEADER session {} was not kept: its time was over and its end is on its way, but it may yet "
      "come to nothing; ask again",
      id);
}

std::string session_lost(std::uint64_t id) {
  return fmt::format(
      "LOST there is no session {} (any more): what was bound to it is gone or about to go, and "
      "others may take its place; open another one",
      id);
}

std::vector<std::string_view> end_words(std::span<const std::uint64_t> ids,
                                        std::vector<std::string>& storage) {
  storage.clear();
  storage.push_back(fmt::to_string(kEndsAtOnce));
  for (const std::uint64_t id : ids) storage.push_back(fmt::to_string(id));
  std::vector<std::string_view> words = {"_SESSION.END"};
  words.insert(words.end(), storage.begin(), storage.end());
  return words;
}

}  // namespace holdfast::commands
