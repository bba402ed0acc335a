// Whatever bytes a stranger sends to the HTTP port: read the same however they are cut, and nothing
// but a clean path comes out.
#include <algorithm>
#include <cstdint>
#include <string>
#include <string_view>

#include "base/check.h"
#include "server/http_request.h"

namespace holdfast::server {
namespace {

HttpRequest read(std::string_view bytes, std::size_t piece) {
  HttpRequest request;
  for (; !bytes.empty(); bytes.remove_prefix(std::min(piece, bytes.size()))) {
    request.feed(bytes.substr(0, piece));
  }
  return request;
}

}  // namespace
}  // namespace holdfast::server

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  using namespace holdfast::server;
  const std::string_view bytes(reinterpret_cast<const char*>(data), size);
  const HttpRequest whole = read(bytes, bytes.size() + 1);
  for (const std::size_t piece : {std::size_t{1}, std::size_t{7}}) {
    const HttpRequest again = read(bytes, piece);
    CHECK(again.status() == whole.status() && again.path() == whole.path());
  }
  CHECK(whole.done() || size < HttpRequest::kMaxHead);
  if (whole.status() != 200) return 0;
  CHECK(whole.path().starts_with('/') && whole.path().size() <= HttpRequest::kMaxPath);
  for (const char c : whole.path()) CHECK(c > 0x20 && c < 0x7f && c != '?');
  return 0;
}
