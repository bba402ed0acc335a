// For how long something may be asked for, whatever it is.
#pragma once

#include <chrono>
#include <cstdint>

namespace holdfast::client {

inline constexpr std::chrono::milliseconds kShortestTtl{100};
// No TTL and no wait is longer.
inline constexpr std::chrono::milliseconds kTenYears{std::int64_t{3650} * 24 * 60 * 60 * 1000};

}  // namespace holdfast::client
