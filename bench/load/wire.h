// The Redis protocol as a load generator needs it: commands in bytes, answers skipped over.
//
// resp/reply_parser.h builds answers; a load of a million a second wants only to know where each
// ends, whether it is an error, and the number that stands in it.
#pragma once

#include <cstddef>
#include <cstdint>
#include <initializer_list>
#include <optional>
#include <string>
#include <string_view>

namespace holdfast::load {

struct Answer {
  char kind = '+';          // the first byte
  std::string_view text;    // its first line, without kind and end; the text of a bulk string
  std::int64_t number = 0;  // of ':'; of a list: its first element, if that is a number
  bool nothing = false;     // $-1, *-1, _
  std::size_t length = 0;   // bytes, all of it

  bool error() const { return kind == '-' || kind == '!'; }
};

// The answer at the beginning of `bytes`; nothing: it is not all there yet.
// What is no answer at all ends in std::runtime_error: the load would measure nonsense.
std::optional<Answer> scan(std::string_view bytes);

void append_command(std::string& out, std::initializer_list<std::string_view> words);
std::string command(std::initializer_list<std::string_view> words);

// Twelve digits, as redis-benchmark's __rand_int__ has.
void put_digits(char* twelve, std::uint64_t number);
// "key:" and twelve digits.
std::string key_name(std::uint64_t number);

}  // namespace holdfast::load
