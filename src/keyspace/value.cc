#include "keyspace/value.h"

#include <fmt/format.h>

#include <charconv>
#include <optional>

#include "base/check.h"
#include "keyspace/sizes.h"

namespace holdfast::keyspace {

namespace {

// Up to this length a string is "embstr"; programs look at it, so it is Redis' number.
constexpr std::size_t kEmbeddedLength = 44;
// Memory of an overwritten value is given back if at least this much of it would lie idle.
constexpr std::size_t kIdleBytes = 256;

// The number, if printing it gives the same text again.
std::optional<std::int64_t> canonical_integer(std::string_view text) {
  if (text.empty() || text.size() > 20) return std::nullopt;
  const bool negative = text[0] == '-';
  const std::string_view digits = text.substr(negative ? 1 : 0);
  if (digits.empty() || digits[0] < '0' || digits[0] > '9') return std::nullopt;
  if (digits[0] == '0' && (negative || digits.size() > 1)) return std::nullopt;
  std::int64_t number = 0;
  const char* end = text.data() + text.size();
  const auto parsed = std::from_chars(text.data(), end, number);
  if (parsed.ec != std::errc() || parsed.ptr != end) return std::nullopt;
  return number;
}

}  // namespace

std::string_view type_name(Type type) {
  switch (type) {
    case Type::string:
      return "string";
  }
  fail(__FILE__, __LINE__, "type", "unknown type");
}

Value Value::string(std::string_view text) {
  Value value;
  value.assign(text);
  return value;
}

Value Value::integer(std::int64_t number) {
  Value value;
  value.data_ = number;
  return value;
}

Value Value::raw(std::string text) {
  Value value;
  value.data_ = std::move(text);
  value.raw_ = true;
  return value;
}

void Value::assign(std::string_view text) {
  raw_ = false;
  if (const auto number = canonical_integer(text)) {
    data_ = *number;
    return;
  }
  auto* held = std::get_if<std::string>(&data_);
  if (held == nullptr) {
    data_ = std::string(text);
  } else if (held->capacity() > 2 * text.size() + kIdleBytes) {
    std::string(text).swap(*held);  // an assignment could keep the old memory
  } else {
    held->assign(text);
  }
}

std::string& Value::edit() {
  if (is_integer()) data_ = to_string();
  raw_ = true;
  return std::get<std::string>(data_);
}

std::string_view Value::text(std::string& scratch) const {
  if (const auto* held = std::get_if<std::string>(&data_)) return *held;
  char digits[24];
  const auto printed = std::to_chars(digits, digits + sizeof(digits), as_integer());
  scratch.assign(digits, printed.ptr);
  return scratch;
}

std::string Value::to_string() const {
  std::string scratch;
  return std::string(text(scratch));
}

std::size_t Value::length() const {
  if (const auto* held = std::get_if<std::string>(&data_)) return held->size();
  return fmt::formatted_size("{}", as_integer());
}

std::string_view Value::encoding() const {
  if (is_integer()) return "int";
  return !raw_ && length() <= kEmbeddedLength ? "embstr" : "raw";
}

std::size_t Value::memory() const {
  const auto* held = std::get_if<std::string>(&data_);
  return held == nullptr ? 0 : outside_bytes(*held);
}

}  // namespace holdfast::keyspace
