// Writes commands as clients send them: arrays of bulk strings, for our own clients.
#pragma once

#include <fmt/format.h>

#include <iterator>
#include <string>

namespace holdfast::resp {

// `words`: any sequence of strings or views of them.
template <class Words>
void append_request(std::string& out, const Words& words) {
  fmt::format_to(std::back_inserter(out), "*{}\r\n", words.size());
  for (const auto& word : words) {
    fmt::format_to(std::back_inserter(out), "${}\r\n", word.size());
    out += word;
    out += "\r\n";
  }
}

}  // namespace holdfast::resp
