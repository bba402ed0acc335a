#include "resp/reply_writer.h"

#include <gtest/gtest.h>

#include <cmath>
#include <functional>

namespace holdfast::resp {
namespace {

std::string written(Version version, const std::function<void(ReplyWriter&)>& write) {
  std::string out;
  ReplyWriter writer(out, version);
  write(writer);
  return out;
}

struct Case {
  const char* resp2;
  const char* resp3;
  std::function<void(ReplyWriter&)> write;
};

TEST(ReplyWriter, SpellsEachMeaningInBothVersions) {
  const Case cases[] = {
      {"+OK\r\n", "+OK\r\n", [](ReplyWriter& w) { w.ok(); }},
      {"+PONG\r\n", "+PONG\r\n", [](ReplyWriter& w) { w.simple("PONG"); }},
      {":-7\r\n", ":-7\r\n", [](ReplyWriter& w) { w.integer(-7); }},
      {"$0\r\n\r\n", "$0\r\n\r\n", [](ReplyWriter& w) { w.bulk(""); }},
      {"$2\r\n42\r\n", "$2\r\n42\r\n", [](ReplyWriter& w) { w.bulk_integer(42); }},
      {"$-1\r\n", "_\r\n", [](ReplyWriter& w) { w.null(); }},
      {"*-1\r\n", "_\r\n", [](ReplyWriter& w) { w.null_array(); }},
      {":1\r\n", "#t\r\n", [](ReplyWriter& w) { w.boolean(true); }},
      {":0\r\n", "#f\r\n", [](ReplyWriter& w) { w.boolean(false); }},
      {"$4\r\n10.6\r\n", ",10.6\r\n", [](ReplyWriter& w) { w.double_value(10.6); }},
      {"$3\r\ninf\r\n", ",inf\r\n", [](ReplyWriter& w) { w.double_value(HUGE_VAL); }},
      {"$2\r\nhi\r\n", "=6\r\ntxt:hi\r\n", [](ReplyWriter& w) { w.verbatim("hi"); }},
      {"*2\r\n", "*2\r\n", [](ReplyWriter& w) { w.array(2); }},
      {"*4\r\n", "%2\r\n", [](ReplyWriter& w) { w.map(2); }},
      {"*2\r\n", "~2\r\n", [](ReplyWriter& w) { w.set(2); }},
      {"*2\r\n", ">2\r\n", [](ReplyWriter& w) { w.push(2); }},
      {"+raw\r\n", "+raw\r\n", [](ReplyWriter& w) { w.raw("+raw\r\n"); }},
  };
  for (const Case& c : cases) {
    EXPECT_EQ(written(Version::resp2, c.write), c.resp2);
    EXPECT_EQ(written(Version::resp3, c.write), c.resp3);
    for (const Version version : {Version::resp2, Version::resp3, Version::neutral}) {
      ReplyWriter unheard(nullptr, version);
      c.write(unheard);
      EXPECT_FALSE(unheard.heard());
      EXPECT_EQ(unheard.size(), 0U);
    }
  }
}

TEST(ReplyWriter, KeepsAnErrorOnOneLine) {
  EXPECT_EQ(written(Version::resp2, [](ReplyWriter& w) { w.error("ERR a\r\nb\n"); }),
            "-ERR a  b \r\n");
}

TEST(ReplyWriter, AppendsToWhatIsThere) {
  std::string out = "+OK\r\n";
  ReplyWriter writer(out, Version::resp3);
  writer.null();
  EXPECT_EQ(out, "+OK\r\n_\r\n");
  EXPECT_EQ(writer.size(), out.size());
}

}  // namespace
}  // namespace holdfast::resp
