#include "commands/decimal.h"

#include <algorithm>
#include <cstddef>

#include "commands/arguments.h"

namespace holdfast::commands {
namespace {

constexpr std::size_t kLongestText = 255;
constexpr int kLargestExponent = 4932;  // where Redis' long double ends, on the processors it has
constexpr int kSmallestExponent = -4950;
constexpr int kFractionDigits = 17;

bool is_digit(char c) { return c >= '0' && c <= '9'; }

// Removes zeros at both ends; the value stays.
void normalise(Decimal& number) {
  const std::size_t first = number.digits.find_first_not_of('\0');
  if (first == std::string::npos) {
    number.digits.clear();
    number.exponent = 0;
    return;
  }
  number.digits.erase(number.digits.find_last_not_of('\0') + 1);
  number.digits.erase(0, first);
  number.exponent -= static_cast<int>(first);
}

// The exponent after 'e': sign and at least one digit, clamped far outside of what is accepted.
std::optional<int> parse_exponent(std::string_view text) {
  const bool negative = !text.empty() && text[0] == '-';
  if (!text.empty() && (text[0] == '-' || text[0] == '+')) text.remove_prefix(1);
  if (text.empty() || !std::all_of(text.begin(), text.end(), is_digit)) return std::nullopt;
  int value = 0;
  for (const char c : text) value = std::min(value * 10 + (c - '0'), 100'000);
  return negative ? -value : value;
}

// -1, 0 or 1 as |a| is smaller than, equal to or greater than |b|.
int compare_magnitudes(const Decimal& a, const Decimal& b) {
  if (a.digits.empty() || b.digits.empty()) {
    return static_cast<int>(!a.digits.empty()) - static_cast<int>(!b.digits.empty());
  }
  if (a.exponent != b.exponent) return a.exponent < b.exponent ? -1 : 1;
  const int order = a.digits.compare(b.digits);
  return (order > 0) - (order < 0);
}

// Digits in one frame: `whole` places before the point, as many after it as the number has.
std::string aligned(const Decimal& number, int whole, std::size_t places) {
  std::string out(static_cast<std::size_t>(whole - number.exponent), '\0');
  out += number.digits;
  out.resize(places, '\0');
  return out;
}

// |a| + |b| or |a| - |b|. REQUIRES: |a| >= |b|, both not zero.
Decimal combine(const Decimal& a, const Decimal& b, bool subtract) {
  const int whole = a.exponent + 1;  // one place for a carry
  const std::size_t places =
      std::max(a.digits.size() + 1, b.digits.size() + static_cast<std::size_t>(whole - b.exponent));
  Decimal sum{.digits = aligned(a, whole, places), .exponent = whole};
  const std::string other = aligned(b, whole, places);
  int carry = 0;
  for (std::size_t i = places; i-- > 0;) {
    int digit = sum.digits[i] + (subtract ? -other[i] : other[i]) + carry;
    carry = digit < 0 ? -1 : digit > 9 ? 1 : 0;
    digit -= carry * 10;
    sum.digits[i] = static_cast<char>(digit);
  }
  normalise(sum);
  return sum;
}

// Keeps kFractionDigits after the point; half-way cases go to the even neighbour.
void round_fraction(Decimal& number) {
  const int kept = number.exponent + kFractionDigits;  // digits that stay
  if (kept < 0) number.digits.clear();
  if (kept < 0 || static_cast<std::size_t>(kept) >= number.digits.size()) return;
  const std::size_t end = static_cast<std::size_t>(kept);
  const char next = number.digits[end];
  const bool more = end + 1 < number.digits.size();
  const bool odd = end > 0 && (number.digits[end - 1] & 1) != 0;
  number.digits.resize(end);
  if (next > 5 || (next == 5 && (more || odd))) {
    const Decimal unit{.digits = std::string(1, '\1'), .exponent = 1 - kFractionDigits};
    const bool negative = number.negative;
    normalise(number);
    number = number.digits.empty() ? unit : combine(number, unit, false);
    number.negative = negative;
  }
  normalise(number);
}

std::string plain(const Decimal& number) {
  if (number.digits.empty()) return "0";
  std::string out(number.negative ? "-" : "");
  const std::size_t whole = static_cast<std::size_t>(std::max(number.exponent, 0));
  for (std::size_t i = 0; i < whole; ++i) {
    out.push_back(static_cast<char>('0' + (i < number.digits.size() ? number.digits[i] : 0)));
  }
  if (whole == 0) out.push_back('0');
  if (number.digits.size() <= whole) return out;
  out.push_back('.');
  out.append(static_cast<std::size_t>(std::max(-number.exponent, 0)), '0');
  for (std::size_t i = whole; i < number.digits.size(); ++i) {
    out.push_back(static_cast<char>('0' + number.digits[i]));
  }
  return out;
}

}  // namespace

std::optional<Decimal> parse_decimal(std::string_view text) {
  if (text.empty() || text.size() > kLongestText) return std::nullopt;
  Decimal number;
  number.negative = text[0] == '-';
  if (text[0] == '-' || text[0] == '+') text.remove_prefix(1);
  if (is_word(text, "inf") || is_word(text, "infinity")) {
    number.infinite = true;
    return number;
  }
  std::size_t at = 0;
  bool point = false;
  for (; at < text.size() && (is_digit(text[at]) || (text[at] == '.' && !point)); ++at) {
    if (text[at] == '.') {
      point = true;
    } else {
      number.digits.push_back(static_cast<char>(text[at] - '0'));
      if (!point) ++number.exponent;
    }
  }
  if (number.digits.empty()) return std::nullopt;
  if (at < text.size()) {
    if (text[at] != 'e' && text[at] != 'E') return std::nullopt;
    const auto shift = parse_exponent(text.substr(at + 1));
    if (!shift) return std::nullopt;
    number.exponent += *shift;
  }
  normalise(number);
  if (number.exponent > kLargestExponent || number.exponent < kSmallestExponent) {
    return std::nullopt;
  }
  return number;
}

std::optional<std::string> add_decimals(const Decimal& a, const Decimal& b) {
  if (a.infinite || b.infinite) return std::nullopt;
  Decimal sum;
  const int order = compare_magnitudes(a, b);
  const Decimal& larger = order < 0 ? b : a;
  const Decimal& smaller = order < 0 ? a : b;
  if (smaller.digits.empty()) {
    sum = larger;
  } else if (a.negative == b.negative || order != 0) {
    sum = combine(larger, smaller, a.negative != b.negative);
    sum.negative = larger.negative;
  }
  round_fraction(sum);
  if (sum.exponent > kLargestExponent) return std::nullopt;
  return plain(sum);
}

}  // namespace holdfast::commands
