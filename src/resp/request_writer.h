// Writes commands as clients send them: arrays of bulk strings, for our own clients.
#pragma once

#include <string>

#include "base/append.h"

namespace holdfast::resp {

// `words`: any sequence of strings or views of them.
template <class Words>
void append_request(std::string& out, const Words& words) {
  append(out, "*{}\r\n", words.size());
  for (const auto& word : words) {
    append(out, "${}\r\n", word.size());
    out += word;
    out += "\r\n";
  }
}

}  // namespace holdfast::resp
