// COMMAND and its subcommands: the table, told in the shapes of Redis 7.
#include <algorithm>
#include <string>
#include <vector>

#include "commands/arguments.h"
#include "commands/errors.h"
#include "commands/glob.h"
#include "commands/help.h"
#include "commands/rows.h"

namespace holdfast::commands {
namespace {

using resp::ReplyWriter;
using Words = std::vector<std::string_view>;

// A column of several words.
Words split(std::string_view text, char separator) {
  Words words;
  while (!text.empty()) {
    const std::size_t end = std::min(text.find(separator), text.size());
    words.push_back(text.substr(0, end));
    text.remove_prefix(std::min(end + 1, text.size()));
  }
  return words;
}

void answer_set(ReplyWriter& reply, const Words& words) {
  reply.set(words.size());
  for (const std::string_view word : words) reply.simple(word);
}

bool is_subcommand(const CommandSpec& spec) {
  return spec.name.find('|') != std::string_view::npos;
}

std::vector<const CommandSpec*> top_level() {
  std::vector<const CommandSpec*> rows;
  for (const CommandSpec& spec : all_commands()) {
    if (!is_subcommand(spec) && !spec.is(kInternal)) rows.push_back(&spec);
  }
  return rows;
}

std::vector<const CommandSpec*> subcommands_of(const CommandSpec& spec) {
  const std::string prefix = std::string(spec.name) + "|";
  std::vector<const CommandSpec*> rows;
  for (const CommandSpec& other : all_commands()) {
    if (other.name.starts_with(prefix) && !other.is(kInternal)) rows.push_back(&other);
  }
  return rows;
}

// A row that clients may be told of.
const CommandSpec* listed(std::string_view name) {
  const CommandSpec* const spec = find_by_name(name);
  return spec == nullptr || spec->is(kInternal) ? nullptr : spec;
}

// ---- INFO

struct FlagName {
  std::uint32_t flag;
  std::string_view name;
};

// In the order in which Redis tells them.
constexpr FlagName kFlagNames[] = {
    {kWrite, "write"},
    {kRead, "readonly"},
    {kDenyOom, "denyoom"},
    {kAdmin, "admin"},
    {kPubSub, "pubsub"},
    {kNoScript, "noscript"},
    {kBlocking, "blocking"},
    {kLoading, "loading"},
    {kStale, "stale"},
    {kSkipMonitor, "skip_monitor"},
    {kSkipSlowlog, "skip_slowlog"},
    {kFast, "fast"},
    {kNoAuth, "no_auth"},
    {kNoMulti, "no_multi"},
    {kAllowBusy, "allow_busy"},
    {kMovableKeys, "movablekeys"},
};

void answer_flags(ReplyWriter& reply, const CommandSpec& spec) {
  Words names;
  // OBJECT HELP runs like a read but reads no data.
  const bool reads = spec.categories.find("@read") != std::string_view::npos;
  for (const FlagName& row : kFlagNames) {
    if (spec.is(static_cast<CommandFlag>(row.flag)) && (row.flag != kRead || reads)) {
      names.push_back(row.name);
    }
  }
  answer_set(reply, names);
}

// One group of keys: where it begins, how far it goes, what happens to them.
void answer_key_spec(ReplyWriter& reply, Words access, int first, int last, int step) {
  reply.map(3);
  reply.bulk("flags");
  answer_set(reply, access);
  reply.bulk("begin_search");
  reply.map(2);
  reply.bulk("type");
  reply.bulk("index");
  reply.bulk("spec");
  reply.map(1);
  reply.bulk("index");
  reply.integer(first);
  reply.bulk("find_keys");
  reply.map(2);
  reply.bulk("type");
  reply.bulk("range");
  reply.bulk("spec");
  reply.map(3);
  reply.bulk("lastkey");
  reply.integer(last);
  reply.bulk("keystep");
  reply.integer(step);
  reply.bulk("limit");
  reply.integer(0);
}

void answer_key_specs(ReplyWriter& reply, const CommandSpec& spec) {
  const Words groups = spec.first_key == 0 ? Words{} : split(spec.key_access, '|');
  reply.set(groups.size());
  if (groups.size() == 1) {
    Words access = split(groups[0], ' ');
    if (spec.is(kVariableKeyFlags)) access.push_back("variable_flags");
    // The last key counts from the first here, unless it counts from the end.
    const int last = spec.last_key < 0 ? spec.last_key : spec.last_key - spec.first_key;
    answer_key_spec(reply, access, spec.first_key, last, spec.key_step);
    return;
  }
  int first = spec.first_key;
  for (const std::string_view group : groups) {
    answer_key_spec(reply, split(group, ' '), first, 0, spec.key_step);
    first += spec.key_step;
  }
}

void answer_info(ReplyWriter& reply, const CommandSpec& spec) {
  reply.array(10);
  reply.bulk(spec.name);
  reply.integer(spec.arity);
  answer_flags(reply, spec);
  reply.integer(spec.first_key);
  reply.integer(spec.last_key);
  reply.integer(spec.key_step);
  answer_set(reply, split(spec.categories, ' '));
  const Words tips = split(spec.tips, ' ');
  reply.set(tips.size());
  for (const std::string_view tip : tips) reply.bulk(tip);
  answer_key_specs(reply, spec);
  const auto subcommands = subcommands_of(spec);
  if (subcommands.empty()) return reply.set(0);
  reply.array(subcommands.size());
  for (const CommandSpec* const row : subcommands) answer_info(reply, *row);
}

void command_info(Args names, ReplyWriter& reply) {
  if (names.empty()) {
    const auto rows = top_level();
    reply.array(rows.size());
    for (const CommandSpec* const row : rows) answer_info(reply, *row);
    return;
  }
  reply.array(names.size());
  for (const std::string_view name : names) {
    if (const CommandSpec* const spec = listed(name)) {
      answer_info(reply, *spec);
    } else {
      reply.null();
    }
  }
}

// ---- DOCS

void answer_docs(ReplyWriter& reply, const CommandSpec& spec) {
  const auto subcommands = subcommands_of(spec);
  reply.bulk(spec.name);
  reply.map(subcommands.empty() ? 4 : 5);
  reply.bulk("summary");
  reply.bulk(spec.summary);
  reply.bulk("since");
  reply.bulk(spec.since);
  reply.bulk("group");
  reply.bulk(spec.group);
  reply.bulk("complexity");
  reply.bulk(spec.complexity);
  if (subcommands.empty()) return;
  reply.bulk("subcommands");
  reply.map(subcommands.size());
  for (const CommandSpec* const row : subcommands) answer_docs(reply, *row);
}

void command_docs(Args names, ReplyWriter& reply) {
  std::vector<const CommandSpec*> rows;
  if (names.empty()) rows = top_level();
  for (const std::string_view name : names) {
    if (const CommandSpec* const spec = listed(name)) rows.push_back(spec);
  }
  reply.map(rows.size());
  for (const CommandSpec* const row : rows) answer_docs(reply, *row);
}

// ---- LIST

void command_list(Args words, ReplyWriter& reply) {
  enum class By { nothing, category, pattern, module };
  By by = By::nothing;
  if (!words.empty()) {
    if (words.size() != 3 || !is_word(words[0], "filterby")) return reply.error(kSyntaxError);
    if (is_word(words[1], "aclcat")) {
      by = By::category;
    } else if (is_word(words[1], "pattern")) {
      by = By::pattern;
    } else if (is_word(words[1], "module")) {
      by = By::module;  // there are none
    } else {
      return reply.error(kSyntaxError);
    }
  }
  Words names;
  for (const CommandSpec& spec : all_commands()) {
    if (spec.is(kInternal) || by == By::module) continue;
    if (by == By::pattern && !glob_matches(words[2], spec.name, Case::ignored)) continue;
    if (by == By::category) {
      const Words categories = split(spec.categories, ' ');
      const auto same = [&](std::string_view category) {
        return is_word(words[2], category.substr(1));
      };
      if (std::none_of(categories.begin(), categories.end(), same)) continue;
    }
    names.push_back(spec.name);
  }
  reply.array(names.size());
  for (const std::string_view name : names) reply.bulk(name);
}

// ---- GETKEYS

// What these words do to their n-th key.
Words access_of(const CommandSpec& spec, Args args, std::size_t n) {
  if (spec.is(kVariableKeyFlags)) {
    // SET reads only if it is asked to GET.
    const bool reads = std::any_of(args.begin() + 3, args.end(),
                                   [](std::string_view word) { return is_word(word, "get"); });
    if (!reads) return {"OW", "update"};
  }
  const Words groups = split(spec.key_access, '|');
  if (groups.empty()) return {};
  return split(groups[std::min(n, groups.size() - 1)], ' ');
}

enum class WithFlags : bool { no, yes };

void command_keys(Args args, WithFlags flags, ReplyWriter& reply) {
  const CommandSpec* const spec = find_command(args);
  if (spec == nullptr || spec->is(kInternal)) return reply.error(kInvalidCommand);
  if (spec->first_key == 0 && spec->find_keys == nullptr) return reply.error(kNoKeyArguments);
  const auto words = static_cast<int>(args.size());
  if (spec->arity >= 0 ? words != spec->arity : words < -spec->arity) {
    return reply.error(kInvalidCommandArity);
  }
  const auto positions = key_positions(*spec, args);
  if (positions.empty() && spec->find_keys == nullptr) {
    return reply.error(kInvalidCommandArguments);
  }
  reply.array(positions.size());
  for (std::size_t n = 0; n < positions.size(); ++n) {
    if (flags == WithFlags::yes) reply.array(2);
    reply.bulk(args[positions[n]]);
    if (flags == WithFlags::yes) answer_set(reply, access_of(*spec, args, n));
  }
}

}  // namespace

void answer_command(Args args, ReplyWriter& reply) {
  if (args.size() == 1) return command_info({}, reply);
  const Args rest = args.subspan(2);
  const std::string_view word = args[1];
  if (is_word(word, "info")) return command_info(rest, reply);
  if (is_word(word, "docs")) return command_docs(rest, reply);
  if (is_word(word, "list")) return command_list(rest, reply);
  if (is_word(word, "count")) {
    return reply.integer(static_cast<std::int64_t>(top_level().size()));
  }
  if (is_word(word, "getkeys")) return command_keys(rest, WithFlags::no, reply);
  if (is_word(word, "getkeysandflags")) return command_keys(rest, WithFlags::yes, reply);
  CHECK(is_word(word, "help"), "COMMAND {}", word);
  answer_help("command", reply);
}

}  // namespace holdfast::commands
