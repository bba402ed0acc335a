// What a key holds. Strings so far; each further type is a file of its own and a kind here.
//
// A ValueView is read and owns nothing; a Value owns its text and is what is put into a key or taken
// out of one. How a key keeps its value is in object.h.
#pragma once

#include <cstddef>
#include <cstdint>
#include <string>
#include <string_view>

namespace holdfast::keyspace {

enum class Type : std::uint8_t { string = 1 };

// As clients see it: "string".
std::string_view type_name(Type type);

// A string; an integer while it is one in canonical decimal form. Valid as long as what it was made
// of lives unchanged.
class ValueView {
 public:
  // Text that is a canonical 64-bit integer ("42", "-7", not "042") is a number.
  static ValueView string(std::string_view text);
  static ValueView integer(std::int64_t number) { return {Kind::integer, number, {}}; }
  // Text that was edited in place (APPEND, SETRANGE): never turned into a number again.
  static ValueView raw(std::string_view text) { return {Kind::raw, 0, text}; }
  // Text that is known to be no canonical integer.
  static ValueView plain(std::string_view text) { return {Kind::text, 0, text}; }

  Type type() const { return Type::string; }
  bool is_integer() const { return kind_ == Kind::integer; }
  bool is_raw() const { return kind_ == Kind::raw; }
  // REQUIRES: is_integer().
  std::int64_t as_integer() const;
  // The text; `scratch` holds it if the value is an integer. Valid while both live unchanged.
  std::string_view text(std::string& scratch) const;
  // REQUIRES: !is_integer().
  std::string_view text() const;
  std::string to_string() const;
  std::size_t length() const;
  // "int", "embstr" or "raw", as OBJECT ENCODING answers.
  std::string_view encoding() const;

  bool operator==(const ValueView&) const = default;

 private:
  enum class Kind : std::uint8_t { integer, text, raw };

  ValueView(Kind kind, std::int64_t number, std::string_view text)
      : text_(text), number_(number), kind_(kind) {}

  std::string_view text_;
  std::int64_t number_;
  Kind kind_;
};

class Value {
 public:
  Value() = default;  // the integer 0
  explicit Value(const ValueView& view);
  static Value string(std::string_view text) { return Value(ValueView::string(text)); }
  static Value integer(std::int64_t number) { return Value(ValueView::integer(number)); }
  static Value raw(std::string text);

  // Valid while the value lives unchanged.
  ValueView view() const;
  operator ValueView() const { return view(); }
  // The text's memory, for who takes it over.
  std::string& owned() { return text_; }
  // Roughly what the value occupies outside of itself, in bytes.
  std::size_t memory() const;

 private:
  std::string text_;
  std::int64_t number_ = 0;
  bool is_integer_ = true;
  bool is_raw_ = false;
};

}  // namespace holdfast::keyspace
