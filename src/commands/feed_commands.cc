#include "commands/feed_commands.h"

#include <fmt/format.h>

#include <algorithm>
#include <charconv>

#include "commands/arguments.h"
#include "commands/errors.h"
#include "commands/holding_words.h"
#include "commands/levels.h"
#include "commands/limits.h"
#include "commands/rows.h"
#include "keyspace/feed.h"

namespace holdfast::commands {
namespace {

using keyspace::FeedChange;
using keyspace::FeedPage;
using keyspace::FeedRetention;
using keyspace::FeedTable;

constexpr std::size_t kPrefixBytes = 1024;
constexpr std::int64_t kFewestBytes = 1024;
constexpr std::int64_t kMostAtOnce = 10'000;
constexpr char kPositionMark = 'r';

std::string position_of(std::uint64_t revision) {
  return fmt::format("{}{:x}", kPositionMark, revision);
}

std::optional<std::uint64_t> parse_position(std::string_view word) {
  if (word.empty() || word.front() != kPositionMark) return std::nullopt;
  std::uint64_t revision = 0;
  const char* const end = word.data() + word.size();
  const auto parsed = std::from_chars(word.data() + 1, end, revision, 16);
  const bool whole = parsed.ec == std::errc() && parsed.ptr == end;
  return whole && revision < keyspace::kRevisionLimit ? std::optional(revision) : std::nullopt;
}

std::optional<std::string> refuse_prefix(std::string_view prefix) {
  if (prefix.size() <= kPrefixBytes) return std::nullopt;
  return fmt::format("LIMIT a feed's prefix has at most {} bytes (feed-prefix-bytes)",
                     kPrefixBytes);
}

// ---- FEED.DECLARE prefix RETAIN ENTRIES n | BYTES b

std::optional<std::string> read_declare(Args args, FeedRetention& retention) {
  if (auto refused = refuse_prefix(args[1])) return refused;
  if (!is_word(args[2], "retain")) return std::string(kSyntaxError);
  std::int64_t number = 0;
  if (is_word(args[3], "entries")) {
    auto refused = read_number("RETAIN ENTRIES", args[4],
                               {1, static_cast<std::int64_t>(FeedTable::kMaxEntries)}, number);
    retention.entries = static_cast<std::uint64_t>(number);
    return refused;
  }
  if (!is_word(args[3], "bytes")) return std::string(kSyntaxError);
  auto refused =
      read_number("RETAIN BYTES", args[4],
                  {kFewestBytes, static_cast<std::int64_t>(FeedTable::kMaxBytes)}, number);
  retention.bytes = static_cast<std::uint64_t>(number);
  return refused;
}

void feed_declare(WriteContext& context, Args args) {
  FeedRetention retention;
  if (const auto refused = read_declare(args, retention)) return context.reply.error(*refused);
  if (context.keyspace.feeds().declare(args[1], retention)) return context.reply.ok();
  context.reply.error(
      fmt::format("LIMIT nothing was done: there are {} feeds already (feeds); FEED.DROP one, or "
                  "declare a shorter prefix and read it with MATCH",
                  FeedTable::kMaxFeeds));
}

void feed_drop(WriteContext& context, Args args) {
  context.reply.integer(context.keyspace.feeds().drop(args[1]) ? 1 : 0);
}

// ---- FEED.READ position [MATCH prefix] [COUNT n] [BLOCK ms]

struct ReadWords {
  std::optional<std::string_view> match;
  std::int64_t count = 100;
  std::int64_t block_ms = 0;
};

std::optional<std::string> read_feed_words(Args args, ReadWords& words) {
  if (args[1] != "0" && args[1] != "$" && !parse_position(args[1])) {
    return "ERR not a position: '0' is the oldest, '$' is now, others are what FEED.READ answered";
  }
  for (std::size_t i = 2; i < args.size(); i += 2) {
    if (i + 1 == args.size()) return std::string(kSyntaxError);
    std::optional<std::string> refused;
    if (is_word(args[i], "match")) {
      words.match = args[i + 1];
      refused = refuse_prefix(args[i + 1]);
    } else if (is_word(args[i], "count")) {
      refused = read_number("COUNT", args[i + 1], {1, kMostAtOnce}, words.count);
    } else if (is_word(args[i], "block")) {
      refused = read_number("BLOCK", args[i + 1], {0, kTenYearsMs}, words.block_ms);
    } else {
      refused = std::string(kSyntaxError);
    }
    if (refused) return refused;
  }
  return std::nullopt;
}

// Which feed is meant; an error text if none is.
std::optional<std::string> find_feed(const FeedTable& feeds, std::optional<std::string_view>& match,
                                     std::string& feed) {
  const auto prefixes = feeds.prefixes();
  if (!match && prefixes.size() == 1) match = prefixes.front();
  if (!match) match = "";
  if (const auto covering = feeds.covering(*match)) {
    feed = *covering;
    return std::nullopt;
  }
  return fmt::format(
      "ERR no feed tells of all keys that begin with {}: FEED.LIST shows what is declared, MATCH says "
      "which to read, FEED.DECLARE begins one",
      quoted(*match));
}

void answer_changes(resp::ReplyWriter& reply, const FeedPage& page) {
  reply.record(2);
  reply.field("position");
  reply.bulk(position_of(page.position));
  reply.field("changes");
  reply.array(page.changes.size());
  for (const FeedChange& change : page.changes) {
    reply.record(4);
    reply.field("key");
    reply.bulk(change.key);
    reply.field("operation");
    reply.bulk(keyspace::name_of(change.operation));
    reply.field("value");
    change.value ? reply.bulk(*change.value) : reply.null();
    reply.field("revision");
    reply.integer(static_cast<std::int64_t>(change.revision));
  }
}

void feed_read(ReadContext& context, Args args) {
  ReadWords words;
  if (const auto refused = read_feed_words(args, words)) return context.reply.error(*refused);
  const FeedTable& feeds = context.keyspace.feeds();
  std::string feed;
  if (const auto refused = find_feed(feeds, words.match, feed)) {
    return context.reply.error(*refused);
  }
  std::uint64_t position = args[1] == "0"   ? feeds.info(feed)->oldest
                           : args[1] == "$" ? std::max(feeds.now(), feeds.info(feed)->oldest)
                                            : *parse_position(args[1]);
  const FeedPage page =
      feeds.read(feed, *words.match, position, static_cast<std::size_t>(words.count));
  if (page.later) {
    return context.reply.error(
        "ERR the position is later than anything that has happened: it is of another cluster");
  }
  if (!page.compacted) return answer_changes(context.reply, page);
  context.reply.error(
      fmt::format("COMPACTED {} is the oldest position of the feed {}, the changes between {} and it "
                  "are forgotten: read the keys themselves, and go on from a position taken before",
                  position_of(page.position), quoted(feed), args[1]));
}

// ---- looking

void feed_info(ReadContext& context, Args args) {
  const FeedTable& feeds = context.keyspace.feeds();
  const auto known = feeds.info(args[1]);
  resp::ReplyWriter& reply = context.reply;
  if (!known) return reply.null_array();
  reply.record(6);
  answer_number(reply, "retain_entries", known->retention.entries);
  answer_number(reply, "retain_bytes", known->retention.bytes);
  answer_number(reply, "entries", known->entries);
  answer_number(reply, "bytes", known->bytes);
  reply.field("oldest");
  reply.bulk(position_of(known->oldest));
  reply.field("now");
  reply.bulk(position_of(std::max(feeds.now(), known->oldest)));
}

void feed_list(ReadContext& context, Args) {
  const auto prefixes = context.keyspace.feeds().prefixes();
  context.reply.array(prefixes.size());
  for (const std::string_view prefix : prefixes) context.reply.bulk(prefix);
}

constexpr CommandSpec kFeedRows[] = {
    {"feed.declare", 5, kWrite | kDenyOom, 0, 0, 0, nullptr, feed_declare, nullptr, "feed", kSince,
     "@write @slow", "Remember from now on what changes in the keys of a prefix.", "O(1)", "", "",
     Levels::kCoordination},
    {"feed.drop", 2, kWrite, 0, 0, 0, nullptr, feed_drop, nullptr, "feed", kSince, "@write @slow",
     "Remember no more, and forget what was remembered.", "O(N) for N bytes", "", "",
     Levels::kCoordination},
    {"feed.info", 2, kRead | kFast, 0, 0, 0, feed_info, nullptr, nullptr, "feed", kSince,
     "@read @fast", "What a feed retains, and from which position on.", "O(1)", "", "",
     Levels::kCoordination},
    {"feed.list", 1, kRead | kFast, 0, 0, 0, feed_list, nullptr, nullptr, "feed", kSince,
     "@read @fast", "The prefixes for which feeds are declared.", "O(N) for N feeds", "", "",
     Levels::kCoordination},
    {"feed.read", -2, kRead, 0, 0, 0, feed_read, nullptr, nullptr, "feed", kSince,
     "@read @slow @blocking",
     "What has changed since a position, whole transactions; BLOCK waits until something has.",
     "O(N) for N bytes of changes", "", "", Levels::kCoordination},
};

}  // namespace

std::span<const CommandSpec> feed_rows() { return kFeedRows; }

std::int64_t feed_block_of(Args args) {
  ReadWords words;
  return args.size() < 2 || read_feed_words(args, words) ? 0 : words.block_ms;
}

// {position, []} has no other array at its end, and no other bulk string that is a position.
std::optional<NothingNew> nothing_new(std::string_view answer) {
  if (answer.empty() || answer.front() == '-' || !answer.ends_with("\r\n*0\r\n")) {
    return std::nullopt;
  }
  const std::size_t begin = answer.find("\r\nr");
  if (begin == std::string_view::npos) return std::nullopt;
  std::string_view word = answer.substr(begin + 2);
  word = word.substr(0, word.find("\r\n"));
  const auto revision = parse_position(word);
  if (!revision) return std::nullopt;
  return NothingNew{std::string(word), *revision};
}

}  // namespace holdfast::commands
