#include "resp/neutral.h"

#include <gtest/gtest.h>

#include <functional>
#include <string>

#include "base/prng.h"

namespace holdfast::resp {
namespace {

using Saying = std::function<void(ReplyWriter&)>;

std::string said(const Saying& say, Version version) {
  std::string out;
  ReplyWriter writer(out, version);
  say(writer);
  return out;
}

std::string told_later(const Saying& say, Version version) {
  std::string out;
  ReplyWriter writer(out, version);
  EXPECT_TRUE(append_neutral(said(say, Version::neutral), writer));
  return out;
}

// What is told later is what would have been said at once, in both versions.
void expect_same(const Saying& say) {
  EXPECT_EQ(told_later(say, Version::resp2), said(say, Version::resp2));
  EXPECT_EQ(told_later(say, Version::resp3), said(say, Version::resp3));
  EXPECT_EQ(told_later(say, Version::neutral), said(say, Version::neutral));
}

TEST(Neutral, TellsEveryKindAsItWouldHaveBeenSaid) {
  expect_same([](ReplyWriter& reply) { reply.ok(); });
  expect_same([](ReplyWriter& reply) { reply.simple("QUEUED"); });
  expect_same([](ReplyWriter& reply) { reply.error("ERR it did not work"); });
  expect_same([](ReplyWriter& reply) { reply.integer(-42); });
  expect_same([](ReplyWriter& reply) { reply.bulk(std::string("a\r\nb\0c", 6)); });
  expect_same([](ReplyWriter& reply) { reply.bulk(""); });
  expect_same([](ReplyWriter& reply) { reply.null(); });
  expect_same([](ReplyWriter& reply) { reply.null_array(); });
  expect_same([](ReplyWriter& reply) { reply.boolean(true); });
  expect_same([](ReplyWriter& reply) { reply.boolean(false); });
  expect_same([](ReplyWriter& reply) { reply.double_value(0.1); });
  expect_same([](ReplyWriter& reply) { reply.verbatim("text"); });
  expect_same([](ReplyWriter& reply) { reply.array(0); });
  expect_same([](ReplyWriter& reply) { reply.map(0); });
}

TEST(Neutral, TellsNestedReplies) {
  expect_same([](ReplyWriter& reply) {
    reply.array(4);
    reply.map(2);
    reply.bulk("a");
    reply.integer(1);
    reply.bulk("b");
    reply.set(1);
    reply.null();
    reply.null_array();
    reply.record(2);
    reply.field("token");
    reply.integer(7);
    reply.field("waiters");
    reply.array(2);
    reply.record(1);
    reply.field("owner");
    reply.bulk("me");
    reply.record(0);
    reply.boolean(true);
  });
}

TEST(Neutral, ARecordIsItsValuesToResp2AndAMapToResp3) {
  const Saying say = [](ReplyWriter& reply) {
    reply.record(2);
    reply.field("token");
    reply.integer(7);
    reply.field("ttl");
    reply.integer(100);
  };
  EXPECT_EQ(said(say, Version::resp2), "*2\r\n:7\r\n:100\r\n");
  EXPECT_EQ(said(say, Version::resp3), "%2\r\n$5\r\ntoken\r\n:7\r\n$3\r\nttl\r\n:100\r\n");
  expect_same(say);
}

TEST(Neutral, RefusesWhatIsNotExactlyOneReply) {
  for (const char* bytes : {"", "\r\n", "+OK", ":x\r\n", ":1\r\n:2\r\n", "$5\r\nabc\r\n", "$-1\r\n",
                            "*2\r\n:1\r\n", "*99999999999\r\n", "*-2\r\n", "?1\r\n", "&1\r\n:1\r\n",
                            "%1\r\n:1\r\n", "$3\r\nabcde", "=3\r\nabc\r\n", "#x\r\n", "_x\r\n"}) {
    std::string out;
    ReplyWriter writer(out, Version::resp2);
    EXPECT_FALSE(append_neutral(bytes, writer)) << bytes;
  }
  std::string deep;
  for (int i = 0; i < 1000; ++i) deep += "*1\r\n";
  std::string out;
  ReplyWriter writer(out, Version::resp2);
  EXPECT_FALSE(append_neutral(deep + ":1\r\n", writer));
}

TEST(Neutral, SurvivesGarbage) {
  Prng random(1);
  const std::string alphabet = "*$:+-_#,=~>%&0123456789tf\r\n";
  for (int round = 0; round < 20'000; ++round) {
    std::string bytes;
    for (std::uint64_t i = random.below(30); i > 0; --i) {
      bytes +=
          random.below(4) == 0 ? "\r\n" : std::string(1, alphabet[random.below(alphabet.size())]);
    }
    std::string out;
    ReplyWriter writer(out, random.below(2) == 0 ? Version::resp2 : Version::resp3);
    append_neutral(bytes, writer);
    EXPECT_LE(out.size(), 10 * bytes.size() + 10);
  }
}

}  // namespace
}  // namespace holdfast::resp
