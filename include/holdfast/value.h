// The answer to a command: nothing, a number, a text, or a list of answers.
#pragma once

#include <cstdint>
#include <string>
#include <vector>

namespace holdfast {

struct Value {
  enum class Kind : std::uint8_t {
    null,
    integer,
    text,   // any bytes
    list,   // items
    error,  // inside a list only: text, its first word is the kind
  };

  Kind kind = Kind::null;
  std::int64_t integer = 0;
  std::string text;
  std::vector<Value> items;

  bool is_null() const { return kind == Kind::null; }
  bool operator==(const Value&) const = default;
};

}  // namespace holdfast
