#include "resp/reply_parser.h"

#include <gtest/gtest.h>

#include <rapidcheck/gtest.h>

#include "resp/reply_writer.h"

namespace holdfast::resp {
namespace {

using Kind = Reply::Kind;

struct Outcome {
  std::vector<Reply> replies;
  std::string error;

  bool operator==(const Outcome&) const = default;
};

Outcome parse(std::string_view bytes, std::size_t piece = SIZE_MAX,
              const ReplyLimits& limits = {}) {
  ReplyParser parser(limits);
  Outcome outcome;
  while (!bytes.empty() && outcome.error.empty()) {
    parser.feed(bytes.substr(0, piece));
    bytes.remove_prefix(std::min(piece, bytes.size()));
    Reply reply;
    Parsed parsed;
    while ((parsed = parser.next(reply)) == Parsed::request) outcome.replies.push_back(reply);
    if (parsed == Parsed::error) outcome.error = parser.error();
  }
  return outcome;
}

Reply one(std::string_view bytes) {
  const Outcome outcome = parse(bytes);
  EXPECT_EQ(outcome.error, "") << bytes;
  EXPECT_EQ(outcome.replies.size(), 1u) << bytes;
  EXPECT_EQ(outcome, parse(bytes, 1)) << bytes;
  return outcome.replies.empty() ? Reply{} : outcome.replies[0];
}

TEST(ReplyParser, ReadsEveryKind) {
  EXPECT_EQ(one("+OK\r\n").text, "OK");
  EXPECT_EQ(one("-ERR no\r\n").kind, Kind::error);
  EXPECT_EQ(one(":-12\r\n").number, -12);
  EXPECT_EQ(one("$5\r\na\r\nbc\r\n").text, "a\r\nbc");
  EXPECT_EQ(one("$-1\r\n").kind, Kind::null);
  EXPECT_EQ(one("*-1\r\n").kind, Kind::null);
  EXPECT_EQ(one("_\r\n").kind, Kind::null);
  EXPECT_EQ(one(",10.6\r\n").real, 10.6);
  EXPECT_EQ(one(",-inf\r\n").text, "-inf");
  EXPECT_EQ(one("#t\r\n").number, 1);
  EXPECT_EQ(one("(12345678901234567890123\r\n").kind, Kind::big_number);
  EXPECT_EQ(one("!3\r\nERR\r\n").kind, Kind::error);
  const Reply text = one("=6\r\ntxt:hi\r\n");
  EXPECT_EQ(text.text + text.format, "hitxt");
  EXPECT_EQ(one("*0\r\n").kind, Kind::array);
  EXPECT_EQ(one("~1\r\n:1\r\n").kind, Kind::set);
  EXPECT_EQ(one(">2\r\n$1\r\na\r\n:1\r\n").kind, Kind::push);
}

TEST(ReplyParser, ReadsNestedAggregates) {
  const Reply map = one("%2\r\n+a\r\n*2\r\n:1\r\n*0\r\n+b\r\n_\r\n");
  ASSERT_EQ(map.kind, Kind::map);
  ASSERT_EQ(map.items.size(), 4u);
  EXPECT_EQ(map.items[1].items[1].kind, Kind::array);
  EXPECT_EQ(map.items[3].kind, Kind::null);
}

TEST(ReplyParser, DropsAttributes) {
  EXPECT_EQ(one("|1\r\n+ttl\r\n:3\r\n+OK\r\n").text, "OK");
  EXPECT_EQ(one("*2\r\n:1\r\n|1\r\n+x\r\n*1\r\n:9\r\n:2\r\n").items[1].number, 2);
}

TEST(ReplyParser, RefusesWhatIsNotAReply) {
  for (const char* bytes :
       {"?\r\n", "$x\r\n", "$-2\r\n", "*-2\r\n", ":1.5\r\n", ",abc\r\n", "#x\r\n", "(1x\r\n",
        "_x\r\n", "+a\rb", "$1\r\nabc", "=3\r\ntxt\r\n", "%-1\r\n"}) {
    EXPECT_NE(parse(bytes).error, "") << bytes;
    EXPECT_EQ(parse(bytes).error, parse(bytes, 1).error) << bytes;
  }
}

TEST(ReplyParser, BoundsSizesCountsAndDepth) {
  ReplyLimits limits;
  limits.line_bytes = 10;
  limits.bulk_bytes = 3;
  limits.elements = 4;
  limits.depth = 2;
  EXPECT_EQ(parse("+0123456789", SIZE_MAX, limits).error,
            "the server sent a line beyond the limit");
  EXPECT_EQ(parse("$4\r\n", 1, limits).error, "the server sent a bulk beyond the limit");
  EXPECT_EQ(parse("*5\r\n", 1, limits).error, "the server sent more elements than the limit");
  EXPECT_EQ(parse("*2\r\n*3\r\n", 1, limits).error, "the server sent more elements than the limit");
  EXPECT_EQ(parse("*1\r\n*1\r\n*1\r\n", 1, limits).error,
            "the server sent aggregates nested beyond the limit");
  EXPECT_EQ(parse("*4\r\n:1\r\n:1\r\n:1\r\n:1\r\n*4\r\n:1\r\n:1\r\n:1\r\n:1\r\n", 1, limits).error,
            "");
}

RC_GTEST_PROP(ReplyParser, MakesTheSameOfBytesHoweverTheyAreSplit,
              (std::vector<std::int64_t> numbers, std::vector<std::string> words)) {
  std::string bytes;
  ReplyWriter writer(bytes, *rc::gen::element(Version::resp2, Version::resp3));
  writer.array(numbers.size() + 1);
  for (const std::int64_t number : numbers) {
    number % 3 == 0   ? writer.integer(number)
    : number % 3 == 1 ? writer.double_value(static_cast<double>(number) / 7)
                      : writer.bulk_integer(number);
  }
  writer.map(words.size());
  for (const std::string& word : words) {
    writer.bulk(word);
    writer.null();
  }
  const Outcome whole = parse(bytes);
  RC_ASSERT(whole.error.empty());
  RC_ASSERT(whole.replies.size() == 1u);
  for (std::size_t piece = 1; piece < 6; ++piece) RC_ASSERT(parse(bytes, piece) == whole);
}

}  // namespace
}  // namespace holdfast::resp
