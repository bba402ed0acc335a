#include "cli/time_text.h"

#include <gtest/gtest.h>

namespace holdfast::cli {
namespace {

TEST(TimeText, ANumberAndAUnit) {
  EXPECT_EQ(parse_time("250ms")->count(), 250);
  EXPECT_EQ(parse_time("10s")->count(), 10'000);
  EXPECT_EQ(parse_time("5m")->count(), 300'000);
  EXPECT_EQ(parse_time("2h")->count(), 7'200'000);
  EXPECT_EQ(parse_time("1d")->count(), 86'400'000);
  EXPECT_EQ(parse_time("0s")->count(), 0);
}

// A bare number could be meant as seconds or milliseconds, so it is nothing.
TEST(TimeText, AnythingElseIsNoTime) {
  for (const char* text : {"", "10", "s", "-1s", "1.5s", "10 s", "10S", "10sec", " 10s", "0x1s"}) {
    EXPECT_FALSE(parse_time(text).ok()) << text;
  }
  EXPECT_FALSE(parse_time("36501d").ok());
  EXPECT_FALSE(parse_time("9223372036854775807h").ok());
  EXPECT_FALSE(parse_time("9223372036854775808ms").ok());
}

TEST(TimeText, ForPeople) {
  const auto text = [](std::int64_t ms) { return time_text(std::chrono::milliseconds(ms)); };
  EXPECT_EQ(text(250), "250ms");
  EXPECT_EQ(text(10'000), "10s");
  EXPECT_EQ(text(1500), "1.5s");
  EXPECT_EQ(text(150'000), "2m30s");
  EXPECT_EQ(text(7'260'000), "2h01m");
}

}  // namespace
}  // namespace holdfast::cli
