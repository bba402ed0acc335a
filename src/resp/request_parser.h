// Turns bytes from a client into the words of its requests: RESP arrays of bulk strings, and inline
// commands. Fed bytes, asked for requests.
//
//   parser.feed(bytes);
//   while (parser.next(words) == Parsed::request) handle(words);
//
// The words are views into the parser's buffer, valid until the next feed(). Every length is bounded
// before it is used; memory is taken as bytes arrive, not as lengths are claimed. An error is final:
// the connection gets error() and is closed, as Redis does.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "resp/limits.h"

namespace holdfast::resp {

enum class Parsed : std::uint8_t { request, need_more, error };

class RequestParser {
 public:
  explicit RequestParser(const Limits& limits);

  // Appends bytes. Invalidates views given out.
  void feed(std::string_view bytes);
  // The next whole request. Empty requests (blank inline lines, *0) are skipped.
  Parsed next(std::vector<std::string_view>& words);
  // Text for the client, without '-' and line end, e.g. "ERR Protocol error: invalid bulk length".
  const std::string& error() const { return error_; }
  // Bytes held that belong to no complete request yet, or to requests not yet asked for.
  std::size_t buffered() const;
  // Before authentication the limits are much smaller, so that strangers cost nothing.
  void set_authenticated(bool authenticated);

 private:
  struct Header;
  Limits limits_;
  bool authenticated_ = true;
  std::string buffer_;
  std::size_t position_ = 0;   // of the first byte not yet consumed
  std::size_t scanned_ = 0;    // how far an unfinished request has been looked at
  std::int64_t words_left_ = -1;
  std::vector<std::pair<std::size_t, std::size_t>> found_;  // words of the unfinished request
  std::string error_;
  std::vector<std::string> inline_words_;  // unquoted words of an inline command
};

}  // namespace holdfast::resp
