#include "resp/request_parser.h"

#include <gtest/gtest.h>

#include <rapidcheck/gtest.h>

namespace holdfast::resp {
namespace {

using Request = std::vector<std::string>;

// What a parser makes of bytes: whole requests, then its error if any.
struct Requests {
  std::vector<Request> requests;
  std::string error;

  bool operator==(const Requests&) const = default;
};

void drain(RequestParser& parser, Requests& outcome) {
  std::vector<std::string_view> words;
  Parsed parsed;
  while ((parsed = parser.next(words)) == Parsed::request) {
    outcome.requests.emplace_back(words.begin(), words.end());
  }
  if (parsed == Parsed::error) outcome.error = parser.error();
}

Requests parse_requests(std::string_view bytes, std::size_t piece = SIZE_MAX, const Limits& limits = {},
              bool authenticated = true) {
  RequestParser parser(limits);
  parser.set_authenticated(authenticated);
  Requests outcome;
  while (!bytes.empty() && outcome.error.empty()) {
    parser.feed(bytes.substr(0, piece));
    bytes.remove_prefix(std::min(piece, bytes.size()));
    drain(parser, outcome);
  }
  return outcome;
}

std::string error_of(std::string_view bytes, const Limits& limits = {}, bool authenticated = true) {
  const Requests whole = parse_requests(bytes, SIZE_MAX, limits, authenticated);
  EXPECT_EQ(whole, parse_requests(bytes, 1, limits, authenticated));
  return whole.error;
}

std::string encoded(const Request& request) {
  std::string out = "*" + std::to_string(request.size()) + "\r\n";
  for (const std::string& word : request) {
    out += "$" + std::to_string(word.size()) + "\r\n" + word + "\r\n";
  }
  return out;
}

TEST(RequestParser, ReadsArraysOfBulkStrings) {
  const Requests outcome = parse_requests("*2\r\n$3\r\nGET\r\n$0\r\n\r\n*1\r\n$4\r\na\r\nb\r\n");
  EXPECT_EQ(outcome.requests, (std::vector<Request>{{"GET", ""}, {"a\r\nb"}}));
  EXPECT_EQ(outcome.error, "");
}

TEST(RequestParser, SkipsEmptyRequests) {
  const Requests outcome = parse_requests("*0\r\n\r\n*-1\r\n   \r\n\nPING\r\n*-10\r\nPING\n");
  EXPECT_EQ(outcome.requests, (std::vector<Request>{{"PING"}, {"PING"}}));
}

TEST(RequestParser, SplitsInlineCommandsAsAShellWould) {
  const std::pair<const char*, Request> cases[] = {
      {"SET a b\r\n", {"SET", "a", "b"}},
      {"  SET\ta   b  \n", {"SET", "a", "b"}},
      {"SET a \"b c\"\r\n", {"SET", "a", "b c"}},
      {"\"\\x41\\x0a\\n\\r\\t\\b\\a\\q\\\"\\\\\"\n", {"A\n\n\r\t\b\aq\"\\"}},
      {"\"\\xZZ\\x4\"\n", {"xZZx4"}},
      {"'a \\' \\n'\n", {"a ' \\n"}},
      {"'' \"\"\n", {"", ""}},
      {"ab\"cd ef\" 'x'\n", {"abcd ef", "x"}},
      {"a'b c'\n", {"ab c"}},
      {"a\rb\n", {"a", "b"}},
  };
  for (const auto& [line, words] : cases) {
    EXPECT_EQ(parse_requests(line).requests, std::vector<Request>{words}) << line;
    EXPECT_EQ(parse_requests(line), parse_requests(line, 1)) << line;
  }
}

TEST(RequestParser, RefusesQuotesThatDoNotBalance) {
  const char* const text = "ERR Protocol error: unbalanced quotes in request";
  for (const char* line :
       {"SET a \"b\n", "SET a 'b\n", "\"a\"b\n", "'a'b\n", "\"a\\\"\n", "\"\\\n"}) {
    EXPECT_EQ(error_of(line), text) << line;
  }
}

TEST(RequestParser, NamesProtocolErrorsAsRedisDoes) {
  EXPECT_EQ(error_of("*abc\r\n"), "ERR Protocol error: invalid multibulk length");
  EXPECT_EQ(error_of("*\r\n"), "ERR Protocol error: invalid multibulk length");
  EXPECT_EQ(error_of("*1048577\r\n"), "ERR Protocol error: invalid multibulk length");
  EXPECT_EQ(error_of("*20000000000000000000\r\n"), "ERR Protocol error: invalid multibulk length");
  EXPECT_EQ(error_of("*3\r\n$3\r\nSET\r\n$1\r\nx\r\nfooz\r\n"),
            "ERR Protocol error: expected '$', got 'f'");
  EXPECT_EQ(error_of("*1\r\n$-1\r\n"), "ERR Protocol error: invalid bulk length");
  EXPECT_EQ(error_of("*1\r\n$x\r\n"), "ERR Protocol error: invalid bulk length");
  EXPECT_EQ(error_of("*1\r\n$67108865\r\n"), "ERR Protocol error: invalid bulk length");
  EXPECT_EQ(error_of(std::string(65537, 'a')), "ERR Protocol error: too big inline request");
  EXPECT_EQ(error_of("*" + std::string(65536, '1')),
            "ERR Protocol error: too big mbulk count string");
  EXPECT_EQ(error_of("*1\r\n$" + std::string(65536, '1')),
            "ERR Protocol error: too big bulk count string");
}

TEST(RequestParser, KnowsStrangersBeforeTheyAuthenticate) {
  EXPECT_EQ(error_of("*11\r\n", {}, false), "ERR Protocol error: unauthenticated multibulk length");
  EXPECT_EQ(error_of("*1\r\n$16385\r\n", {}, false),
            "ERR Protocol error: unauthenticated bulk length");
  EXPECT_EQ(parse_requests("*1\r\n$4\r\nPING\r\n", 1, {}, false).requests, std::vector<Request>{{"PING"}});
}

TEST(RequestParser, BoundsTheWordsOfARequestTogether) {
  Limits limits;
  limits.request_bytes = 10;
  EXPECT_EQ(parse_requests("*2\r\n$5\r\nabcde\r\n$5\r\nfghij\r\n", 1, limits).requests.size(), 1u);
  EXPECT_EQ(error_of("*2\r\n$5\r\nabcde\r\n$6\r\n", limits),
            "LIMIT the words of a request have at most 10 bytes together (request-bytes)");
}

TEST(RequestParser, GivesWhatCameBeforeAnErrorAndThenOnlyTheError) {
  RequestParser parser{Limits{}};
  parser.feed("PING\r\n*x\r\nPING\r\n");
  std::vector<std::string_view> words;
  EXPECT_EQ(parser.next(words), Parsed::request);
  EXPECT_EQ(parser.next(words), Parsed::error);
  parser.feed("PING\r\n");
  EXPECT_EQ(parser.next(words), Parsed::error);
}

TEST(RequestParser, KeepsWordsOfSeveralRequestsUntilTheNextFeed) {
  RequestParser parser{Limits{}};
  parser.feed("SET \"a b\" c\r\n*1\r\n$4\r\nPING\r\nGET 'd e'\n");
  std::vector<std::string_view> first, second, third;
  ASSERT_EQ(parser.next(first), Parsed::request);
  ASSERT_EQ(parser.next(second), Parsed::request);
  ASSERT_EQ(parser.next(third), Parsed::request);
  EXPECT_EQ(first[1], "a b");
  EXPECT_EQ(second[0], "PING");
  EXPECT_EQ(third[1], "d e");
  EXPECT_EQ(parser.buffered(), 0u);
}

TEST(RequestParser, CountsWhatIsNotConsumed) {
  RequestParser parser{Limits{}};
  std::vector<std::string_view> words;
  parser.feed("PING\r\n*2\r\n$3\r\nGE");
  ASSERT_EQ(parser.next(words), Parsed::request);
  EXPECT_EQ(parser.next(words), Parsed::need_more);
  EXPECT_EQ(parser.buffered(), 10u);
  parser.shrink();  // does nothing while something is buffered
  parser.feed("T\r\n$1\r\nk\r\n");
  ASSERT_EQ(parser.next(words), Parsed::request);
  EXPECT_EQ(words, (std::vector<std::string_view>{"GET", "k"}));
}

TEST(RequestParser, TakesMemoryForWhatCameNotForWhatIsClaimed) {
  RequestParser parser{Limits{}};
  std::vector<std::string_view> words;
  parser.feed("*1048576\r\n$67108864\r\nabc");
  EXPECT_EQ(parser.next(words), Parsed::need_more);
  EXPECT_LT(parser.memory(), 1024u);
}

TEST(RequestParser, GivesBackWhatABigRequestNeeded) {
  RequestParser parser{Limits{}};
  std::vector<std::string_view> words;
  const std::string big = encoded({"SET", "key", std::string(1'000'000, 'v')});
  parser.feed(big);
  EXPECT_EQ(parser.next(words), Parsed::request);
  EXPECT_GT(parser.memory(), 1'000'000u);
  parser.feed("PING\r\n");
  EXPECT_LT(parser.memory(), 200'000u);
  EXPECT_EQ(parser.next(words), Parsed::request);

  parser.feed(encoded(Request(100'000, "w")));
  EXPECT_EQ(parser.next(words), Parsed::request);
  parser.shrink();
  EXPECT_LT(parser.memory(), 200'000u);
}

TEST(RequestParser, NeedsNoMoreMemoryForManyRequestsThanForOne) {
  RequestParser parser{Limits{}};
  std::vector<std::string_view> words;
  const std::string bytes = encoded({"SET", "key", std::string(1000, 'v')});
  // Cut at another place each time, so that something is always left over.
  for (std::size_t i = 0; i < 1000; ++i) {
    const std::size_t cut = i % bytes.size();
    parser.feed(std::string_view(bytes).substr(0, cut));
    EXPECT_EQ(parser.next(words), Parsed::need_more);
    parser.feed(std::string_view(bytes).substr(cut));
    EXPECT_EQ(parser.next(words), Parsed::request);
  }
  EXPECT_LT(parser.memory(), 10'000u);
}

// Bytes that mean something to the parser, mixed at random: most of it is nonsense.
rc::Gen<std::string> noise() {
  return rc::gen::map(rc::gen::container<std::vector<int>>(rc::gen::inRange(0, 24)),
                      [](const std::vector<int>& picks) {
                        static const char* const pieces[] = {"*",      "$",
                                                             "\r\n",   "\n",
                                                             "1",      "3",
                                                             "-1",     "0",
                                                             "\"",     "'",
                                                             "\\",     " ",
                                                             "a",      "PING",
                                                             "\\x4",   "$3\r\nGET\r\n",
                                                             "*2\r\n", "\r",
                                                             "x",      "9",
                                                             "*1\r\n", "$4\r\nPING\r\n",
                                                             "\t",     "$1\r\n"};
                        std::string out;
                        for (const int pick : picks) out += pieces[pick];
                        return out;
                      });
}

RC_GTEST_PROP(RequestParser, MakesTheSameOfBytesHoweverTheyAreSplit, (bool garbage)) {
  std::string bytes;
  if (garbage) {
    bytes = *noise();
  } else {
    for (const Request& request : *rc::gen::arbitrary<std::vector<Request>>()) {
      bytes += encoded(request);
    }
  }
  const Requests whole = parse_requests(bytes);
  for (std::size_t piece = 1; piece <= std::min<std::size_t>(bytes.size(), 7); ++piece) {
    RC_ASSERT(parse_requests(bytes, piece) == whole);
  }
  const std::size_t cut = *rc::gen::inRange<std::size_t>(0, bytes.size() + 1);
  RequestParser parser{Limits{}};
  Requests outcome;
  parser.feed(std::string_view(bytes).substr(0, cut));
  drain(parser, outcome);
  parser.feed(std::string_view(bytes).substr(cut));
  drain(parser, outcome);
  RC_ASSERT(outcome == whole);
}

// Whole requests are read in another way than those that arrive in pieces: at the borders of what that
// takes for plain, and of every limit, both make the same of the same bytes.
TEST(RequestParser, ReadsWhatIsThereAtOnceAsItReadsWhatArrivesInPieces) {
  Limits limits;
  limits.arguments = 3;
  limits.bulk_bytes = 20;
  limits.request_bytes = 30;
  const std::string word20 = "$20\r\n" + std::string(20, 'w') + "\r\n";
  const std::string word21 = "$21\r\n" + std::string(21, 'w') + "\r\n";
  const std::string cases[] = {
      "*1\r\n$4\r\nPING\r\n",  "*3\r\n$1\r\na\r\n$0\r\n\r\n$2\r\nbc\r\n",
      "*4\r\n$1\r\na\r\n",     "*0\r\n*1\r\n$1\r\na\r\n",
      "*-1\r\n*1\r\n$1\r\na\r\n", "*01\r\n$1\r\na\r\n",
      "*1\r\n$01\r\na\r\n",    "*1\r\n$00\r\n\r\n",
      "*1\r\n$-1\r\n",         "*1\r\n$-0\r\n\r\n",
      "*1\r\n$+1\r\na\r\n",    "*1\r\n$\r\na\r\n",
      "*\r\n$1\r\na\r\n",      "*1\r\n$1x\r\na\r\n",
      "*1x\r\n$1\r\na\r\n",    "*1\r\n:1\r\na\r\n",
      "*1\n$1\r\na\r\n",       "*1\rx$1\rya\r\n",
      "*1\r\n$1\r\naxy",        "*2\r\n$1\r\na\r\nx",
      "*1\r\n" + word20,        "*1\r\n" + word21,
      "*2\r\n" + word20 + "$10\r\n0123456789\r\n",
      "*2\r\n" + word20 + "$11\r\n0123456789a\r\n",
      "*999999\r\n$1\r\na\r\n", "*1000000\r\n$1\r\na\r\n",
      "*1\r\n$999999\r\na\r\n", "*1\r\n$1000000\r\na\r\n",
      "*1\r\n$00000000000000000001\r\na\r\n",
  };
  for (const std::string& bytes : cases) {
    for (const bool authenticated : {true, false}) {
      // What comes before and behind it shall make no difference either.
      for (const std::string& all : {bytes, bytes + "PING\r\n", "PING\r\n" + bytes + bytes}) {
        const Requests at_once = parse_requests(all, SIZE_MAX, limits, authenticated);
        for (std::size_t piece = 1; piece < all.size(); ++piece) {
          EXPECT_EQ(parse_requests(all, piece, limits, authenticated), at_once) << all << " by " << piece;
        }
      }
    }
  }
}

// Likewise of what is almost right: requests of which some bytes are others.
RC_GTEST_PROP(RequestParser, ReadsWhatIsAlmostARequestAsItReadsItInPieces, ()) {
  Limits limits;
  limits.arguments = 4;
  limits.bulk_bytes = 12;
  limits.request_bytes = 20;
  std::string bytes;
  // Not much beyond the limits: behind what is refused nothing is read.
  const auto word =
      rc::gen::resize(14, rc::gen::container<std::string>(rc::gen::elementOf(std::string("a1\r"))));
  const auto request_of_few = rc::gen::resize(5, rc::gen::container<Request>(word));
  const auto requests = *rc::gen::container<std::vector<Request>>(request_of_few);
  for (const Request& request : requests) bytes += encoded(request);
  const auto others = *rc::gen::inRange(0, 3);
  for (int i = 0; i < others && !bytes.empty(); ++i) {
    const auto place = *rc::gen::inRange<std::size_t>(0, bytes.size());
    bytes[place] = *rc::gen::elementOf(std::string("*$\r\n-0123456789a "));
  }
  const Requests at_once = parse_requests(bytes, SIZE_MAX, limits);
  for (const std::size_t piece : {std::size_t{1}, std::size_t{2}, std::size_t{5}, std::size_t{16}}) {
    RC_ASSERT(parse_requests(bytes, piece, limits) == at_once);
  }
}

RC_GTEST_PROP(RequestParser, ReadsBackWhatIsEncoded, (std::vector<Request> requests)) {
  std::string bytes;
  std::vector<Request> expected;
  for (const Request& request : requests) {
    bytes += encoded(request);
    if (!request.empty()) expected.push_back(request);
  }
  RC_ASSERT(parse_requests(bytes) == (Requests{expected, ""}));
}

// Somebody who speaks TLS at a port without: he shall not wait for an answer to half a line.
TEST(RequestParser, TlsIsToldApartAtItsFirstByte) {
  const char* const text = "ERR Protocol error: this looks like TLS, which is not spoken at this port";
  EXPECT_EQ(parse_requests("\x16").error, text);
  EXPECT_EQ(parse_requests(std::string_view("\x16\x03\x01\x02\x00\x01\n", 7)).error, text);
  EXPECT_EQ(parse_requests("PING \x16\r\n").error, "");
}

}  // namespace
}  // namespace holdfast::resp
