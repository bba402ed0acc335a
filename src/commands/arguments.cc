#include "commands/arguments.h"

#include <fmt/format.h>

#include <charconv>

#include "commands/errors.h"
#include "resp/number.h"

namespace holdfast::commands {
namespace {

std::optional<std::string> read_bounded(std::string_view what, std::string_view word, Bounds bounds,
                                        std::string_view unit, std::int64_t& number) {
  const auto value = parse_integer(word);
  if (!value) return std::string(kNotInteger);
  if (*value < bounds.least || *value > bounds.most) {
    return fmt::format("ERR {} must be from {} to {}{}", what, bounds.least, bounds.most, unit);
  }
  number = *value;
  return std::nullopt;
}

}  // namespace

bool is_word(std::string_view word, std::string_view lower) {
  if (word.size() != lower.size()) return false;
  for (std::size_t i = 0; i < word.size(); ++i) {
    const char c = word[i];
    if ((c >= 'A' && c <= 'Z' ? static_cast<char>(c - 'A' + 'a') : c) != lower[i]) return false;
  }
  return true;
}

std::optional<std::int64_t> parse_integer(std::string_view word) {
  std::int64_t value = 0;
  if (!resp::parse_integer(word, value)) return std::nullopt;
  return value;
}

std::optional<std::uint64_t> parse_unsigned(std::string_view word) {
  std::uint64_t value = 0;
  const char* const end = word.data() + word.size();
  const auto parsed = std::from_chars(word.data(), end, value);
  if (parsed.ec != std::errc() || parsed.ptr != end) return std::nullopt;
  return value;
}

std::optional<std::int64_t> integer_or_error(std::string_view word, resp::ReplyWriter& reply) {
  const auto value = parse_integer(word);
  if (!value) reply.error(kNotInteger);
  return value;
}

std::optional<std::string> read_number(std::string_view what, std::string_view word, Bounds bounds,
                                       std::int64_t& number) {
  return read_bounded(what, word, bounds, "", number);
}

std::optional<std::string> read_count(std::string_view what, std::string_view word,
                                      std::uint64_t most, std::uint64_t& count) {
  std::int64_t number = 0;
  auto refused = read_number(what, word, {1, static_cast<std::int64_t>(most)}, number);
  if (!refused) count = static_cast<std::uint64_t>(number);
  return refused;
}

std::optional<std::string> read_milliseconds(std::string_view what, std::string_view word,
                                             Bounds bounds, std::int64_t& time_ms) {
  return read_bounded(what, word, bounds, " milliseconds", time_ms);
}

}  // namespace holdfast::commands
