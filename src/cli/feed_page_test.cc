#include "cli/feed_page.h"

#include <gtest/gtest.h>

#include "cli/test_values.h"

namespace holdfast::cli {
namespace {

TEST(FeedPage, IsReadByItsPlaces) {
  const auto page =
      read_page(list({text("r1f"), list({list({text("a"), text("set"), text("1"), number(30)}),
                                         list({Value(), text("flush"), Value(), number(31)})})}));
  ASSERT_TRUE(page);
  EXPECT_EQ(page->position, "r1f");
  ASSERT_EQ(page->changes.size(), 2u);
  EXPECT_EQ(page->changes[0].key, "a");
  EXPECT_EQ(page->changes[0].operation, "set");
  EXPECT_EQ(page->changes[0].value, "1");
  EXPECT_EQ(page->changes[0].revision, 30u);
  EXPECT_FALSE(page->changes[1].key) << "all of them";
  EXPECT_FALSE(page->changes[1].value);
}

TEST(FeedPage, AnythingElseIsRefused) {
  EXPECT_FALSE(read_page(Value()));
  EXPECT_FALSE(read_page(list({text("r1f")})));
  EXPECT_FALSE(read_page(list({number(1), list({})})));
  EXPECT_FALSE(read_page(list({text("r1f"), list({list({text("a"), text("set")})})})));
}

TEST(FeedLine, AsJson) {
  EXPECT_EQ(as_json({30, "set", "a\"b", "grün\n"}),
            R"({"revision":30,"operation":"set","key":"a\u0022b","value":"grün\u000a"})");
  EXPECT_EQ(as_json({31, "flush", {}, {}}),
            R"({"revision":31,"operation":"flush","key":null,"value":null})");
}

// A reader of JSON takes text for UTF-8, and stops at what is none.
TEST(FeedLine, BytesThatAreNoTextAreInHexadecimal) {
  for (const std::string_view bytes :
       {"\xff", "\xc3", "\xc0\x80", "\xed\xa0\x80", "\xf4\x90\x80\x80", "\xe0\x80\x80",
        "\xf0\x80\x80\x80", "\x80"}) {
    const std::string line = as_json({1, "set", "k", std::string(bytes)});
    EXPECT_NE(line.find(R"("value_hex":")"), std::string::npos) << line;
  }
  for (const std::string_view good : {"", "a", "é", "€", "🗝"}) {
    const std::string line = as_json({1, "set", "k", std::string(good)});
    EXPECT_EQ(line.find("_hex"), std::string::npos) << line;
  }
  EXPECT_EQ(as_json({1, "set", std::string("\xff\x00", 2), "v"}),
            R"({"revision":1,"operation":"set","key_hex":"ff00","value":"v"})");
}

TEST(FeedLine, ForPeople) {
  EXPECT_EQ(as_text({30, "set", "config/a", "on\n\x1b[2J\\ü"}),
            "30          set       config/a  on\\x0a\\x1b[2J\\\\ü");
  EXPECT_EQ(as_text({31, "del", "config/a", {}}), "31          del       config/a");
  EXPECT_EQ(as_text({32, "flush", {}, {}}), "32          flush     (all keys)");
  EXPECT_NE(as_text({33, "set", "k", std::string(300, 'x')}).find("… (300 bytes)"),
            std::string::npos);
}

}  // namespace
}  // namespace holdfast::cli
