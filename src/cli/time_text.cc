#include "cli/time_text.h"

#include <fmt/format.h>

#include <charconv>

namespace holdfast::cli {
namespace {

// Longer than any of our times, and far from overflow in the smallest unit.
constexpr std::int64_t kLongestMs = std::int64_t{100} * 365 * 24 * 3600 * 1000;

std::int64_t unit_ms(std::string_view unit) {
  if (unit == "ms") return 1;
  if (unit == "s") return 1000;
  if (unit == "m") return 60 * 1000;
  if (unit == "h") return 3600 * 1000;
  return unit == "d" ? 24 * 3600 * 1000 : 0;
}

}  // namespace

Result<std::chrono::milliseconds> parse_time(std::string_view text) {
  const auto wrong = [&] {
    return Error{
        fmt::format("'{}' is no time: write a whole number and ms, s, m, h or d, as in 10s", text)};
  };
  std::int64_t number = 0;
  const auto read = std::from_chars(text.data(), text.data() + text.size(), number);
  if (read.ec != std::errc() || number < 0) return wrong();
  const std::int64_t unit = unit_ms(text.substr(static_cast<std::size_t>(read.ptr - text.data())));
  if (unit == 0) return wrong();
  if (number > kLongestMs / unit) return Error{fmt::format("'{}' is more than 100 years", text)};
  return std::chrono::milliseconds(number * unit);
}

std::string time_text(std::chrono::milliseconds time) {
  const std::int64_t ms = time.count();
  if (ms < 1000) return fmt::format("{}ms", ms);
  if (ms < 120'000) {
    return ms % 1000 == 0 ? fmt::format("{}s", ms / 1000)
                          : fmt::format("{:.1f}s", static_cast<double>(ms) / 1000);
  }
  if (ms < 2 * 3600 * 1000) return fmt::format("{}m{:02}s", ms / 60'000, ms / 1000 % 60);
  return fmt::format("{}h{:02}m", ms / 3'600'000, ms / 60'000 % 60);
}

}  // namespace holdfast::cli
