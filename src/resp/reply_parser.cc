#include "resp/reply_parser.h"

#include <algorithm>
#include <charconv>
#include <utility>

#include "resp/number.h"

namespace holdfast::resp {
namespace {

bool parse_double(std::string_view text, double& value) {
  const char* first = text.data();
  const char* const end = text.data() + text.size();
  if (first != end && *first == '+') ++first;
  const auto parsed = std::from_chars(first, end, value);
  return parsed.ec == std::errc() && parsed.ptr == end && first != end;
}

bool is_big_number(std::string_view text) {
  if (!text.empty() && (text[0] == '-' || text[0] == '+')) text.remove_prefix(1);
  return !text.empty() &&
         std::all_of(text.begin(), text.end(), [](char c) { return c >= '0' && c <= '9'; });
}

}  // namespace

ReplyParser::ReplyParser(const ReplyLimits& limits) : limits_(limits) {}

void ReplyParser::feed(std::string_view bytes) {
  if (!error_.empty()) return;
  if (position_ > 0 && position_ >= buffer_.size() - position_) {
    buffer_.erase(0, position_);
    scanned_ -= std::min(scanned_, position_);
    position_ = 0;
  }
  buffer_.append(bytes);
}

Parsed ReplyParser::next(Reply& reply) {
  for (;;) {
    if (!error_.empty()) return Parsed::error;
    Reply value;
    switch (read_value(value)) {
      case Step::wait:
        return Parsed::need_more;
      case Step::failed:
        return Parsed::error;
      case Step::opened:
        continue;
      case Step::value:
        break;
    }
    if (close(value)) {
      reply = std::move(value);
      elements_ = 0;
      return Parsed::request;
    }
  }
}

ReplyParser::Step ReplyParser::read_value(Reply& value) {
  if (bulk_length_ >= 0) return read_bulk(bulk_kind_, value);
  if (position_ == buffer_.size()) return Step::wait;
  const char kind = buffer_[position_];
  if (std::string_view("+-:$*%~>|_,#(=!").find(kind) == std::string_view::npos) {
    return fail("a reply of an unknown kind");
  }
  if (!read_line()) return error_.empty() ? Step::wait : Step::failed;
  switch (kind) {
    case '$':
    case '=':
    case '!': {
      std::int64_t length = 0;
      if (!parse_integer(line_, length)) return fail("a length that is not a number");
      if (length == -1 && kind == '$') return Step::value;
      if (length < 0 || length > limits_.bulk_bytes) return fail("a bulk beyond the limit");
      bulk_length_ = length;
      bulk_kind_ = kind;
      return read_bulk(kind, value);
    }
    case '*':
    case '%':
    case '~':
    case '>':
    case '|':
      return open(kind, value);
    default:
      return read_scalar(kind, value);
  }
}

ReplyParser::Step ReplyParser::read_bulk(char kind, Reply& value) {
  const std::size_t length = static_cast<std::size_t>(bulk_length_);
  if (buffer_.size() - position_ < length + 2) return Step::wait;
  std::string_view bytes(buffer_.data() + position_, length);
  if (buffer_.compare(position_ + length, 2, "\r\n") != 0) return fail("a bulk without its end");
  value.kind = kind == '!' ? Reply::Kind::error : Reply::Kind::bulk;
  if (kind == '=') {
    if (length < 4 || bytes[3] != ':') return fail("verbatim text without a format");
    value.kind = Reply::Kind::verbatim;
    value.format = bytes.substr(0, 3);
    bytes.remove_prefix(4);
  }
  value.text = bytes;
  position_ += length + 2;
  scanned_ = position_;
  bulk_length_ = -1;
  return Step::value;
}

ReplyParser::Step ReplyParser::open(char kind, Reply& value) {
  std::int64_t count = 0;
  if (!parse_integer(line_, count)) return fail("a count that is not a number");
  if (count == -1 && kind == '*') return Step::value;  // RESP2's null array
  const bool pairs = kind == '%' || kind == '|';
  if (count < 0 || count > limits_.elements) return fail("more elements than the limit");
  if (pairs) count *= 2;
  elements_ += count;
  if (elements_ > limits_.elements) return fail("more elements than the limit");
  switch (kind) {
    case '*':
      value.kind = Reply::Kind::array;
      break;
    case '~':
      value.kind = Reply::Kind::set;
      break;
    case '>':
      value.kind = Reply::Kind::push;
      break;
    default:
      value.kind = Reply::Kind::map;
  }
  if (count == 0) return kind == '|' ? Step::opened : Step::value;
  if (stack_.size() >= limits_.depth) return fail("aggregates nested beyond the limit");
  stack_.push_back({std::move(value), static_cast<std::size_t>(count), kind == '|'});
  return Step::opened;
}

ReplyParser::Step ReplyParser::read_scalar(char kind, Reply& value) {
  switch (kind) {
    case '+':
    case '-':
      value.kind = kind == '+' ? Reply::Kind::simple : Reply::Kind::error;
      value.text = line_;
      return Step::value;
    case ':':
      value.kind = Reply::Kind::integer;
      return parse_integer(line_, value.number) ? Step::value : fail("an integer that is none");
    case ',':
      value.kind = Reply::Kind::real;
      value.text = line_;
      return parse_double(line_, value.real) ? Step::value : fail("a double that is none");
    case '#':
      value.kind = Reply::Kind::boolean;
      value.number = line_ == "t" ? 1 : 0;
      return line_ == "t" || line_ == "f" ? Step::value : fail("a boolean that is none");
    case '(':
      value.kind = Reply::Kind::big_number;
      value.text = line_;
      return is_big_number(line_) ? Step::value : fail("a big number that is none");
    default:  // '_'
      return line_.empty() ? Step::value : fail("a null with text");
  }
}

bool ReplyParser::close(Reply& value) {
  while (!stack_.empty()) {
    Open& top = stack_.back();
    top.reply.items.push_back(std::move(value));
    if (--top.missing > 0) return false;
    value = std::move(top.reply);
    const bool attribute = top.attribute;
    stack_.pop_back();
    if (attribute) return false;  // said about the value that comes next; nobody asks for it
  }
  return true;
}

bool ReplyParser::read_line() {
  const std::size_t window = std::min(buffer_.size(), position_ + limits_.line_bytes + 1);
  std::size_t end = std::max(scanned_, position_ + 1);
  while (end < window && buffer_[end] != '\r') ++end;
  scanned_ = end;
  if (end == window) {
    if (window - position_ > limits_.line_bytes) fail("a line beyond the limit");
    return false;
  }
  if (end + 1 == buffer_.size()) return false;  // the '\n' is on its way
  if (buffer_[end + 1] != '\n') {
    fail("a line without its end");
    return false;
  }
  line_ = std::string_view(buffer_).substr(position_ + 1, end - position_ - 1);
  position_ = end + 2;
  scanned_ = position_;
  return true;
}

ReplyParser::Step ReplyParser::fail(std::string_view text) {
  error_.assign("the server sent ").append(text);
  return Step::failed;
}

}  // namespace holdfast::resp
