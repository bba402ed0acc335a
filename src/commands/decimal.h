// Exact decimal addition for INCRBYFLOAT.
//
// Binary floating point would give each processor its own last digits (long double has 64, 80 or
// 128 bits) and people 0.1 + 0.2 = 0.30000000000000004. Here numbers are the decimal digits they
// were written with; a sum is exact and then rounded to 17 digits after the point, as many as Redis
// keeps.
#pragma once

#include <optional>
#include <string>
#include <string_view>

namespace holdfast::commands {

// Digits with a point: 0.d1d2d3… * 10^exponent. No leading or trailing zero digits; zero has none.
struct Decimal {
  bool negative = false;
  bool infinite = false;
  std::string digits;  // each 0…9, not characters
  int exponent = 0;
};

// "10.5", "-.5", "3.", "5.0e3", "inf", "-Infinity". Nothing for all else ("nan", " 1", "0x10"), for
// more than 255 characters and for exponents beyond ±4950.
std::optional<Decimal> parse_decimal(std::string_view text);

// The sum in plain notation, half-way rounded to even; never "-0". Nothing if it is not finite.
std::optional<std::string> add_decimals(const Decimal& a, const Decimal& b);

}  // namespace holdfast::commands
