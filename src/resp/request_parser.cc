#include "resp/request_parser.h"

#include <algorithm>
#include <cstring>

#include "resp/number.h"

namespace holdfast::resp {
namespace {

// Buffers up to this stay with the connection; what a bigger request needed is given back.
constexpr std::size_t kKeptBytes = 64 * 1024;
constexpr std::size_t kKeptWords = 1024;

// The first byte of a connection over TLS.
constexpr char kTlsGreeting = 0x16;

constexpr bool is_space(char c) {
  return c == ' ' || c == '\t' || c == '\n' || c == '\v' || c == '\f' || c == '\r';
}

int hex_digit(char c) {
  if (c >= '0' && c <= '9') return c - '0';
  if (c >= 'a' && c <= 'f') return c - 'a' + 10;
  if (c >= 'A' && c <= 'F') return c - 'A' + 10;
  return -1;
}

char escaped(char c) {
  switch (c) {
    case 'n':
      return '\n';
    case 'r':
      return '\r';
    case 't':
      return '\t';
    case 'b':
      return '\b';
    case 'a':
      return '\a';
    default:
      return c;
  }
}

// Splits a line into words as a shell would: "…" with escapes, '…' with \' only, and quotes may
// begin inside a word but must end it. Unquoted text is never longer than what was quoted, so words
// are written over the line itself and need no memory of their own.
class LineSplitter {
 public:
  explicit LineSplitter(char* begin, char* end) : in_(begin), end_(end) {}

  // False: quotes do not balance.
  bool split(std::vector<std::string_view>& words) {
    for (;;) {
      while (in_ < end_ && is_space(*in_)) ++in_;
      if (in_ == end_) return true;
      char* const begin = in_;
      out_ = in_;
      if (!word()) return false;
      words.emplace_back(begin, static_cast<std::size_t>(out_ - begin));
    }
  }

 private:
  bool word() {
    while (in_ < end_) {
      const char c = *in_;
      if (c == ' ' || c == '\n' || c == '\r' || c == '\t') return true;
      ++in_;
      if (c == '"') return double_quoted();
      if (c == '\'') return single_quoted();
      *out_++ = c;
    }
    return true;
  }

  bool double_quoted() {
    while (in_ < end_) {
      const char c = *in_++;
      if (c == '"') return at_word_end();
      if (c != '\\' || in_ == end_) {
        *out_++ = c;
        continue;
      }
      if (*in_ == 'x' && end_ - in_ >= 3 && hex_digit(in_[1]) >= 0 && hex_digit(in_[2]) >= 0) {
        *out_++ = static_cast<char>(hex_digit(in_[1]) * 16 + hex_digit(in_[2]));
        in_ += 3;
      } else {
        *out_++ = escaped(*in_++);
      }
    }
    return false;
  }

  bool single_quoted() {
    while (in_ < end_) {
      char c = *in_++;
      if (c == '\'') return at_word_end();
      if (c == '\\' && in_ < end_ && *in_ == '\'') c = *in_++;
      *out_++ = c;
    }
    return false;
  }

  bool at_word_end() const { return in_ == end_ || is_space(*in_); }

  char* in_;
  char* end_;
  char* out_ = nullptr;
};

// Longer numbers are left to the general way. What is shorter always fits into a line.
constexpr std::int64_t kFew = 1'000'000;

// The number in a line like "$16\r\n", which `at` is moved behind; -1: it is long, not written as it should
// be, or not all there. REQUIRES: what ends the bytes is no digit, as behind every std::string.
std::int64_t short_number(char kind, const char*& at) {
  const char* next = at;
  if (*next++ != kind) return -1;
  const auto digit = [](char c) { return static_cast<unsigned>(c) - '0'; };
  unsigned value = digit(*next++);
  if (value > 9) return -1;
  std::int64_t number = value;
  while ((value = digit(*next)) <= 9) {
    if (number == 0 || number >= kFew / 10) return -1;
    number = number * 10 + value;
    ++next;
  }
  if (next[0] != '\r' || next[1] != '\n') return -1;
  at = next + 2;
  return number;
}

}  // namespace

RequestParser::RequestParser(const Limits& limits) : limits_(limits) {}

void RequestParser::feed(std::string_view bytes) {
  if (position_ == buffer_.size()) {
    buffer_.clear();
    position_ = 0;
    shrink();
  } else if (position_ >= buffer_.size() - position_ ||
             (position_ > 0 && buffer_.size() + bytes.size() > buffer_.capacity())) {
    // Moving is worth it when at most as much moves as is freed, or when growing would move anyway.
    buffer_.erase(0, position_);
    position_ = 0;
  }
  if (result_ != Parsed::error) buffer_.append(bytes);
}

void RequestParser::shrink() {
  if (position_ != buffer_.size()) return;
  position_ = 0;
  if (buffer_.capacity() > kKeptBytes) {
    std::string().swap(buffer_);
  } else {
    buffer_.clear();
  }
  if (found_.capacity() > kKeptWords) std::vector<Piece>().swap(found_);
}

std::size_t RequestParser::buffered() const { return buffer_.size() - position_; }

std::size_t RequestParser::memory() const {
  return buffer_.capacity() + found_.capacity() * sizeof(Piece);
}

void RequestParser::set_authenticated(bool authenticated) { authenticated_ = authenticated; }

Parsed RequestParser::next(std::vector<std::string_view>& words) {
  words.clear();
  while (result_ != Parsed::error && position_ < buffer_.size()) {
    if (words_left_ == kNoRequest && next_plain(words)) return Parsed::request;
    const bool array = words_left_ != kNoRequest || buffer_[position_] == '*';
    const Parsed parsed = array ? next_array(words) : next_inline(words);
    if (parsed != Parsed::request) return parsed;
    if (!words.empty()) return Parsed::request;
  }
  return result_ == Parsed::error ? Parsed::error : Parsed::need_more;
}

bool RequestParser::next_plain(std::vector<std::string_view>& words) {
  const char* const begin = buffer_.data() + position_;
  const char* const end = buffer_.data() + buffer_.size();
  const char* at = begin;
  const std::int64_t count = short_number('*', at);
  if (count <= 0 || count > limits_.arguments || !authenticated_) return false;
  std::size_t bytes = 0;
  for (std::int64_t word = 0; word < count; ++word) {
    const std::int64_t length = short_number('$', at);
    const bool whole = length >= 0 && length + 2 <= end - at;
    if (whole) bytes += static_cast<std::size_t>(length);
    if (!whole || length > limits_.bulk_bytes || bytes > limits_.request_bytes) {
      words.clear();
      return false;
    }
    words.emplace_back(at, static_cast<std::size_t>(length));
    at += length + 2;
  }
  cursor_ = static_cast<std::size_t>(at - begin);
  finish_request();
  return true;
}

Parsed RequestParser::next_array(std::vector<std::string_view>& words) {
  if (words_left_ == kNoRequest && !read_count()) return result_;
  while (words_left_ > 0) {
    if (bulk_length_ == kNoLength && !read_bulk_length()) return result_;
    if (!read_bulk()) return result_;
  }
  const char* const begin = buffer_.data() + position_;
  for (const Piece& piece : found_) words.emplace_back(begin + piece.offset, piece.length);
  finish_request();
  return Parsed::request;
}

Parsed RequestParser::next_inline(std::vector<std::string_view>& words) {
  char* const begin = buffer_.data() + position_;
  if (*begin == kTlsGreeting) {
    // A whole greeting need not hold an end of line: both sides would wait.
    fail("this looks like TLS, which is not spoken at this port");
    return result_;
  }
  // The line's end must lie in this window; the rest of the buffer is not looked at.
  const std::size_t window = std::min(buffer_.size() - position_, limits_.inline_bytes + 1);
  void* const found = std::memchr(begin + scanned_, '\n', window - scanned_);
  if (found == nullptr) {
    scanned_ = window;
    if (window > limits_.inline_bytes) fail("too big inline request");
    return result_;
  }
  char* end = static_cast<char*>(found);
  cursor_ = static_cast<std::size_t>(end - begin) + 1;
  if (end > begin && end[-1] == '\r') --end;
  if (!LineSplitter(begin, end).split(words)) {
    words.clear();
    fail("unbalanced quotes in request");
    return result_;
  }
  finish_request();
  taken_bytes_ = 0;  // quotes and escapes were undone in place
  return Parsed::request;
}

bool RequestParser::read_count() {
  std::int64_t count = 0;
  bool canonical = false;
  if (!read_number("too big mbulk count string", count, canonical)) return false;
  if (!canonical || count > limits_.arguments) return fail("invalid multibulk length");
  if (!authenticated_ && count > limits_.unauthenticated_arguments) {
    return fail("unauthenticated multibulk length");
  }
  words_left_ = std::max<std::int64_t>(count, 0);
  return true;
}

bool RequestParser::read_bulk_length() {
  if (position_ + cursor_ == buffer_.size()) return wait();
  const char kind = buffer_[position_ + cursor_];
  if (kind != '$') {
    return fail(std::string("expected '$', got '").append(1, kind).append("'"));
  }
  std::int64_t length = 0;
  bool canonical = false;
  if (!read_number("too big bulk count string", length, canonical)) return false;
  if (!canonical || length < 0 || length > limits_.bulk_bytes) return fail("invalid bulk length");
  if (!authenticated_ && length > limits_.unauthenticated_bulk_bytes) {
    return fail("unauthenticated bulk length");
  }
  request_bytes_ += static_cast<std::size_t>(length);
  if (request_bytes_ > limits_.request_bytes) return fail_request_bytes();
  bulk_length_ = length;
  return true;
}

bool RequestParser::read_bulk() {
  const std::size_t length = static_cast<std::size_t>(bulk_length_);
  if (buffer_.size() - position_ - cursor_ < length + 2) return wait();
  found_.push_back({cursor_, length});
  cursor_ += length + 2;
  scanned_ = cursor_;
  bulk_length_ = kNoLength;
  --words_left_;
  return true;
}

bool RequestParser::read_number(std::string_view too_long, std::int64_t& number, bool& canonical) {
  const char* const line = buffer_.data() + position_ + cursor_;
  const std::size_t left = buffer_.size() - position_ - cursor_;
  const std::size_t window = std::min(left, limits_.inline_bytes + 1);
  std::size_t end = std::max(scanned_, cursor_) - cursor_;
  while (end < window && line[end] != '\r') ++end;
  scanned_ = cursor_ + end;
  if (end == window) return window > limits_.inline_bytes ? fail(too_long) : wait();
  if (end + 1 == left) return wait();  // the '\n' is on its way
  canonical = parse_integer({line + 1, end - 1}, number);
  cursor_ += end + 2;
  scanned_ = cursor_;
  return true;
}

bool RequestParser::fail(std::string_view text) {
  error_.assign("ERR Protocol error: ").append(text);
  result_ = Parsed::error;
  return false;
}

// Redis has no such limit and so no text for it.
bool RequestParser::fail_request_bytes() {
  error_.assign("LIMIT the words of a request have at most ");
  append_integer(error_, static_cast<std::int64_t>(limits_.request_bytes));
  error_.append(" bytes together (request-bytes)");
  result_ = Parsed::error;
  return false;
}

bool RequestParser::wait() {
  result_ = Parsed::need_more;
  return false;
}

void RequestParser::finish_request() {
  taken_at_ = position_;
  taken_bytes_ = cursor_;
  position_ += cursor_;
  cursor_ = 0;
  scanned_ = 0;
  words_left_ = kNoRequest;
  bulk_length_ = kNoLength;
  request_bytes_ = 0;
  found_.clear();
}

}  // namespace holdfast::resp
