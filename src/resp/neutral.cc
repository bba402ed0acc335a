#include "resp/neutral.h"

#include <cstdint>
#include <string>
#include <vector>

#include "resp/number.h"

namespace holdfast::resp {

namespace {

constexpr std::size_t kDepth = 64;

// An aggregate whose elements are still coming.
struct Open {
  std::uint64_t left = 0;
  bool record = false;  // every other element, from the first on, is a name
};

// Reads values off the front of the bytes and writes them in another version.
class Transcoder {
 public:
  Transcoder(std::string_view in, ReplyWriter& out) : in_(in), out_(out) {}

  bool run() {
    std::vector<Open> open;
    do {
      bool name = false;
      if (!open.empty()) {
        Open& inner = open.back();
        name = inner.record && inner.left % 2 == 0;
        --inner.left;
      }
      Open opened;
      if (!value(name, opened)) return false;
      if (opened.left > 0) {
        if (open.size() == kDepth) return false;
        open.push_back(opened);
      }
      while (!open.empty() && open.back().left == 0) open.pop_back();
    } while (!open.empty());
    return in_.empty();
  }

 private:
  // One value; an aggregate gives how many elements follow.
  bool value(bool name, Open& opened) {
    const std::size_t end = in_.find("\r\n");
    if (end == std::string_view::npos || end == 0) return false;
    const char kind = in_[0];
    const std::string_view line = in_.substr(1, end - 1);
    in_.remove_prefix(end + 2);
    if (name) return kind == '$' && bulk(kind, line, true);
    switch (kind) {
      case '+':
        out_.simple(line);
        return true;
      case '-':
        out_.error(line);
        return true;
      case '_':
        out_.null();
        return line.empty();
      case '#':
        out_.boolean(line == "t");
        return line == "t" || line == "f";
      case ':':
        return integer(line);
      case ',':
        return real(line);
      case '$':
      case '=':
        return bulk(kind, line, false);
      default:
        return aggregate(kind, line, opened);
    }
  }

  bool integer(std::string_view line) {
    std::int64_t number = 0;
    if (!parse_integer(line, number)) return false;
    out_.integer(number);
    return true;
  }

  // Kept as it was printed: reading and printing it again could only lose.
  bool real(std::string_view line) {
    if (out_.version() == Version::resp2) {
      out_.bulk(line);
    } else {
      out_.raw(std::string(",").append(line).append("\r\n"));
    }
    return true;
  }

  bool bulk(char kind, std::string_view line, bool name) {
    std::int64_t length = 0;
    if (!parse_integer(line, length) || length < 0) return false;
    const auto size = static_cast<std::uint64_t>(length);
    if (in_.size() < 2 || size > in_.size() - 2 || in_.substr(size, 2) != "\r\n") return false;
    std::string_view bytes = in_.substr(0, size);
    in_.remove_prefix(size + 2);
    if (name) {
      out_.field(bytes);
    } else if (kind == '$') {
      out_.bulk(bytes);
    } else {
      if (!bytes.starts_with("txt:")) return false;
      out_.verbatim(bytes.substr(4));
    }
    return true;
  }

  bool aggregate(char kind, std::string_view line, Open& opened) {
    std::int64_t number = 0;
    if (!parse_integer(line, number)) return false;
    if (kind == '*' && number == -1) {
      out_.null_array();
      return true;
    }
    // Each element takes three bytes at least.
    if (number < 0 || static_cast<std::uint64_t>(number) > in_.size() / 3) return false;
    const auto count = static_cast<std::uint64_t>(number);
    opened.left = kind == '%' || kind == kNeutralRecord ? 2 * count : count;
    opened.record = kind == kNeutralRecord;
    switch (kind) {
      case '*':
        out_.array(count);
        return true;
      case '~':
        out_.set(count);
        return true;
      case '>':
        out_.push(count);
        return true;
      case '%':
        out_.map(count);
        return true;
      case kNeutralRecord:
        out_.record(count);
        return true;
      default:
        return false;
    }
  }

  std::string_view in_;
  ReplyWriter& out_;
};

}  // namespace

bool append_neutral(std::string_view neutral, ReplyWriter& reply) {
  return Transcoder(neutral, reply).run();
}

}  // namespace holdfast::resp
