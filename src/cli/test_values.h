// Answers of servers, for tests.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "holdfast/value.h"

namespace holdfast::cli {

inline Value text(std::string_view bytes) {
  Value value;
  value.kind = Value::Kind::text;
  value.text = bytes;
  return value;
}

inline Value number(std::int64_t integer) {
  Value value;
  value.kind = Value::Kind::integer;
  value.integer = integer;
  return value;
}

inline Value list(std::vector<Value> items) {
  Value value;
  value.kind = Value::Kind::list;
  value.items = std::move(items);
  return value;
}

}  // namespace holdfast::cli
