// Bytes from anybody, for both parsers: nothing crashes, nothing grows beyond its bytes, and
// however the bytes are split, the same comes out. The first byte of the input chooses the parser
// and the split.
#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "base/check.h"
#include "resp/reply_parser.h"
#include "resp/request_parser.h"

namespace holdfast::resp {
namespace {

struct Requests {
  std::vector<std::vector<std::string>> all;
  std::string error;

  bool operator==(const Requests&) const = default;
};

Requests requests_of(std::string_view bytes, std::size_t piece, bool authenticated) {
  Limits limits;
  limits.arguments = 100;
  limits.bulk_bytes = 1000;
  limits.request_bytes = 3000;
  limits.inline_bytes = 200;
  RequestParser parser(limits);
  parser.set_authenticated(authenticated);
  Requests out;
  std::vector<std::string_view> words;
  while (!bytes.empty() && out.error.empty()) {
    parser.feed(bytes.substr(0, piece));
    bytes.remove_prefix(std::min(piece, bytes.size()));
    Parsed parsed;
    while ((parsed = parser.next(words)) == Parsed::request) {
      CHECK(!words.empty());
      out.all.emplace_back(words.begin(), words.end());
    }
    if (parsed == Parsed::error) out.error = parser.error();
  }
  return out;
}

struct Replies {
  std::vector<Reply> all;
  std::string error;
};

Replies replies_of(std::string_view bytes, std::size_t piece) {
  ReplyLimits limits;
  limits.line_bytes = 200;
  limits.bulk_bytes = 1000;
  limits.elements = 100;
  limits.depth = 8;
  ReplyParser parser(limits);
  Replies out;
  while (!bytes.empty() && out.error.empty()) {
    parser.feed(bytes.substr(0, piece));
    bytes.remove_prefix(std::min(piece, bytes.size()));
    Reply reply;
    Parsed parsed;
    while ((parsed = parser.next(reply)) == Parsed::request) out.all.push_back(reply);
    if (parsed == Parsed::error) out.error = parser.error();
  }
  return out;
}

// Structure and text; doubles are compared as sent, since a NaN does not equal itself.
bool same(const Reply& a, const Reply& b) {
  if (a.kind != b.kind || a.number != b.number || a.text != b.text || a.format != b.format ||
      a.items.size() != b.items.size()) {
    return false;
  }
  for (std::size_t i = 0; i < a.items.size(); ++i) {
    if (!same(a.items[i], b.items[i])) return false;
  }
  return true;
}

void look_at(std::string_view bytes, std::uint8_t choice) {
  const std::size_t piece = 1 + (choice >> 2) % 16;
  if ((choice & 1) == 0) {
    const bool authenticated = (choice & 2) == 0;
    CHECK(requests_of(bytes, SIZE_MAX, authenticated) == requests_of(bytes, piece, authenticated));
    return;
  }
  const Replies whole = replies_of(bytes, SIZE_MAX);
  const Replies pieces = replies_of(bytes, piece);
  CHECK(whole.error == pieces.error);
  CHECK(whole.all.size() == pieces.all.size());
  for (std::size_t i = 0; i < whole.all.size(); ++i) CHECK(same(whole.all[i], pieces.all[i]));
}

}  // namespace
}  // namespace holdfast::resp

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  if (size == 0) return 0;
  holdfast::resp::look_at({reinterpret_cast<const char*>(data) + 1, size - 1}, data[0]);
  return 0;
}
