#include "base/check.h"

#include <cstdio>
#include <cstdlib>

namespace holdfast {

void fail(const char* file, int line, const char* condition, const std::string& message) {
  std::fprintf(stderr, "holdfast: %s:%d: CHECK failed: %s%s%s\n", file, line, condition,
               message.empty() ? "" : ": ", message.c_str());
  std::fflush(stderr);
  std::abort();
}

void fail(const char* file, int line, const char* condition) { fail(file, line, condition, {}); }

}  // namespace holdfast
