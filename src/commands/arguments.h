// How words become options and numbers, as strict as Redis is.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
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

struct Bounds {  // both included
  std::int64_t least;
  std::int64_t most;
};

// A number within bounds; the text of an error, which calls it `what`, if it is none.
std::optional<std::string> read_number(std::string_view what, std::string_view word, Bounds bounds,
                                       std::int64_t& number);
// The same of a number of things, at least one.
std::optional<std::string> read_count(std::string_view what, std::string_view word,
                                      std::uint64_t most, std::uint64_t& count);
// The same of a time.
std::optional<std::string> read_milliseconds(std::string_view what, std::string_view word,
                                             Bounds bounds, std::int64_t& time_ms);

}  // namespace holdfast::commands
