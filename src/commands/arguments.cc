#include "commands/arguments.h"

#include <charconv>

#include "commands/errors.h"
#include "resp/number.h"

namespace holdfast::commands {

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

}  // namespace holdfast::commands
