#include "server/http_request.h"

#include <algorithm>

namespace holdfast::server {
namespace {

bool printable(std::string_view text) {
  return std::all_of(text.begin(), text.end(), [](char c) { return c > 0x20 && c < 0x7f; });
}

bool is_token(std::string_view text) {
  return !text.empty() && text.size() <= 32 && printable(text);
}

}  // namespace

void HttpRequest::feed(std::string_view bytes) {
  if (done()) return;
  // The end may lie across what came before.
  const std::size_t look_from = head_.size() < 3 ? 0 : head_.size() - 3;
  const std::size_t before = head_.size();
  head_ += bytes.substr(0, kMaxHead - before);
  const auto end = head_.find("\r\n\r\n", look_from);
  if (end == std::string::npos) {
    if (head_.size() == kMaxHead) status_ = 431;
    return;
  }
  status_ = parse(std::string_view(head_).substr(0, head_.find("\r\n")));
  head_.clear();
}

// "GET /path HTTP/1.1"
int HttpRequest::parse(std::string_view line) {
  const auto first = line.find(' ');
  const auto last = line.rfind(' ');
  if (first == std::string_view::npos || first == last) return 400;
  const std::string_view method = line.substr(0, first);
  std::string_view target = line.substr(first + 1, last - first - 1);
  const std::string_view version = line.substr(last + 1);
  if (version != "HTTP/1.1" && version != "HTTP/1.0") return 400;
  if (!is_token(method) || !target.starts_with('/') || !printable(target)) return 400;
  if (target.size() > kMaxPath) return 414;
  if (method != "GET" && method != "HEAD") return 405;
  head_only_ = method == "HEAD";
  path_ = target.substr(0, target.find('?'));
  return 200;
}

}  // namespace holdfast::server
