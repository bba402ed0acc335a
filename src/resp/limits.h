// Every input has a limit, and every limit an error that names it.
#pragma once

#include <cstddef>
#include <cstdint>

namespace holdfast::resp {

struct Limits {
  std::size_t inline_bytes = 64 * 1024;           // a request without RESP framing
  std::int64_t arguments = 1024 * 1024;           // words of one request
  std::int64_t bulk_bytes = 64 * 1024 * 1024;     // one word ("a value"), up to 512 MiB by setting
  std::size_t request_bytes = 128 * 1024 * 1024;  // all words of one request
  // Before AUTH, where a password is set.
  std::int64_t unauthenticated_arguments = 10;
  std::int64_t unauthenticated_bulk_bytes = 16 * 1024;
};

// What apply can observe is the same on every node, so these two are no settings of a node.
inline constexpr std::int64_t kValueBytes = 64 * 1024 * 1024;  // a string that commands let grow
inline constexpr std::size_t kKeyBytes = 1024 * 1024;  // a key

}  // namespace holdfast::resp
