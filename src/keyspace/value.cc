#include "keyspace/value.h"

#include <fmt/format.h>

#include <charconv>
#include <optional>
#include <utility>

#include "base/check.h"
#include "keyspace/sizes.h"

namespace holdfast::keyspace {

namespace {

// Up to this length a string is "embstr"; programs look at it, so it is Redis' number.
constexpr std::size_t kEmbeddedLength = 44;

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

ValueView ValueView::string(std::string_view text) {
  const auto number = canonical_integer(text);
  return number ? integer(*number) : plain(text);
}

std::int64_t ValueView::as_integer() const {
  CHECK(is_integer());
  return number_;
}

std::string_view ValueView::text(std::string& scratch) const {
  if (!is_integer()) return text_;
  char digits[24];
  const auto printed = std::to_chars(digits, digits + sizeof(digits), number_);
  scratch.assign(digits, printed.ptr);
  return scratch;
}

std::string_view ValueView::text() const {
  CHECK(!is_integer());
  return text_;
}

std::string ValueView::to_string() const {
  std::string scratch;
  return std::string(text(scratch));
}

std::size_t ValueView::length() const {
  return is_integer() ? fmt::formatted_size("{}", number_) : text_.size();
}

std::string_view ValueView::encoding() const {
  if (is_integer()) return "int";
  return !is_raw() && text_.size() <= kEmbeddedLength ? "embstr" : "raw";
}

Value::Value(const ValueView& view) : is_integer_(view.is_integer()), is_raw_(view.is_raw()) {
  if (is_integer_) {
    number_ = view.as_integer();
  } else {
    text_ = view.text();
  }
}

Value Value::raw(std::string text) {
  Value value;
  value.text_ = std::move(text);
  value.is_integer_ = false;
  value.is_raw_ = true;
  return value;
}

ValueView Value::view() const {
  if (is_integer_) return ValueView::integer(number_);
  return is_raw_ ? ValueView::raw(text_) : ValueView::plain(text_);
}

std::size_t Value::memory() const { return outside_bytes(text_); }

}  // namespace holdfast::keyspace
