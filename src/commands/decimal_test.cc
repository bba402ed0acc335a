#include "commands/decimal.h"

#include <gtest/gtest.h>

#include <rapidcheck/gtest.h>

namespace holdfast::commands {
namespace {

std::string sum(std::string_view a, std::string_view b) {
  const auto left = parse_decimal(a);
  const auto right = parse_decimal(b);
  if (!left || !right) return "not a number";
  return add_decimals(*left, *right).value_or("not finite");
}

TEST(Decimal, AddsExactly) {
  EXPECT_EQ(sum("10.5", "0.1"), "10.6");
  EXPECT_EQ(sum("5.0e3", "2.0e2"), "5200");
  EXPECT_EQ(sum("1.5", "1.5"), "3");
  EXPECT_EQ(sum("0.1", "0.2"), "0.3");
  EXPECT_EQ(sum("0", "3.0"), "3");
  EXPECT_EQ(sum("0.01", "-0.01"), "0");
  EXPECT_EQ(sum("1", "-1.1"), "-0.1");
  EXPECT_EQ(sum("-1", "0.25"), "-0.75");
  EXPECT_EQ(sum("999.999", ".001"), "1000");
  EXPECT_EQ(sum("17179869184", "17179869184"), "34359738368");
  EXPECT_EQ(sum("1e40", "-1"), "9999999999999999999999999999999999999999");
  EXPECT_EQ(sum("-0", "-0.0"), "0");
  EXPECT_EQ(sum("+3", "0"), "3");
}

TEST(Decimal, RoundsToSeventeenDigitsAfterThePoint) {
  EXPECT_EQ(sum("0", "0.12345678901234567"), "0.12345678901234567");
  EXPECT_EQ(sum("0", "0.123456789012345678"), "0.12345678901234568");
  EXPECT_EQ(sum("0", "0.000000000000000005"), "0");  // half-way, to even
  EXPECT_EQ(sum("0", "0.0000000000000000051"), "0.00000000000000001");
  EXPECT_EQ(sum("0", "0.000000000000000015"), "0.00000000000000002");
  EXPECT_EQ(sum("0", "0.999999999999999999"), "1");
  EXPECT_EQ(sum("0", "-0.999999999999999999"), "-1");
  EXPECT_EQ(sum("1", "1e-4000"), "1");
  EXPECT_EQ(sum("0", "-1e-18"), "0");
}

TEST(Decimal, RefusesWhatIsNoNumberOrNotFinite) {
  for (const char* text : {"", " 1", "1 ", "abc", "1e", "e5", ".", "-", "+-1", "1.2.3", "0x10",
                           "nan", "1e9999", "1e-9999", "1e99999999999999999999", "--1", "1e+"}) {
    EXPECT_EQ(sum(text, "1"), "not a number") << text;
  }
  EXPECT_EQ(sum(std::string(256, '1'), "1"), "not a number");
  EXPECT_EQ(sum(std::string_view("1\0", 2), "1"), "not a number");
  EXPECT_EQ(sum("inf", "1"), "not finite");
  EXPECT_EQ(sum("1", "-Infinity"), "not finite");
  EXPECT_EQ(sum("9e4931", "9e4931"), "not finite");
}

RC_GTEST_PROP(Decimal, AgreesWithIntegersWhereTheyDo, (std::int32_t a, std::int32_t b)) {
  // The same digits, two places to the right of the point.
  const auto cents = [](std::int64_t value) {
    std::string digits = std::to_string(value < 0 ? -value : value);
    digits.insert(0, digits.size() < 3 ? 3 - digits.size() : 0, '0');
    digits.insert(digits.size() - 2, ".");
    while (digits.back() == '0') digits.pop_back();
    if (digits.back() == '.') digits.pop_back();
    return (value < 0 ? "-" : "") + digits;
  };
  RC_ASSERT(sum(cents(a), cents(b)) == cents(std::int64_t{a} + b));
}

RC_GTEST_PROP(Decimal, GivesBackWhatWasAdded, (std::uint64_t whole, std::uint32_t part)) {
  const std::string a = std::to_string(whole) + "." + std::to_string(part) + "1";
  const std::string b = std::to_string(part) + ".25";
  RC_ASSERT(sum(sum(a, b), "-" + b) == a);
}

}  // namespace
}  // namespace holdfast::commands
