#include "resp/number.h"

#include <charconv>
#include <cmath>

namespace holdfast::resp {
namespace {

constexpr int kPlainDigits = 17;    // from this exponent on: scientific
constexpr int kSmallestPlain = -4;  // below this exponent: scientific

void append_plain(std::string& out, std::string_view digits, int exponent) {
  const int point = exponent + 1;  // digits before the point
  const int count = static_cast<int>(digits.size());
  if (point <= 0) {
    out.append("0.").append(static_cast<std::size_t>(-point), '0').append(digits);
  } else if (point >= count) {
    out.append(digits).append(static_cast<std::size_t>(point - count), '0');
  } else {
    const std::size_t split = static_cast<std::size_t>(point);
    out.append(digits.substr(0, split)).append(1, '.').append(digits.substr(split));
  }
}

void append_scientific(std::string& out, std::string_view digits, int exponent) {
  out.push_back(digits[0]);
  if (digits.size() > 1) out.append(1, '.').append(digits.substr(1));
  out.append(exponent < 0 ? "e-" : "e+");
  const int magnitude = exponent < 0 ? -exponent : exponent;
  if (magnitude < 10) out.push_back('0');
  append_integer(out, magnitude);
}

}  // namespace

bool parse_integer(std::string_view text, std::int64_t& value) {
  if (text.empty() || text.size() > 20) return false;
  const bool negative = text[0] == '-';
  const char* const first = text.data() + (negative ? 1 : 0);
  const char* const end = text.data() + text.size();
  if (first == end) return false;
  if (*first == '0') {
    if (text.size() != 1) return false;
    value = 0;
    return true;
  }
  if (*first < '1' || *first > '9') return false;
  std::int64_t number = 0;
  const auto parsed = std::from_chars(text.data(), end, number);
  if (parsed.ec != std::errc() || parsed.ptr != end) return false;
  value = number;
  return true;
}

char* put_integer(char* at, std::int64_t value) {
  return std::to_chars(at, at + kIntegerBytes, value).ptr;
}

void append_integer(std::string& out, std::int64_t value) {
  char buffer[kIntegerBytes];
  out.append(buffer, put_integer(buffer, value));
}

void append_double(std::string& out, double value) {
  if (std::isnan(value)) {
    out.append("nan");
    return;
  }
  if (std::signbit(value)) out.push_back('-');
  value = std::fabs(value);
  if (std::isinf(value)) {
    out.append("inf");
    return;
  }
  // "d.ddde±xx", from which the digits and the exponent are taken.
  char buffer[40];
  const auto end =
      std::to_chars(buffer, buffer + sizeof buffer, value, std::chars_format::scientific).ptr;
  std::string_view text(buffer, static_cast<std::size_t>(end - buffer));
  const std::size_t mark = text.find('e');
  int exponent = 0;
  const char* first = text.data() + mark + 1;
  if (*first == '+') ++first;
  std::from_chars(first, end, exponent);
  char digits[24];
  std::size_t count = 0;
  for (const char c : text.substr(0, mark)) {
    if (c != '.') digits[count++] = c;
  }
  if (exponent < kSmallestPlain || exponent >= kPlainDigits) {
    append_scientific(out, {digits, count}, exponent);
  } else {
    append_plain(out, {digits, count}, exponent);
  }
}

}  // namespace holdfast::resp
