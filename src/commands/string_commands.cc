// Strings as bytes: SET and GET in all their forms, parts of strings, many at once, LCS.
// Strings as numbers are in number_commands.cc.
#include <algorithm>
#include <string>

#include "commands/arguments.h"
#include "commands/errors.h"
#include "commands/lcs.h"
#include "commands/rows.h"
#include "commands/set_options.h"
#include "resp/limits.h"

namespace holdfast::commands {
namespace {

using keyspace::Expiry;
using keyspace::KeyEvents;
using keyspace::Object;

// Replaces value and expiry. An expiry that is over already ends the key at once. `expires`: the
// command gave that expiry itself, so that it is an event of its own.
void store(WriteContext& context, const keyspace::Key& key, std::string_view text,
           const Expiry& expiry, bool expires = false) {
  if (expiry.deadline <= context.now.cluster) {
    if (context.keyspace.erase(key)) context.happened(KeyEvents::generic, "del", key.name);
    return;
  }
  const Object& object = context.keyspace.put_text(key, text);
  if (object.expiry() != expiry) context.keyspace.set_expiry(key, expiry);
  context.happened(KeyEvents::string, "set", key.name);
  if (expires) context.happened(KeyEvents::generic, "expire", key.name);
}

void answer_value(resp::ReplyWriter& reply, const Object* object) {
  if (object == nullptr) {
    reply.null();
  } else {
    std::string scratch;
    reply.bulk(object->value().text(scratch));
  }
}

// ---- SET and its older forms

void set(WriteContext& context, Args args) {
  const auto options = parse_set_options(args.subspan(3), OptionsOf::set);
  if (!options) return context.reply.error(kSyntaxError);
  Expiry expiry;
  if (options->time) {
    const auto given = expiry_or_error(*options, "set", context.now, context.reply);
    if (!given) return;
    expiry = *given;
  }
  const keyspace::Key key = context.key(args[1]);
  const Object* const old = context.find(key);
  const bool wanted =
      !(options->if_absent && old != nullptr) && !(options->if_present && old == nullptr);
  if (options->keep_ttl && old != nullptr) expiry = old->expiry();
  if (options->get) {
    answer_value(context.reply, old);
  } else if (wanted) {
    context.reply.ok();
  } else {
    context.reply.null();
  }
  if (wanted) store(context, key, args[2], expiry, options->time.has_value());
}

void set_if_absent(WriteContext& context, Args args) {
  const keyspace::Key key = context.key(args[1]);
  const bool wanted = context.find(key) == nullptr;
  if (wanted) store(context, key, args[2], Expiry{});
  context.reply.integer(wanted ? 1 : 0);
}

void set_with_ttl(WriteContext& context, Args args, TimeUnit unit, std::string_view command) {
  SetOptions options;
  options.time = args[2];
  options.unit = unit;
  const auto expiry = expiry_or_error(options, command, context.now, context.reply);
  if (!expiry) return;
  const keyspace::Key key = context.key(args[1]);
  context.find(key);
  store(context, key, args[3], *expiry, true);
  context.reply.ok();
}

void setex(WriteContext& context, Args args) {
  set_with_ttl(context, args, TimeUnit::seconds, "setex");
}

void psetex(WriteContext& context, Args args) {
  set_with_ttl(context, args, TimeUnit::milliseconds, "psetex");
}

void getset(WriteContext& context, Args args) {
  const keyspace::Key key = context.key(args[1]);
  answer_value(context.reply, context.find(key));
  store(context, key, args[2], Expiry{});
}

// ---- GET and its changing forms

void get(ReadContext& context, Args args) { answer_value(context.reply, context.find(args[1])); }

void getdel(WriteContext& context, Args args) {
  const Object* const object = context.find(args[1]);
  answer_value(context.reply, object);
  context.keyspace.erase(key_of(args[1]));  // of one that is not there it voids leases
  if (object == nullptr) return;
  context.happened(KeyEvents::generic, "del", args[1]);
}

void getex(WriteContext& context, Args args) {
  const auto options = parse_set_options(args.subspan(2), OptionsOf::getex);
  if (!options) return context.reply.error(kSyntaxError);
  const Object* const object = context.find(args[1]);
  if (object == nullptr) return context.reply.null();
  Expiry expiry = object->expiry();
  if (options->persist) expiry = Expiry{};
  if (options->time) {
    const auto given = expiry_or_error(*options, "getex", context.now, context.reply);
    if (!given) return;
    expiry = *given;
  }
  answer_value(context.reply, object);
  const keyspace::Key key = key_of(args[1]);
  if (expiry.deadline <= context.now.cluster) {
    context.keyspace.erase(key);
    context.happened(KeyEvents::generic, "del", args[1]);
  } else if (expiry != object->expiry()) {
    context.keyspace.set_expiry(key, expiry);
    context.happened(KeyEvents::generic, expiry.set() ? "expire" : "persist", args[1]);
  }
}

// ---- many at once

void mget(ReadContext& context, Args args) {
  context.reply.array(args.size() - 1);
  for (const std::string_view name : args.subspan(1)) {
    answer_value(context.reply, context.find(name));
  }
}

void store_pairs(WriteContext& context, Args args) {
  for (std::size_t i = 1; i < args.size(); i += 2) {
    const keyspace::Key key = context.key(args[i]);
    context.find(key);
    store(context, key, args[i + 1], Expiry{});
  }
}

void mset(WriteContext& context, Args args) {
  if (args.size() % 2 == 0) return context.reply.error(wrong_arity("mset"));
  store_pairs(context, args);
  context.reply.ok();
}

void msetnx(WriteContext& context, Args args) {
  if (args.size() % 2 == 0) return context.reply.error(wrong_arity("msetnx"));
  for (std::size_t i = 1; i < args.size(); i += 2) {
    if (context.find(args[i]) != nullptr) return context.reply.integer(0);
  }
  store_pairs(context, args);
  context.reply.integer(1);
}

// ---- parts of strings

void append(WriteContext& context, Args args) {
  const Object* const object = context.find(args[1]);
  const std::size_t length = object == nullptr ? 0 : object->value().length();
  const std::size_t whole = length + args[2].size();
  if (whole > static_cast<std::size_t>(resp::kValueBytes)) {
    return context.reply.error(kStringTooLong);
  }
  if (object == nullptr) {
    context.keyspace.put_text(key_of(args[1]), args[2]);
  } else {
    context.keyspace.edit_text(key_of(args[1]), [&](std::string& text) { text.append(args[2]); });
  }
  context.happened(KeyEvents::string, "append", args[1]);
  context.reply.integer(static_cast<std::int64_t>(whole));
}

void strlen(ReadContext& context, Args args) {
  const Object* const object = context.find(args[1]);
  const std::size_t length = object == nullptr ? 0 : object->value().length();
  context.reply.integer(static_cast<std::int64_t>(length));
}

void setrange(WriteContext& context, Args args) {
  const auto offset = integer_or_error(args[2], context.reply);
  if (!offset) return;
  if (*offset < 0) return context.reply.error(kOffsetRange);
  const std::string_view part = args[3];
  const Object* const object = context.find(args[1]);
  const std::size_t length = object == nullptr ? 0 : object->value().length();
  if (part.empty()) return context.reply.integer(static_cast<std::int64_t>(length));
  if (*offset > resp::kValueBytes - static_cast<std::int64_t>(part.size())) {
    return context.reply.error(kStringTooLong);
  }
  const std::size_t begin = static_cast<std::size_t>(*offset);
  const std::size_t whole = std::max(length, begin + part.size());
  if (object == nullptr) context.keyspace.put(key_of(args[1]), keyspace::Value::raw(""));
  context.keyspace.edit_text(key_of(args[1]), [&](std::string& text) {
    text.resize(whole, '\0');
    text.replace(begin, part.size(), part);
  });
  context.happened(KeyEvents::string, "setrange", args[1]);
  context.reply.integer(static_cast<std::int64_t>(whole));
}

// The part of a text from first to last, both included; negative positions count from the end.
std::string_view range_of(std::string_view text, std::int64_t first, std::int64_t last) {
  const auto length = static_cast<std::int64_t>(text.size());
  if (first < 0 && last < 0 && first > last) return {};
  if (first < 0) first = std::max<std::int64_t>(first + length, 0);
  if (last < 0) last = std::max<std::int64_t>(last + length, 0);
  last = std::min(last, length - 1);
  if (first > last) return {};
  return text.substr(static_cast<std::size_t>(first), static_cast<std::size_t>(last - first + 1));
}

void getrange(ReadContext& context, Args args) {
  const auto first = integer_or_error(args[2], context.reply);
  if (!first) return;
  const auto last = integer_or_error(args[3], context.reply);
  if (!last) return;
  const Object* const object = context.find(args[1]);
  if (object == nullptr) return context.reply.bulk("");
  std::string scratch;
  context.reply.bulk(range_of(object->value().text(scratch), *first, *last));
}

// ---- LCS

struct LcsOptions {
  bool length = false;
  bool indexes = false;
  bool match_lengths = false;
  std::int64_t shortest = 0;
};

// Answers the error itself.
std::optional<LcsOptions> parse_lcs_options(Args words, resp::ReplyWriter& reply) {
  LcsOptions options;
  for (std::size_t i = 0; i < words.size(); ++i) {
    if (is_word(words[i], "idx")) {
      options.indexes = true;
    } else if (is_word(words[i], "len")) {
      options.length = true;
    } else if (is_word(words[i], "withmatchlen")) {
      options.match_lengths = true;
    } else if (is_word(words[i], "minmatchlen") && i + 1 < words.size()) {
      const auto shortest = integer_or_error(words[++i], reply);
      if (!shortest) return std::nullopt;
      options.shortest = *shortest;
    } else {
      reply.error(kSyntaxError);
      return std::nullopt;
    }
  }
  if (options.length && options.indexes) {
    reply.error(kLcsLengthAndIndexes);
    return std::nullopt;
  }
  return options;
}

void answer_positions(resp::ReplyWriter& reply, std::size_t first, std::size_t last) {
  reply.array(2);
  reply.integer(static_cast<std::int64_t>(first));
  reply.integer(static_cast<std::int64_t>(last));
}

void answer_matches(resp::ReplyWriter& reply, const Lcs& found, const LcsOptions& options) {
  const auto shown = [&](const LcsMatch& match) {
    return static_cast<std::int64_t>(match.length()) >= options.shortest;
  };
  reply.map(2);
  reply.bulk("matches");
  reply.array(
      static_cast<std::size_t>(std::count_if(found.matches.begin(), found.matches.end(), shown)));
  for (const LcsMatch& match : found.matches) {
    if (!shown(match)) continue;
    reply.array(options.match_lengths ? 3 : 2);
    answer_positions(reply, match.a_first, match.a_last);
    answer_positions(reply, match.b_first, match.b_last);
    if (options.match_lengths) reply.integer(static_cast<std::int64_t>(match.length()));
  }
  reply.bulk("len");
  reply.integer(static_cast<std::int64_t>(found.length));
}

void lcs(ReadContext& context, Args args) {
  const Object* const a = context.find(args[1]);
  const Object* const b = context.find(args[2]);
  const auto options = parse_lcs_options(args.subspan(3), context.reply);
  if (!options) return;
  std::string scratch_a;
  std::string scratch_b;
  const auto found =
      longest_common_subsequence(a == nullptr ? std::string_view() : a->value().text(scratch_a),
                                 b == nullptr ? std::string_view() : b->value().text(scratch_b),
                                 !options->length, static_cast<std::size_t>(resp::kValueBytes));
  if (!found) return context.reply.error(kLcsMemory);
  if (options->length) {
    context.reply.integer(static_cast<std::int64_t>(found->length));
  } else if (options->indexes) {
    answer_matches(context.reply, *found, *options);
  } else {
    context.reply.bulk(found->text);
  }
}

constexpr std::string_view kStringReadFast = "@read @string @fast";
constexpr std::string_view kStringReadSlow = "@read @string @slow";
constexpr std::string_view kStringWriteSlow = "@write @string @slow";
constexpr std::string_view kAllSucceeded =
    "request_policy:multi_shard response_policy:all_succeeded";

// name, arity, flags, first key, last key, step, read, write, keys, group, since, categories,
// summary, complexity, what happens to keys, tips
constexpr CommandSpec kStringRows[] = {
    {"append", 3, kWrite | kDenyOom | kFast, 1, 1, 1, nullptr, append, nullptr, "string", "2.0.0",
     kStringWriteFast, "Add bytes to the end of a string; a missing key counts as empty.", "O(1)",
     "RW insert", ""},
    {"get", 2, kRead | kFast, 1, 1, 1, get, nullptr, nullptr, "string", "1.0.0", kStringReadFast,
     "The value of a key.", "O(1)", "RO access", ""},
    {"getdel", 2, kWrite | kFast, 1, 1, 1, nullptr, getdel, nullptr, "string", "6.2.0",
     kStringWriteFast, "The value of a key, which is deleted.", "O(1)", "RW access delete", ""},
    {"getex", -2, kWrite | kFast, 1, 1, 1, nullptr, getex, nullptr, "string", "6.2.0",
     kStringWriteFast, "The value of a key, whose expiry is set or removed.", "O(1)", kUpdates, ""},
    {"getrange", 4, kRead, 1, 1, 1, getrange, nullptr, nullptr, "string", "2.4.0", kStringReadSlow,
     "A part of a string, by its first and last position.", "O(N) for N bytes returned",
     "RO access", ""},
    {"getset", 3, kWrite | kDenyOom | kFast, 1, 1, 1, nullptr, getset, nullptr, "string", "1.0.0",
     kStringWriteFast, "Set a value and return the one before.", "O(1)", kUpdates, ""},
    {"lcs", -3, kRead, 1, 2, 1, lcs, nullptr, nullptr, "string", "7.0.0", kStringReadSlow,
     "The longest subsequence that two strings have in common.", "O(N*M) for their lengths",
     "RO access", ""},
    {"mget", -2, kRead | kFast, 1, -1, 1, mget, nullptr, nullptr, "string", "1.0.0",
     kStringReadFast, "The values of several keys at one moment.", "O(N) for N keys", "RO access",
     "request_policy:multi_shard"},
    {"mset", -3, kWrite | kDenyOom, 1, -1, 2, nullptr, mset, nullptr, "string", "1.0.1",
     kStringWriteSlow, "Set several keys in one step.", "O(N) for N keys", "OW update",
     kAllSucceeded},
    {"msetnx", -3, kWrite | kDenyOom, 1, -1, 2, nullptr, msetnx, nullptr, "string", "1.0.1",
     kStringWriteSlow, "Set several keys in one step if none of them exists.", "O(N) for N keys",
     "OW insert", "request_policy:multi_shard response_policy:agg_min"},
    {"psetex", 4, kWrite | kDenyOom, 1, 1, 1, nullptr, psetex, nullptr, "string", "2.6.0",
     kStringWriteSlow, "Set a value that ends after so many milliseconds.", "O(1)", "OW update",
     ""},
    {"set", -3, kWrite | kDenyOom | kVariableKeyFlags, 1, 1, 1, nullptr, set, nullptr, "string",
     "1.0.0", kStringWriteSlow, "Set a value, with conditions and an expiry.", "O(1)", kUpdates,
     ""},
    {"setex", 4, kWrite | kDenyOom, 1, 1, 1, nullptr, setex, nullptr, "string", "2.0.0",
     kStringWriteSlow, "Set a value that ends after so many seconds.", "O(1)", "OW update", ""},
    {"setnx", 3, kWrite | kDenyOom | kFast, 1, 1, 1, nullptr, set_if_absent, nullptr, "string",
     "1.0.0", kStringWriteFast, "Set a value if the key does not exist.", "O(1)", "OW insert", ""},
    {"setrange", 4, kWrite | kDenyOom, 1, 1, 1, nullptr, setrange, nullptr, "string", "2.2.0",
     kStringWriteSlow, "Overwrite a part of a string, which grows with zero bytes if it must.",
     "O(N) for the length of the part", "RW update", ""},
    {"strlen", 2, kRead | kFast, 1, 1, 1, strlen, nullptr, nullptr, "string", "2.2.0",
     kStringReadFast, "The length of a string in bytes.", "O(1)", "RO", ""},
    {"substr", 4, kRead, 1, 1, 1, getrange, nullptr, nullptr, "string", "1.0.0", kStringReadSlow,
     "The older name of GETRANGE.", "O(N) for N bytes returned", "RO access", ""},
};

}  // namespace

std::span<const CommandSpec> string_rows() { return kStringRows; }

}  // namespace holdfast::commands
