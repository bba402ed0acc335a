// Numbers as the protocol spells them: our own reading and printing, since the C library's depends
// on a locale, and since every replica must print the same digits.
#pragma once

#include <cstddef>
#include <cstdint>
#include <string>
#include <string_view>

namespace holdfast::resp {

// Canonical decimal only: no sign but '-', no leading zeros, no spaces, no "-0"; must fit 64 bits.
bool parse_integer(std::string_view text, std::int64_t& value);

// The longest: '-' and 19 digits.
inline constexpr std::size_t kIntegerBytes = 20;
// Returns what is behind it. REQUIRES: there is room for kIntegerBytes.
char* put_integer(char* at, std::int64_t value);
void append_integer(std::string& out, std::int64_t value);

// The shortest digits that read back as the same double, laid out as C's %.17g would: plain from
// 0.0001 up to 17 digits, else with an exponent of at least two digits; "inf", "-inf", "nan".
void append_double(std::string& out, double value);

}  // namespace holdfast::resp
