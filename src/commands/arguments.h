// How words become options and numbers, as strict as Redis is.
#pragma once

#include <cstdint>
#include <optional>
#include <string_view>

#include "commands/context.h"

namespace holdfast::commands {

// `lower` is written in lower case; `word` in any.
bool is_word(std::string_view word, std::string_view lower);

// Canonical decimal only ("7", "-7", not "+7", "07", " 7"), as 64 bits.
std::optional<std::int64_t> parse_integer(std::string_view word);
std::optional<std::uint64_t> parse_unsigned(std::string_view word);

// The same for a command: answers the error itself if there is no number.
std::optional<std::int64_t> integer_or_error(std::string_view word, resp::ReplyWriter& reply);

}  // namespace holdfast::commands
