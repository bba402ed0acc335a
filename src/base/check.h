// Programmer errors end the process, in every build.
//
// CHECK is for what can only be false if our own code is wrong. What a client, a peer or a disk
// can cause is never a CHECK: bad input is a Result, a failed sync has its own fatal path.
#pragma once

#include <fmt/format.h>

#include <string>

namespace holdfast {

// Writes the message to stderr and aborts. Never returns.
[[noreturn]] void fail(const char* file, int line, const char* condition,
                       const std::string& message);
// Most checks say nothing more. Without a text to make they are small enough for the compiler to put what
// they stand in where it is called.
[[noreturn]] void fail(const char* file, int line, const char* condition);

}  // namespace holdfast

#define CHECK(condition, ...)                                              \
  do {                                                                     \
    if (!(condition)) [[unlikely]]                                         \
      ::holdfast::fail(__FILE__, __LINE__,                                 \
                       #condition __VA_OPT__(, ::fmt::format(__VA_ARGS__))); \
  } while (false)
