#include "cli/feed_page.h"

#include <fmt/format.h>

#include <utility>

#include "cli/json_text.h"

namespace holdfast::cli {
namespace {

constexpr std::size_t kLongestShown = 200;  // bytes of a value, for people

bool is_continuation(char c) { return (static_cast<unsigned char>(c) & 0xC0) == 0x80; }

// How many bytes the character at the front has; 0 if it is none in UTF-8. Overlong forms and
// surrogates are none.
std::size_t character(std::string_view text) {
  const auto first = static_cast<unsigned char>(text[0]);
  if (first < 0x80) return 1;
  const std::size_t size = first >= 0xF0 ? 4 : first >= 0xE0 ? 3 : 2;
  if (first < 0xC2 || first > 0xF4 || text.size() < size) return 0;
  for (std::size_t i = 1; i < size; ++i) {
    if (!is_continuation(text[i])) return 0;
  }
  const auto second = static_cast<unsigned char>(text[1]);
  const bool overlong = (first == 0xE0 && second < 0xA0) || (first == 0xF0 && second < 0x90);
  const bool beyond = (first == 0xED && second > 0x9F) || (first == 0xF4 && second > 0x8F);
  return overlong || beyond ? 0 : size;
}

bool is_utf8(std::string_view text) {
  while (!text.empty()) {
    const std::size_t size = character(text);
    if (size == 0) return false;
    text.remove_prefix(size);
  }
  return true;
}

std::string member(std::string_view name, const std::optional<std::string>& text) {
  if (!text) return fmt::format(R"("{}":null)", name);
  if (is_utf8(*text)) return fmt::format(R"("{}":{})", name, json_text(*text));
  std::string hex;
  for (const char c : *text) hex += fmt::format("{:02x}", static_cast<unsigned char>(c));
  return fmt::format(R"("{}_hex":"{}")", name, hex);
}

std::string shown(std::string_view text) {
  std::string out;
  const std::string_view rest = text.substr(0, kLongestShown);
  for (std::size_t at = 0; at < rest.size();) {
    const std::size_t size = character(rest.substr(at));
    const auto byte = static_cast<unsigned char>(rest[at]);
    if (size == 0 || byte < 0x20 || byte == 0x7F || byte == '\\') {
      out += byte == '\\' ? "\\\\" : fmt::format("\\x{:02x}", byte);
      ++at;
    } else {
      out += rest.substr(at, size);
      at += size;
    }
  }
  if (text.size() > kLongestShown) out += fmt::format("… ({} bytes)", text.size());
  return out;
}

std::optional<std::string> text_of(const Value& value) {
  return value.kind == Value::Kind::text ? std::optional(value.text) : std::nullopt;
}

}  // namespace

Result<ChangePage> read_page(const Value& answer) {
  const Error strange{"the answer to FEED.READ is none that this tool knows"};
  if (answer.kind != Value::Kind::list || answer.items.size() != 2) return strange;
  ChangePage page{answer.items[0].text, {}};
  if (page.position.empty()) return strange;
  for (const Value& change : answer.items[1].items) {
    if (change.items.size() != 4 || change.items[3].integer < 0) return strange;
    page.changes.push_back({.revision = static_cast<std::uint64_t>(change.items[3].integer),
                            .operation = change.items[1].text,
                            .key = text_of(change.items[0]),
                            .value = text_of(change.items[2])});
  }
  return page;
}

std::string as_json(const KeyChange& change) {
  return fmt::format(R"({{"revision":{},"operation":{},{},{}}})", change.revision,
                     json_text(change.operation), member("key", change.key),
                     member("value", change.value));
}

std::string as_text(const KeyChange& change) {
  std::string line = fmt::format("{:<12}{:<8}  {}", change.revision, change.operation,
                                 change.key ? shown(*change.key) : "(all keys)");
  if (change.value) line += fmt::format("  {}", shown(*change.value));
  return line;
}

}  // namespace holdfast::cli
