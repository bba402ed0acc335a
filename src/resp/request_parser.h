// Turns bytes from a client into the words of its requests: RESP arrays of bulk strings, and inline
// commands. Fed bytes, asked for requests.
//
//   parser.feed(bytes);
//   while (parser.next(words) == Parsed::request) handle(words);
//
// The words are views into the parser's buffer, valid until the next feed(). Every length is
// bounded before it is used; memory is taken as bytes arrive, not as lengths are claimed. An error
// is final: the connection gets error() and is closed, as Redis does.
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
  // The bytes of the array that next() gave out last, as they came; "" if it was an inline command. Valid
  // as long as its words.
  std::string_view taken() const { return std::string_view(buffer_).substr(taken_at_, taken_bytes_); }
  // Text for the client, without '-' and line end, e.g. "ERR Protocol error: invalid bulk length".
  const std::string& error() const { return error_; }
  // Gives back memory that a big request needed, if nothing is buffered. Invalidates views given
  // out. feed() does the same by itself; this is for a connection that goes quiet.
  void shrink();
  // Bytes held that belong to no complete request yet, or to requests not yet asked for.
  std::size_t buffered() const;
  // Bytes of memory held; follows what arrived, not what was claimed.
  std::size_t memory() const;
  // Before authentication the limits are much smaller, so that strangers cost nothing.
  void set_authenticated(bool authenticated);

 private:
  // A word's place, counted from the first byte of its request: stays right when bytes move.
  struct Piece {
    std::size_t offset;
    std::size_t length;
  };

  // A request that is all there and plain, read in one go, as nearly every one is. False: nothing has
  // happened, and next_array() has to find out what it is.
  bool next_plain(std::vector<std::string_view>& words);
  Parsed next_array(std::vector<std::string_view>& words);
  Parsed next_inline(std::vector<std::string_view>& words);
  // Steps of next_array: the line "*n", the line "$n", the bytes. False: stop with result_.
  bool read_count();
  bool read_bulk_length();
  bool read_bulk();
  // The number between the kind byte at `cursor_` and the next "\r\n". Moves on only when whole.
  bool read_number(std::string_view too_long, std::int64_t& number, bool& canonical);
  bool fail(std::string_view text);
  bool fail_request_bytes();
  bool wait();
  void finish_request();

  Limits limits_;
  bool authenticated_ = true;
  std::string buffer_;
  std::size_t position_ = 0;  // of the first byte of the request being read
  std::size_t cursor_ = 0;    // how far that request is understood, counted from position_
  std::size_t scanned_ = 0;   // how far its current line was searched for an end, likewise
  std::int64_t words_left_ = kNoRequest;
  std::int64_t bulk_length_ = kNoLength;
  std::size_t request_bytes_ = 0;  // of the words announced so far
  std::size_t taken_at_ = 0;       // taken()
  std::size_t taken_bytes_ = 0;
  std::vector<Piece> found_;       // words of the unfinished request
  Parsed result_ = Parsed::need_more;
  std::string error_;

  static constexpr std::int64_t kNoRequest = -1;
  static constexpr std::int64_t kNoLength = -1;
};

}  // namespace holdfast::resp
