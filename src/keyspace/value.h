// What a key holds. Strings so far; each further type is a file of its own and an alternative here.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>
#include <variant>

namespace holdfast::keyspace {

enum class Type : std::uint8_t { string = 1 };

// As clients see it: "string".
std::string_view type_name(Type type);

// A string; kept as an integer while it is one in canonical decimal form.
class Value {
 public:
  // Text that is a canonical 64-bit integer ("42", "-7", not "042") is kept as a number.
  static Value string(std::string_view text);
  static Value integer(std::int64_t number);
  // Text that was edited in place (APPEND, SETRANGE): never turned into a number again.
  static Value raw(std::string text);

  // Becomes what string(text) gives, reusing the memory it has.
  void assign(std::string_view text);
  // The text, to be edited in place; raw from here on.
  std::string& edit();

  Type type() const { return Type::string; }
  bool is_integer() const { return std::holds_alternative<std::int64_t>(data_); }
  // REQUIRES: is_integer().
  std::int64_t as_integer() const { return std::get<std::int64_t>(data_); }
  // The text; `scratch` holds it if the value is an integer. Valid while both live unchanged.
  std::string_view text(std::string& scratch) const;
  std::string to_string() const;
  std::size_t length() const;
  // "int", "embstr" or "raw", as OBJECT ENCODING answers.
  std::string_view encoding() const;
  bool is_raw() const { return raw_; }
  // Roughly what the value occupies, in bytes.
  std::size_t memory() const;

  bool operator==(const Value&) const = default;

 private:
  std::variant<std::int64_t, std::string> data_;
  bool raw_ = false;
};

}  // namespace holdfast::keyspace
