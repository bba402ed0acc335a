#include "load/wire.h"

#include <gtest/gtest.h>

#include <stdexcept>
#include <string>

namespace holdfast::load {
namespace {

TEST(Wire, KnowsWhereEachKindOfAnswerEnds) {
  for (const std::string whole :
       {"+OK\r\n", "-NOLEADER none\r\n", ":42\r\n", "$3\r\nabc\r\n", "$0\r\n\r\n", "$-1\r\n",
        "_\r\n", "*0\r\n", "*-1\r\n", "*3\r\n:7\r\n$2\r\nab\r\n*1\r\n+x\r\n", "%1\r\n+a\r\n:1\r\n",
        "#t\r\n", ",1.5\r\n"}) {
    const auto answer = scan(whole + "+next\r\n");
    ASSERT_TRUE(answer) << whole;
    EXPECT_EQ(answer->length, whole.size()) << whole;
    for (std::size_t size = 0; size < whole.size(); ++size) {
      EXPECT_FALSE(scan(whole.substr(0, size))) << whole << " cut after " << size;
    }
  }
}

TEST(Wire, TellsWhatAnAnswerIs) {
  EXPECT_EQ(scan(":-42\r\n")->number, -42);
  EXPECT_EQ(scan("$3\r\nabc\r\n")->text, "abc");
  EXPECT_EQ(scan("*2\r\n:17\r\n:3\r\n")->number, 17) << "the token of a grant";
  EXPECT_TRUE(scan("$-1\r\n")->nothing);
  EXPECT_TRUE(scan("_\r\n")->nothing);
  EXPECT_FALSE(scan("$0\r\n\r\n")->nothing);
  EXPECT_TRUE(scan("-ERR no\r\n")->error());
  EXPECT_TRUE(scan("!3\r\nbad\r\n")->error());
  EXPECT_FALSE(scan("+OK\r\n")->error());
}

TEST(Wire, RefusesWhatIsNoAnswer) {
  EXPECT_THROW(scan("HTTP/1.1 400\r\n"), std::runtime_error);
  EXPECT_THROW(scan(":x\r\n"), std::runtime_error);
}

TEST(Wire, WritesCommandsAndKeys) {
  EXPECT_EQ(command({"SET", key_name(42), ""}),
            "*3\r\n$3\r\nSET\r\n$16\r\nkey:000000000042\r\n$0\r\n\r\n");
}

}  // namespace
}  // namespace holdfast::load
