#include "load/wire.h"

#include <charconv>
#include <stdexcept>

#include "resp/request_writer.h"

namespace holdfast::load {
namespace {

constexpr std::size_t kDigits = 12;

std::int64_t number_in(std::string_view text) {
  std::int64_t value = 0;
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), value);
  if (error != std::errc() || end != text.data() + text.size()) {
    throw std::runtime_error("no number where the protocol has one: " + std::string(text));
  }
  return value;
}

// The rest of a bulk string; false: not all there.
bool scan_bulk(std::string_view bytes, Answer& answer) {
  const std::int64_t size = number_in(answer.text);
  answer.nothing = size < 0;
  if (answer.nothing) return true;
  const std::size_t whole = answer.length + static_cast<std::size_t>(size) + 2;
  if (bytes.size() < whole) return false;
  answer.text = bytes.substr(answer.length, static_cast<std::size_t>(size));
  answer.length = whole;
  return true;
}

bool scan_list(std::string_view bytes, Answer& answer) {
  std::int64_t count = number_in(answer.text);
  answer.nothing = count < 0;
  if (answer.kind == '%') count *= 2;
  for (std::int64_t i = 0; i < count; ++i) {
    const auto element = scan(bytes.substr(answer.length));
    if (!element) return false;
    if (i == 0) answer.number = element->number;
    answer.length += element->length;
  }
  return true;
}

}  // namespace

std::optional<Answer> scan(std::string_view bytes) {
  const auto end = bytes.find("\r\n");
  if (end == std::string_view::npos) return std::nullopt;
  Answer answer{.kind = bytes[0], .text = bytes.substr(1, end - 1), .length = end + 2};
  switch (answer.kind) {
    case '+':
    case '-':
    case '#':
    case ',':
    case '(':
      return answer;
    case '_':
      answer.nothing = true;
      return answer;
    case ':':
      answer.number = number_in(answer.text);
      return answer;
    case '$':
    case '=':
    case '!':
      return scan_bulk(bytes, answer) ? std::optional(answer) : std::nullopt;
    case '*':
    case '%':
    case '~':
    case '>':
      return scan_list(bytes, answer) ? std::optional(answer) : std::nullopt;
    default:
      throw std::runtime_error("this is no answer: " + std::string(bytes.substr(0, end)));
  }
}

void append_command(std::string& out, std::initializer_list<std::string_view> words) {
  resp::append_request(out, words);
}

std::string command(std::initializer_list<std::string_view> words) {
  std::string out;
  append_command(out, words);
  return out;
}

void put_digits(char* twelve, std::uint64_t number) {
  for (std::size_t i = kDigits; i-- > 0; number /= 10) {
    twelve[i] = static_cast<char>('0' + number % 10);
  }
}

std::string key_name(std::uint64_t number) {
  std::string name = "key:" + std::string(kDigits, '0');
  put_digits(name.data() + 4, number);
  return name;
}

}  // namespace holdfast::load
