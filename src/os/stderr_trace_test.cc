#include "os/stderr_trace.h"

#include <gtest/gtest.h>

namespace holdfast::os {
namespace {

TEST(StderrTrace, TextQuotesWhatIsNotPlain) {
  EXPECT_EQ(text_line("leader elected", {{"epoch", "7.2"}, {"why", "no leader"}, {"empty", ""}}),
            "leader elected epoch=7.2 why=\"no leader\" empty=\"\"");
  EXPECT_EQ(text_line("odd", {{"name", "a\nb\"c"}}), "odd name=\"a\\nb\\\"c\"") << "one line";
}

TEST(StderrTrace, JsonStaysJson) {
  EXPECT_EQ(json_members("e", {{"a", "x\"y\\z\n\t\r"}}), R"("event":"e","a":"x\"y\\z\n\t\r")");
  EXPECT_EQ(json_members("e", {{"a", std::string("\x01\x7f\0", 3)}}),
            R"("event":"e","a":"\u0001\u007f\u0000")");
  EXPECT_EQ(json_members("e", {{"a", "h\xc3\xa9"}}), "\"event\":\"e\",\"a\":\"h\xc3\xa9\"");
  // Not UTF-8: a lone continuation, an overlong form, a surrogate, beyond Unicode, cut short.
  for (const char* bad : {"\x80", "\xc0\xaf", "\xed\xa0\x80", "\xf4\x90\x80\x80", "\xe2\x82"}) {
    const std::string line = json_members("e", {{"a", bad}});
    EXPECT_NE(line.find("\\ufffd"), std::string::npos);
    for (const char c : line) EXPECT_GT(c, 0);
  }
}

TEST(StderrTrace, WritesLinesAtItsLevel) {
  testing::internal::CaptureStderr();
  StderrTrace text(Level::info, TraceFormat::text);
  text.debug("hidden");
  text.warning("shown", {{"n", "1"}});
  StderrTrace json(Level::error, TraceFormat::json);
  json.info("hidden");
  json.error("bad");
  const std::string out = testing::internal::GetCapturedStderr();
  EXPECT_EQ(out.find("hidden"), std::string::npos);
  EXPECT_NE(out.find("Z warning shown n=1\n"), std::string::npos) << out;
  EXPECT_NE(out.find("Z\",\"level\":\"error\",\"event\":\"bad\"}\n"), std::string::npos) << out;
}

TEST(StderrTrace, LevelsHaveNames) {
  EXPECT_EQ(parse_level("warning"), Level::warning);
  EXPECT_EQ(parse_level("loud"), std::nullopt);
  EXPECT_EQ(level_name(Level::debug), "debug");
}

}  // namespace
}  // namespace holdfast::os
