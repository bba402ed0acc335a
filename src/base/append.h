// fmt::format to the end of a text that is there already.
//
//   append(out, "*{}\r\n", words.size());
#pragma once

#include <fmt/format.h>

#include <string>

namespace holdfast {

// What fmt::format_to would compile again in every source that calls it.
void append_formatted(std::string& out, fmt::string_view text, fmt::format_args values);

template <class... Values>
void append(std::string& out, fmt::format_string<Values...> text, Values&&... values) {
  append_formatted(out, text, fmt::make_format_args(values...));
}

}  // namespace holdfast
