#include "resp/number.h"

#include <gtest/gtest.h>

#include <rapidcheck/gtest.h>
#include <bit>
#include <cmath>
#include <cstdlib>
#include <limits>

namespace holdfast::resp {
namespace {

std::string shown(double value) {
  std::string out;
  append_double(out, value);
  return out;
}

TEST(Integer, IsReadOnlyInCanonicalForm) {
  std::int64_t value = 0;
  for (const char* text :
       {"", "-", "+1", " 1", "1 ", "01", "-0", "-01", "1.0", "0x1", "1e3", "٣",
        "9223372036854775808", "-9223372036854775809", "99999999999999999999999"}) {
    EXPECT_FALSE(parse_integer(text, value)) << text;
  }
  EXPECT_TRUE(parse_integer("0", value) && value == 0);
  EXPECT_TRUE(parse_integer("-7", value) && value == -7);
  EXPECT_TRUE(parse_integer("9223372036854775807", value) && value == INT64_MAX);
  EXPECT_TRUE(parse_integer("-9223372036854775808", value) && value == INT64_MIN);
  EXPECT_FALSE(parse_integer(std::string_view("1\0", 2), value));
}

TEST(Double, IsLaidOutAsRedisDoes) {
  EXPECT_EQ(shown(0), "0");
  EXPECT_EQ(shown(-0.0), "-0");
  EXPECT_EQ(shown(1), "1");
  EXPECT_EQ(shown(10.6), "10.6");
  EXPECT_EQ(shown(-3.25), "-3.25");
  EXPECT_EQ(shown(100000), "100000");
  EXPECT_EQ(shown(1e16), "10000000000000000");
  EXPECT_EQ(shown(1e17), "1e+17");
  EXPECT_EQ(shown(1.5e300), "1.5e+300");
  EXPECT_EQ(shown(0.0001), "0.0001");
  EXPECT_EQ(shown(0.00001), "1e-05");
  EXPECT_EQ(shown(5e-324), "5e-324");
  EXPECT_EQ(shown(std::numeric_limits<double>::infinity()), "inf");
  EXPECT_EQ(shown(-std::numeric_limits<double>::infinity()), "-inf");
  EXPECT_EQ(shown(std::nan("")), "nan");
}

RC_GTEST_PROP(Double, ReadsBackTheSame, (std::uint64_t bits)) {
  const double value = std::bit_cast<double>(bits);
  RC_PRE(!std::isnan(value));
  RC_ASSERT(std::bit_cast<std::uint64_t>(std::strtod(shown(value).c_str(), nullptr)) == bits);
}

RC_GTEST_PROP(Integer, ReadsBackTheSame, (std::int64_t number)) {
  std::string out;
  append_integer(out, number);
  std::int64_t back = 0;
  RC_ASSERT(parse_integer(out, back));
  RC_ASSERT(back == number);
}

}  // namespace
}  // namespace holdfast::resp
