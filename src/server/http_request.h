// The head of an HTTP/1 request, parsed within hard limits: enough to answer a GET. Header fields are
// read over; a body is never read.
//
//   HttpRequest request;
//   request.feed(bytes);
//   if (request.done()) answer(request.status(), request.path());
#pragma once

#include <cstddef>
#include <string>
#include <string_view>

namespace holdfast::server {

class HttpRequest {
 public:
  static constexpr std::size_t kMaxHead = 8 << 10;  // bytes
  static constexpr std::size_t kMaxPath = 1 << 10;  // bytes

  // Keeps at most kMaxHead bytes; ignores everything once done.
  void feed(std::string_view bytes);

  // The head is complete, or cannot become one that is answered.
  bool done() const { return status_ != 0; }
  // 200: a GET or HEAD of path(); otherwise the error to answer: 400 (no HTTP/1), 405 (another
  // method), 414 (kMaxPath), 431 (kMaxHead). 0: not done.
  int status() const { return status_; }
  // Without what follows a '?'. Valid with status 200.
  std::string_view path() const { return path_; }
  bool head_only() const { return head_only_; }

 private:
  int parse(std::string_view line);

  std::string head_;
  std::string path_;
  int status_ = 0;
  bool head_only_ = false;
};

}  // namespace holdfast::server
