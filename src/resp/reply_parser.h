// Turns bytes from a server into replies, RESP2 and RESP3 alike. For our own command line, the
// client library and tests. Fed bytes, asked for replies; a reply may arrive in any number of
// pieces.
//
//   parser.feed(bytes);
//   while (parser.next(reply) == Parsed::request) show(reply);
//
// A server is not trusted either: sizes, counts and depth are bounded before memory is taken, and
// memory follows the bytes that came, not the lengths they claim. An error is final.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "resp/request_parser.h"

namespace holdfast::resp {

struct Reply {
  enum class Kind : std::uint8_t {
    simple,      // text
    error,       // text, the first word is the kind; also RESP3's long errors
    integer,     // number
    bulk,        // text
    null,        // RESP2's $-1 and *-1, RESP3's _
    real,        // real, and text as it was sent
    boolean,     // number is 0 or 1
    big_number,  // text
    verbatim,    // text; format is "txt" or "mkd"
    array,       // items
    map,         // items: key, value, key, value …
    set,         // items
    push,        // items; not an answer to a request
  };

  Kind kind = Kind::null;
  std::int64_t number = 0;
  double real = 0;
  std::string text;
  std::string format;
  std::vector<Reply> items;

  bool is_error() const { return kind == Kind::error; }
  bool is_aggregate() const { return kind >= Kind::array; }
  bool operator==(const Reply&) const = default;
};

struct ReplyLimits {
  std::size_t line_bytes = 64 * 1024;  // simple strings, errors, numbers
  std::int64_t bulk_bytes = 512 * 1024 * 1024;
  std::int64_t elements = 16 * 1024 * 1024;  // of one reply, at all depths
  std::size_t depth = 64;
};

class ReplyParser {
 public:
  explicit ReplyParser(const ReplyLimits& limits = {});

  void feed(std::string_view bytes);
  // The next whole reply (Parsed::request stands for it). Attributes are read and dropped.
  Parsed next(Reply& reply);
  // For people, after Parsed::error.
  const std::string& error() const { return error_; }
  std::size_t buffered() const { return buffer_.size() - position_; }

 private:
  // An aggregate whose items are still coming.
  struct Open {
    Reply reply;
    std::size_t missing;
    bool attribute;
  };

  enum class Step : std::uint8_t { value, opened, wait, failed };

  Step read_value(Reply& value);
  Step read_bulk(char kind, Reply& value);
  Step open(char kind, Reply& value);
  Step read_scalar(char kind, Reply& value);
  // Puts a whole value where it belongs. True: `value` is now a whole reply.
  bool close(Reply& value);
  bool read_line();
  Step fail(std::string_view text);

  ReplyLimits limits_;
  std::string buffer_;
  std::size_t position_ = 0;
  std::size_t scanned_ = 0;        // how far the current line was searched for its end
  std::string_view line_;          // the current line, without kind and end
  std::int64_t bulk_length_ = -1;  // of the bulk whose header was read
  char bulk_kind_ = 0;
  std::int64_t elements_ = 0;
  std::vector<Open> stack_;
  std::string error_;
};

}  // namespace holdfast::resp
