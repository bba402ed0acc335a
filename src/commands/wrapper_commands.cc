#include "commands/wrapper_commands.h"

#include <fmt/format.h>

#include <algorithm>

#include "base/checksum.h"
#include "base/mutation.h"
#include "commands/arguments.h"
#include "commands/errors.h"
#include "commands/holding_words.h"
#include "commands/levels.h"
#include "keyspace/guard.h"
#include "keyspace/once.h"
#include "resp/neutral.h"

namespace holdfast::commands {
namespace {

using keyspace::HoldingKind;
using keyspace::OnceRecord;
using keyspace::OnceState;
using keyspace::OnceTable;

constexpr std::size_t kIdBytes = 1024;
constexpr std::size_t kAnswerBytes = 64 * 1024;
// What an answer may hold beside a value.
constexpr std::size_t kAnswerFrame = 64;
constexpr std::size_t kDeepest = 8;

bool is_guard(Args args) { return is_word(args[0], "guard") || is_word(args[0], "hf.guard"); }
bool is_ifrev(Args args) { return is_word(args[0], "ifrev"); }
bool is_once(Args args) { return is_word(args[0], "once") || is_word(args[0], "hf.once"); }

bool is_wrapper(const CommandSpec* spec) { return spec != nullptr && spec->is(kWrapper); }

// The words of the command that is no wrapper. Empty if there is none.
Args innermost(Args args) {
  while (!args.empty() && is_wrapper(find_command(args))) args = inner_words(args);
  return args;
}

std::vector<Slot> slots_of(Args words) {
  std::vector<Slot> slots;
  const CommandSpec* const spec = find_command(words);
  if (spec == nullptr) return slots;
  for (const std::size_t i : key_positions(*spec, words)) {
    const Slot slot = key_of(words[i]).slot;
    if (std::find(slots.begin(), slots.end(), slot) == slots.end()) slots.push_back(slot);
  }
  return slots;
}

// ---- GUARD

// Why this one guard would refuse now. The floors say no to older holders for ever, the grant says
// no to one whose time is up.
std::optional<std::string> fenced_by(const WriteContext& context, Args args) {
  const auto token = parse_token(args[2]);
  if (!token || *token == 0) return "ERR token is not an integer or out of range";
  const auto& keyspace = context.keyspace;
  const std::uint64_t fence = keyspace.locks().fence_of(key_of(args[1]), *token);
  for (const Slot slot : slots_of(innermost(args))) {
    const std::uint64_t floor = keyspace.guards().floor(slot, args[1]);
    if (floor <= fence) continue;
    return fmt::format(
        "FENCED nothing was done: under the lock {} a newer holder, with fence {}, has written "
        "already; acquire it again and look at what it guards anew",
        quoted(args[1]), floor);
  }
  // Once a context is told that EXEC has asked, the grant of that moment counts for all of it.
  if (context.guards_checked || mutated(Mutation::guard_ignores_grant) ||
      keyspace.locks().holds(key_of(args[1]), *token, context.now.cluster)) {
    return std::nullopt;
  }
  return fmt::format(
      "FENCED nothing was done: token {} does not hold the lock {} (any more); acquire it again "
      "and "
      "look at what it guards anew",
      *token, quoted(args[1]));
}

// REQUIRES: fenced_by gave nothing.
void raise_floors(WriteContext& context, Args args) {
  const keyspace::Keyspace& keyspace = context.keyspace;
  const std::uint64_t fence = keyspace.locks().fence_of(key_of(args[1]), *parse_token(args[2]));
  for (const Slot slot : slots_of(innermost(args))) {
    context.keyspace.guards().raise(slot, args[1], fence);
  }
}

void guard(WriteContext& context, Args args) {
  if (const auto refused = fenced_by(context, args)) return context.reply.error(*refused);
  raise_floors(context, args);
  const Args inner = inner_words(args);
  run_in_entry(*find_command(inner), context, inner);
}

// ---- IFREV

// A revision in a client's words.
std::optional<std::uint64_t> parse_revision(std::string_view word) {
  const auto revision = parse_unsigned(word);
  return revision && *revision < keyspace::kRevisionLimit ? revision : std::nullopt;
}

constexpr std::string_view kBadRevision = "ERR revision is not an integer or out of range";

// Why this one IFREV would refuse now.
std::optional<std::string> changed_since(const WriteContext& context, Args args) {
  const auto wanted = parse_revision(args[2]);
  if (!wanted) return std::string(kBadRevision);
  const keyspace::Object* const object = context.keyspace.find(key_of(args[1]));
  const bool there = object != nullptr && !object->due(context.now.cluster);
  const bool created = mutated(Mutation::ifrev_compares_created);
  const std::uint64_t present = !there ? 0 : created ? object->created() : object->modified();
  if (present == *wanted) return std::nullopt;
  return fmt::format(
      "CHANGED nothing was done: the key {} is at revision {}{}, not at {}; read it again and decide "
      "anew",
      quoted(args[1]), present, there ? "" : " (absent)", *wanted);
}

void ifrev(WriteContext& context, Args args) {
  // EXEC has compared all revisions before it ran anything, as it has asked all guards.
  if (!context.guards_checked) {
    if (const auto refused = changed_since(context, args)) return context.reply.error(*refused);
  }
  const Args inner = inner_words(args);
  run_in_entry(*find_command(inner), context, inner);
}

// ---- ONCE

std::uint64_t hash_of(Args words, std::uint64_t seed) {
  // The name may be repeated in another case.
  std::string name(words[0]);
  for (char& c : name) c = c >= 'A' && c <= 'Z' ? static_cast<char>(c - 'A' + 'a') : c;
  std::uint64_t hash = checksum(name, seed);
  for (const std::string_view word : words.subspan(1))
    hash = checksum(word, mix(hash, word.size()));
  return hash;
}

OnceScope scope_of(Args args) {
  OnceScope scope;
  scope.id = args[1];
  const std::vector<Slot> slots = slots_of(innermost(args));
  scope.slot = slots.empty() ? key_of(scope.id).slot : slots.front();
  scope.command_hash = hash_of(inner_words(args), 0);
  return scope;
}

const OnceRecord* live_record(const WriteContext& context, const OnceScope& scope) {
  const OnceRecord* record = context.keyspace.once().find(scope.slot, scope.id);
  return record != nullptr && !record->until.passed(context.now.cluster) ? record : nullptr;
}

std::string in_neutral(std::string_view error) {
  std::string text;
  resp::ReplyWriter(text, resp::Version::neutral).error(error);
  return text;
}

void store_record(WriteContext& context, const OnceScope& scope, OnceRecord record,
                  std::int64_t wait_ms = 0) {
  record.command_hash = scope.command_hash;
  context.keyspace.once().store(scope.slot, scope.id, std::move(record),
                                context.now.cluster.plus_ms(wait_ms + OnceTable::kKeptMs));
}

void store_answer(WriteContext& context, const OnceScope& scope, std::string answer) {
  if (answer.size() > kAnswerBytes) {
    answer = in_neutral(fmt::format(
        "LIMIT the command was done once; its answer of {} bytes was not kept, at most {} are "
        "(once-answer-bytes)",
        answer.size(), kAnswerBytes));
  }
  OnceRecord record;
  record.answer = std::move(answer);
  store_record(context, scope, std::move(record));
}

// Answers a repeat under another command, and a new id that finds no room. True: refused.
bool refuse_once(WriteContext& context, const OnceScope& scope, const OnceRecord* record,
                 bool acquires) {
  if (record != nullptr) {
    // Hashes can be made to collide; a kept grant is no answer to another command all the same.
    const bool same_kind = acquires || record->state == OnceState::answered;
    if (same_kind && record->command_hash == scope.command_hash) return false;
    context.reply.error(fmt::format(
        "MISMATCH nothing was done: the request id {} stands for another command; each command "
        "needs an id of its own",
        quoted(scope.id)));
    return true;
  }
  if (context.keyspace.once().size() < OnceTable::kLimit) return false;
  context.reply.error(fmt::format(
      "LIMIT nothing was done: {} request ids are remembered already (once-records); each is "
      "forgotten after {} minutes",
      OnceTable::kLimit, OnceTable::kKeptMs / 60'000));
  return true;
}

void answer_again(WriteContext& context, const OnceRecord& record) {
  CHECK(resp::append_neutral(record.answer, context.reply), "a kept answer is no reply");
}

// How many bytes of a key's value the command may answer.
std::size_t answer_bound(const WriteContext& context, const CommandSpec& spec, Args words) {
  const bool answers_value =
      spec.name == "getset" || spec.name == "getdel" || spec.name == "getex" ||
      (spec.name == "set" && std::any_of(words.begin() + 3, words.end(), [](std::string_view word) {
         return is_word(word, "get");
       }));
  if (!answers_value) return 0;
  const keyspace::Object* const object = context.keyspace.find(key_of(words[1]));
  return object == nullptr ? 0 : object->value().length();
}

// The guards between ONCE and what it wraps, as in `ONCE id GUARD lock token LOCK.ACQUIRE …`.
std::optional<std::string> pass_guards(WriteContext& context, Args words) {
  if (auto refused = fenced(context, words)) return refused;
  for (; is_wrapper(find_command(words)); words = inner_words(words)) {
    if (is_guard(words)) raise_floors(context, words);
  }
  return std::nullopt;
}

// A repeat of a LOCK.ACQUIRE that has its answer.
void repeat_acquire(WriteContext& context, Args acquire, const OnceScope& scope,
                    const OnceRecord& record) {
  if (record.state == OnceState::answered) return answer_again(context, record);
  if (record.state == OnceState::not_granted) return context.reply.null_array();
  const keyspace::Grant grant = record.grant;
  if (context.keyspace.locks().holds(key_of(acquire[1]), grant.token, context.now.cluster)) {
    // Asked again, so that the grant counts as attended.
    return answer_acquired(HoldingKind::lock, context, acquire,
                           acquire_holding(HoldingKind::lock, context, acquire, scope.id));
  }
  answer_grant(context.reply, HoldingKind::lock, grant, 0,
               {});  // it was granted, and nothing is left of it
}

void once_acquire(WriteContext& context, const OnceScope& scope, Args inner) {
  const Args acquire = innermost(inner);
  const OnceRecord* const record = live_record(context, scope);
  if (refuse_once(context, scope, record, true)) return;
  const bool joins = record != nullptr && record->state == OnceState::waiting;
  if (record != nullptr && !joins) return repeat_acquire(context, acquire, scope, *record);

  Acquired acquired;
  if (!joins) {
    if (auto refused = pass_guards(context, inner)) acquired.error = std::move(*refused);
  }
  if (acquired.error.empty())
    acquired = acquire_holding(HoldingKind::lock, context, acquire, scope.id);
  if (!acquired.error.empty()) {
    store_answer(context, scope, in_neutral(acquired.error));
    return context.reply.error(acquired.error);
  }
  OnceRecord fresh;
  switch (acquired.result.outcome) {
    case keyspace::AcquireOutcome::granted:
      fresh.state = OnceState::granted;
      fresh.grant = acquired.result.grant;
      store_record(context, scope, std::move(fresh));
      break;
    case keyspace::AcquireOutcome::queued:
      fresh.state = OnceState::waiting;
      store_record(context, scope, std::move(fresh), wait_of(HoldingKind::lock, acquire));
      break;
    default:
      // Inside MULTI nobody waits, but the wait that was joined goes on.
      if (joins) break;
      fresh.state = OnceState::not_granted;
      store_record(context, scope, std::move(fresh));
      break;
  }
  answer_acquired(HoldingKind::lock, context, acquire, acquired);
}

void once(WriteContext& context, Args args) {
  const Args inner = inner_words(args);
  if (inner.empty()) {
    return context.reply.error(
        "ERR ONCE without a command covers a transaction: it is the first command inside MULTI");
  }
  const OnceScope scope = scope_of(args);
  const Args words = innermost(inner);
  const CommandSpec& spec = *find_command(words);
  if (spec.name == "lock.acquire") return once_acquire(context, scope, inner);
  const bool repeat = live_record(context, scope) != nullptr;
  if (!repeat && answer_bound(context, spec, words) > kAnswerBytes - kAnswerFrame) {
    return context.reply.error(fmt::format(
        "LIMIT nothing was done: the answer could be larger than the {} bytes that ONCE keeps "
        "(once-answer-bytes)",
        kAnswerBytes));
  }
  run_once(context, scope,
           [&](WriteContext& kept) { run_in_entry(*find_command(inner), kept, inner); });
}

// ---- REV

// REV key → {created, modified}; zeros if there is no such key.
void rev(ReadContext& context, Args args) {
  const keyspace::Object* const object = context.find(args[1]);
  context.reply.record(2);
  context.reply.field("created");
  context.reply.integer(object == nullptr ? 0 : static_cast<std::int64_t>(object->created()));
  context.reply.field("modified");
  context.reply.integer(object == nullptr ? 0 : static_cast<std::int64_t>(object->modified()));
}

constexpr std::string_view kGuardSummary = "Run a write only while a token holds a lock.";
constexpr std::string_view kIfrevSummary =
    "Run a write only if a key is still at a revision; 0: only if it is absent.";
constexpr std::string_view kOnceSummary =
    "Run a write at most once per request id; a repeat returns the first answer.";
constexpr std::string_view kRevSummary =
    "The revisions in which a key was created and last changed; zeros if it is absent.";
constexpr std::uint32_t kWraps = kWrite | kWrapper | kMovableKeys;

constexpr CommandSpec wrapper(std::string_view name, int arity, WriteHandler write,
                              std::string_view summary, std::uint16_t level = 0) {
  return {name,
          arity,
          kWraps,
          0,
          0,
          0,
          nullptr,
          write,
          wrapped_keys,
          "lock",
          kSince,
          "@write @slow",
          summary,
          "That of the command inside.",
          "RW access update",
          "",
          level};
}

constexpr CommandSpec revision(std::string_view name) {
  return {name,        2,       kRead | kFast, 1,         1,      1,
          rev,         nullptr, nullptr,       "generic", kSince, "@keyspace @read @fast",
          kRevSummary, "O(1)",  "RO access",   ""};
}

constexpr CommandSpec kWrapperRows[] = {
    wrapper("guard", -4, guard, kGuardSummary),
    wrapper("hf.guard", -4, guard, kGuardSummary),
    wrapper("ifrev", -4, ifrev, kIfrevSummary, Levels::kCoordination),
    wrapper("once", -2, once, kOnceSummary),
    wrapper("hf.once", -2, once, kOnceSummary),
    revision("rev"),
    revision("hf.rev"),
};

// What is wrong with the words of one layer, whatever is inside.
std::optional<std::string> refuse_layer(Args words, bool inside_once) {
  if (is_guard(words)) {
    const auto token = parse_token(words[2]);
    if (!token || *token == 0) return "ERR token is not an integer or out of range";
    return std::nullopt;
  }
  if (is_ifrev(words)) {
    if (!parse_revision(words[2])) return std::string(kBadRevision);
    return std::nullopt;
  }
  if (inside_once) return "ERR ONCE does not go inside ONCE";
  if (words[1].empty()) return "ERR a request id must not be empty";
  if (words[1].size() <= kIdBytes) return std::nullopt;
  return fmt::format("LIMIT a request id has at most {} bytes (once-id-bytes)", kIdBytes);
}

}  // namespace

std::span<const CommandSpec> wrapper_rows() { return kWrapperRows; }

Args inner_words(Args args) {
  std::size_t own = is_ifrev(args) ? 3 : 2;
  if (is_guard(args)) own = args.size() > 3 && is_word(args[3], "strict") ? 4 : 3;
  return args.size() <= own ? Args{} : args.subspan(own);
}

std::optional<std::string> refuse_wrapped(Args args) {
  Args words = args;
  bool inside_once = false;
  for (std::size_t depth = 1;; ++depth) {
    const CommandSpec& spec = *find_command(words);
    if (static_cast<std::ptrdiff_t>(words.size()) < -spec.arity) return wrong_arity(spec.name);
    if (auto refused = refuse_layer(words, inside_once)) return refused;
    inside_once = inside_once || is_once(words);
    const Args inner = inner_words(words);
    if (inner.empty()) {
      if (depth == 1 && is_once(words)) return std::nullopt;  // over a transaction
      return wrong_arity(spec.name);
    }
    words = inner;
    if (!is_wrapper(find_command(words))) break;
    if (depth == kDeepest) {
      return fmt::format("LIMIT at most {} wrappers go around a command", kDeepest);
    }
  }
  if (auto refused = refuse_words(words)) return refused;
  const CommandSpec& spec = *find_command(words);
  const bool blocks = spec.is(kBlocking) && spec.name != "lock.acquire";
  // What opens or closes a session has no key; its record lies in the slot of the request id.
  const bool keyless = key_positions(spec, words).empty() && spec.group != "session";
  if (!spec.is(kWrite) || blocks || keyless) {
    return fmt::format(
        "ERR GUARD, ONCE and IFREV wrap commands that write keys and do not block, {} is none",
        quoted(words[0]));
  }
  return std::nullopt;
}

std::vector<std::size_t> wrapped_keys(Args args) {
  const Args words = innermost(args);
  const CommandSpec* const spec = find_command(words);
  if (spec == nullptr) return {};
  std::vector<std::size_t> positions = key_positions(*spec, words);
  for (std::size_t& position : positions) position += args.size() - words.size();
  // What IFREV looks at is a key like those that are written.
  std::size_t at = 0;
  for (Args outer = args; outer.size() > words.size(); outer = inner_words(outer)) {
    if (is_ifrev(outer)) positions.insert(positions.begin() + static_cast<std::ptrdiff_t>(at++),
                                          args.size() - outer.size() + 1);
  }
  return positions;
}

std::uint16_t level_needed(Args args) {
  std::uint16_t level = 0;
  for (; !args.empty(); args = inner_words(args)) {
    const CommandSpec* const spec = find_command(args);
    if (spec != nullptr) level = std::max(level, spec->semantics);
    if (!is_wrapper(spec)) break;
  }
  return level;
}

std::optional<std::string> fenced(const WriteContext& context, Args args) {
  for (; !args.empty() && is_wrapper(find_command(args)); args = inner_words(args)) {
    if (is_guard(args)) {
      if (auto refused = fenced_by(context, args)) return refused;
    } else if (is_ifrev(args)) {
      if (auto refused = changed_since(context, args)) return refused;
    } else if (!inner_words(args).empty() && live_record(context, scope_of(args)) != nullptr) {
      return std::nullopt;  // a repeat: it is told what was answered, and nothing is written
    }
  }
  return std::nullopt;
}

std::optional<OnceScope> once_over_exec(std::span<const std::vector<std::string_view>> commands) {
  if (commands.empty() || commands[0].size() != 2 || !is_once(commands[0])) return std::nullopt;
  OnceScope scope;
  scope.id = commands[0][1];
  scope.slot = key_of(scope.id).slot;
  bool found = false;
  for (const auto& words : commands.subspan(1)) {
    scope.command_hash = hash_of(words, scope.command_hash);
    if (found) continue;
    const auto slots = slots_of(innermost(words));
    if (slots.empty()) continue;
    scope.slot = slots.front();
    found = true;
  }
  return scope;
}

void run_once(WriteContext& context, const OnceScope& scope,
              const std::function<void(WriteContext&)>& run) {
  const OnceRecord* const record = live_record(context, scope);
  if (refuse_once(context, scope, record, false)) return;
  if (record != nullptr) return answer_again(context, *record);
  std::string answer;
  resp::ReplyWriter kept_reply(answer, resp::Version::neutral);
  WriteContext kept{.keyspace = context.keyspace,
                    .now = context.now,
                    .reply = kept_reply,
                    .origin = context.origin,
                    .index = context.index,
                    .semantics = context.semantics,
                    .random = context.random,
                    .resp3 = true,
                    .may_wait = false,
                    .guards_checked = context.guards_checked};
  run(kept);
  CHECK(!kept.blocked, "a command under ONCE waits");
  CHECK(resp::append_neutral(answer, context.reply), "a command's answer is no reply");
  if (mutated(Mutation::once_not_kept)) return;
  store_answer(context, scope, std::move(answer));
}

}  // namespace holdfast::commands
