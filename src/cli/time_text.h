// Times as people write them on a command line: 250ms, 10s, 5m, 2h.
#pragma once

#include <chrono>
#include <string>
#include <string_view>

#include "base/result.h"

namespace holdfast::cli {

// The error says what is accepted.
Result<std::chrono::milliseconds> parse_time(std::string_view text);
// 1500 ms as 1.5s.
std::string time_text(std::chrono::milliseconds time);

}  // namespace holdfast::cli
