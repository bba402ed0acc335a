// Keys whatever they hold: delete, count, move, walk, look at.
#include <string>
#include <vector>

#include "commands/arguments.h"
#include "commands/errors.h"
#include "commands/glob.h"
#include "commands/help.h"
#include "commands/rows.h"

namespace holdfast::commands {
namespace {

using keyspace::Expiry;
using keyspace::KeyEvents;
using keyspace::Object;

// ---- present or not

void del(WriteContext& context, Args args) {
  std::int64_t count = 0;
  for (const std::string_view name : args.subspan(1)) {
    const bool there = context.find(name) != nullptr;
    context.keyspace.erase(key_of(name));  // of one that is not there it voids leases
    if (!there) continue;
    context.happened(KeyEvents::generic, "del", name);
    ++count;
  }
  context.reply.integer(count);
}

// EXISTS and TOUCH: when a key was last used is not part of the state.
void exists(ReadContext& context, Args args) {
  std::int64_t count = 0;
  for (const std::string_view name : args.subspan(1)) {
    if (context.find(name) != nullptr) ++count;
  }
  context.reply.integer(count);
}

void type(ReadContext& context, Args args) {
  const Object* const object = context.find(args[1]);
  context.reply.simple(object == nullptr ? "none" : keyspace::type_name(object->value().type()));
}

// ---- under another name

// Makes `to` what `from` is, as a new key.
void place(WriteContext& context, std::string_view to, keyspace::Value value,
           const Expiry& expiry) {
  const keyspace::Key key = key_of(to);
  if (context.find(to) != nullptr) context.keyspace.erase(key);
  context.keyspace.put(key, std::move(value));
  if (expiry.set()) context.keyspace.set_expiry(key, expiry);
}

struct CopyOptions {
  bool replace = false;
};

// Answers the error itself.
std::optional<CopyOptions> parse_copy_options(Args words, resp::ReplyWriter& reply) {
  CopyOptions options;
  for (std::size_t i = 0; i < words.size(); ++i) {
    if (is_word(words[i], "replace")) {
      options.replace = true;
    } else if (is_word(words[i], "db") && i + 1 < words.size()) {
      const auto db = integer_or_error(words[++i], reply);
      if (!db) return std::nullopt;
      if (*db != 0) {
        reply.error(kDbRange);
        return std::nullopt;
      }
    } else {
      reply.error(kSyntaxError);
      return std::nullopt;
    }
  }
  return options;
}

void copy(WriteContext& context, Args args) {
  const auto options = parse_copy_options(args.subspan(3), context.reply);
  if (!options) return;
  if (args[1] == args[2]) return context.reply.error(kSameObject);
  const Object* const from = context.find(args[1]);
  if (from == nullptr) return context.reply.integer(0);
  // Ending a due target may move `from` in its slot, so it is copied before.
  keyspace::Value value(from->value());
  const Expiry expiry = from->expiry();
  if (context.find(args[2]) != nullptr && !options->replace) return context.reply.integer(0);
  place(context, args[2], std::move(value), expiry);
  context.happened(KeyEvents::generic, "copy_to", args[2]);
  context.reply.integer(1);
}

enum class OnTaken : bool { replace, refuse };

// False: the source is missing (answered), or the target is taken.
bool move_key(WriteContext& context, Args args, OnTaken taken) {
  const Object* const from = context.find(args[1]);
  if (from == nullptr) {
    context.reply.error(kNoSuchKey);
    return false;
  }
  if (args[1] != args[2]) {
    keyspace::Value value(from->value());
    const Expiry expiry = from->expiry();
    if (taken == OnTaken::refuse && context.find(args[2]) != nullptr) {
      context.reply.integer(0);
      return false;
    }
    context.keyspace.erase(key_of(args[1]));
    place(context, args[2], std::move(value), expiry);
    context.happened(KeyEvents::generic, "rename_from", args[1]);
    context.happened(KeyEvents::generic, "rename_to", args[2]);
  } else if (taken == OnTaken::refuse) {
    context.reply.integer(0);
    return false;
  }
  return true;
}

void rename(WriteContext& context, Args args) {
  if (move_key(context, args, OnTaken::replace)) context.reply.ok();
}

void renamenx(WriteContext& context, Args args) {
  if (move_key(context, args, OnTaken::refuse)) context.reply.integer(1);
}

// ---- walks

// Whether a walk may tell of this key. As ReadContext::find does for one name.
bool visible(ReadContext& context, const Object& object) {
  if (!object.due(context.now.cluster)) return true;
  if (!context.inside_entry) context.escalate = true;
  return false;
}

void answer_names(resp::ReplyWriter& reply, const std::vector<std::string_view>& names) {
  reply.array(names.size());
  for (const std::string_view name : names) reply.bulk(name);
}

void keys(ReadContext& context, Args args) {
  std::vector<std::string_view> names;
  context.keyspace.for_each([&](const Object& object) {
    if (glob_matches(args[1], object.name()) && visible(context, object)) {
      names.push_back(object.name());
    }
    return !context.escalate;
  });
  answer_names(context.reply, names);
}

struct ScanOptions {
  std::string_view match = "*";
  std::string_view type;  // empty: any
  std::int64_t count = 10;
};

// Answers the error itself.
std::optional<ScanOptions> parse_scan_options(Args words, resp::ReplyWriter& reply) {
  ScanOptions options;
  for (std::size_t i = 0; i < words.size(); i += 2) {
    const bool pair = i + 1 < words.size();
    if (pair && is_word(words[i], "count")) {
      const auto count = integer_or_error(words[i + 1], reply);
      if (!count) return std::nullopt;
      options.count = *count;
    } else if (pair && is_word(words[i], "match")) {
      options.match = words[i + 1];
    } else if (pair && is_word(words[i], "type")) {
      options.type = words[i + 1];
    } else {
      options.count = 0;
    }
    if (options.count < 1) {
      reply.error(kSyntaxError);
      return std::nullopt;
    }
  }
  return options;
}

void scan(ReadContext& context, Args args) {
  const auto cursor = parse_unsigned(args[1]);
  if (!cursor) return context.reply.error(kInvalidCursor);
  const auto options = parse_scan_options(args.subspan(2), context.reply);
  if (!options) return;
  std::vector<std::string_view> names;
  const std::uint64_t next = context.keyspace.scan(
      *cursor, static_cast<std::size_t>(options->count), [&](const Object& object) {
        const bool wanted = options->type.empty() ||
                            is_word(options->type, keyspace::type_name(object.value().type()));
        if (wanted && glob_matches(options->match, object.name()) && visible(context, object)) {
          names.push_back(object.name());
        }
      });
  context.reply.array(2);
  context.reply.bulk(std::to_string(next));
  answer_names(context.reply, names);
}

// How many keys there are; due ones do not count. Walks only if something is due.
std::size_t count_keys(ReadContext& context) {
  if (!context.keyspace.next_deadline().passed(context.now.cluster)) return context.keyspace.size();
  std::size_t count = 0;
  context.keyspace.for_each([&](const Object& object) {
    if (visible(context, object)) ++count;
    return !context.escalate;
  });
  return count;
}

void dbsize(ReadContext& context, Args) {
  context.reply.integer(static_cast<std::int64_t>(count_keys(context)));
}

void randomkey(ReadContext& context, Args) {
  const std::size_t count = count_keys(context);
  if (count == 0 || context.escalate) return context.reply.null();
  const std::size_t chosen = static_cast<std::size_t>(context.random % count);
  if (count == context.keyspace.size()) {
    return context.reply.bulk(context.keyspace.nth(chosen).name());
  }
  std::size_t seen = 0;
  context.keyspace.for_each([&](const Object& object) {
    if (!visible(context, object) || seen++ != chosen) return true;
    context.reply.bulk(object.name());
    return false;
  });
}

// ---- all of them

void flush(WriteContext& context, Args args) {
  const bool known = args.size() == 1 ||
                     (args.size() == 2 && (is_word(args[1], "async") || is_word(args[1], "sync")));
  if (!known) return context.reply.error(kSyntaxError);
  context.keyspace.clear();
  context.reply.ok();
}

// ---- OBJECT

void object_encoding(ReadContext& context, Args args) {
  const Object* const object = context.find(args[2]);
  if (object == nullptr) return context.reply.null();
  context.reply.bulk(object->value().encoding());
}

void object_refcount(ReadContext& context, Args args) {
  if (context.find(args[2]) == nullptr) return context.reply.null();
  context.reply.integer(1);  // values are never shared
}

void object_idletime(ReadContext& context, Args args) {
  if (context.find(args[2]) == nullptr) return context.reply.null();
  context.reply.integer(0);  // nothing is evicted yet, so nobody keeps the time of the last use
}

void object_freq(ReadContext& context, Args args) {
  if (context.find(args[2]) == nullptr) return context.reply.null();
  context.reply.error(kNoLfu);
}

void object_help(ReadContext& context, Args) { answer_help("object", context.reply); }

constexpr std::string_view kSum = "request_policy:multi_shard response_policy:agg_sum";
constexpr std::string_view kAllShards = "request_policy:all_shards response_policy:all_succeeded";

// name, arity, flags, first key, last key, step, read, write, keys, group, since, categories,
// summary, complexity, what happens to keys, tips
constexpr CommandSpec kKeyRows[] = {
    {"copy", -3, kWrite | kDenyOom, 1, 2, 1, nullptr, copy, nullptr, "generic", "6.2.0",
     kKeyspaceWriteSlow, "Give a second key the value and expiry of a first.",
     "O(N) for the size of the value", "RO access|OW update", ""},
    {"dbsize", 1, kRead | kFast, 0, 0, 0, dbsize, nullptr, nullptr, "server", "1.0.0",
     kKeyspaceReadFast, "How many keys there are.", "O(1)", "",
     "request_policy:all_shards response_policy:agg_sum"},
    {"del", -2, kWrite, 1, -1, 1, nullptr, del, nullptr, "generic", "1.0.0", kKeyspaceWriteSlow,
     "Delete keys; returns how many existed.", "O(N) for N keys", "RM delete", kSum},
    {"exists", -2, kRead | kFast, 1, -1, 1, exists, nullptr, nullptr, "generic", "1.0.0",
     kKeyspaceReadFast, "How many of the names exist; a name given twice counts twice.",
     "O(N) for N keys", "RO", kSum},
    {"flushall", -1, kWrite, 0, 0, 0, nullptr, flush, nullptr, "server", "1.0.0",
     "@keyspace @write @slow @dangerous", "Delete all keys; locks stay.", "O(N) for N keys", "",
     kAllShards},
    {"flushdb", -1, kWrite, 0, 0, 0, nullptr, flush, nullptr, "server", "1.0.0",
     "@keyspace @write @slow @dangerous", "Delete all keys; locks stay.", "O(N) for N keys", "",
     kAllShards},
    {"keys", 2, kRead, 0, 0, 0, keys, nullptr, nullptr, "generic", "1.0.0",
     "@keyspace @read @slow @dangerous", "All names that match a pattern.",
     "O(N) for all keys; prefer SCAN", "",
     "request_policy:all_shards nondeterministic_output_order"},
    {"object", -2, kSubcommands, 0, 0, 0, nullptr, nullptr, nullptr, "generic", "2.2.3", "@slow",
     "Look at how a key is held.", "Depends on the subcommand.", "", ""},
    {"object|encoding", 3, kRead, 2, 2, 1, object_encoding, nullptr, nullptr, "generic", "2.2.3",
     kKeyspaceReadSlow, "How a value is held in memory.", "O(1)", "RO", kVaries},
    {"object|freq", 3, kRead, 2, 2, 1, object_freq, nullptr, nullptr, "generic", "4.0.0",
     kKeyspaceReadSlow, "How often a key is used.", "O(1)", "RO", kVaries},
    {"object|help", 2, kRead | kLoading | kStale, 0, 0, 0, object_help, nullptr, nullptr, "generic",
     "6.2.0", "@keyspace @slow", "What OBJECT can say.", "O(1)", "", ""},
    {"object|idletime", 3, kRead, 2, 2, 1, object_idletime, nullptr, nullptr, "generic", "2.2.3",
     kKeyspaceReadSlow, "Seconds since a key was last used.", "O(1)", "RO", kVaries},
    {"object|refcount", 3, kRead, 2, 2, 1, object_refcount, nullptr, nullptr, "generic", "2.2.3",
     kKeyspaceReadSlow, "How many keys share a value.", "O(1)", "RO", kVaries},
    {"randomkey", 1, kRead, 0, 0, 0, randomkey, nullptr, nullptr, "generic", "1.0.0",
     kKeyspaceReadSlow, "The name of some key.", "O(1)", "",
     "request_policy:all_shards nondeterministic_output"},
    {"rename", 3, kWrite, 1, 2, 1, nullptr, rename, nullptr, "generic", "1.0.0", kKeyspaceWriteSlow,
     "Give a key another name, replacing what had it.", "O(1)", "RW access delete|OW update", ""},
    {"renamenx", 3, kWrite | kFast, 1, 2, 1, nullptr, renamenx, nullptr, "generic", "1.0.0",
     kKeyspaceWriteFast, "Give a key another name if nothing has it.", "O(1)",
     "RW access delete|OW insert", ""},
    {"scan", -2, kRead, 0, 0, 0, scan, nullptr, nullptr, "generic", "2.8.0", kKeyspaceReadSlow,
     "Walk over all names, some at a time.", "O(1) a call, O(N) for the whole walk", "",
     "nondeterministic_output request_policy:special"},
    {"touch", -2, kRead | kFast, 1, -1, 1, exists, nullptr, nullptr, "generic", "3.2.1",
     kKeyspaceReadFast, "Count the names that exist as used now.", "O(N) for N keys", "RO", kSum},
    {"type", 2, kRead | kFast, 1, 1, 1, type, nullptr, nullptr, "generic", "1.0.0",
     kKeyspaceReadFast, "What kind of value a key holds.", "O(1)", "RO", ""},
    {"unlink", -2, kWrite | kFast, 1, -1, 1, nullptr, del, nullptr, "generic", "4.0.0",
     kKeyspaceWriteFast, "Delete keys; the same as DEL here.", "O(N) for N keys", "RM delete",
     kSum},
};

}  // namespace

std::span<const CommandSpec> key_rows() { return kKeyRows; }

}  // namespace holdfast::commands
