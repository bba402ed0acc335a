// What FEED.READ answers, read and written down: a line for each change.
//
// Pure. Threads: one at a time.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "base/result.h"
#include "holdfast/value.h"

namespace holdfast::cli {

struct KeyChange {
  std::uint64_t revision = 0;
  std::string operation = {};             // set, expire, persist, del, expired, flush
  std::optional<std::string> key = {};    // none: all keys
  std::optional<std::string> value = {};  // none: there is none, or it is longer than a feed tells
};

struct ChangePage {
  std::string position = {};  // where the next one begins
  std::vector<KeyChange> changes = {};
};

// An error if it is no such answer.
Result<ChangePage> read_page(const Value& answer);

// Without a new line. JSON has no place for any bytes: what is not UTF-8 stands under key_hex or
// value_hex.
std::string as_json(const KeyChange& change);
// For people: control characters escaped, long values cut.
std::string as_text(const KeyChange& change);

}  // namespace holdfast::cli
