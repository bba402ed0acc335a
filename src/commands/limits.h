// What names, owners and times of clients have at most, the same for all that can be coordinated with.
#pragma once

#include <cstddef>
#include <cstdint>

namespace holdfast::commands {

// Of a lock, a semaphore, an election or a latch.
inline constexpr std::size_t kNameBytes = 64 * 1024;
inline constexpr std::size_t kOwnerBytes = 1024;
// No TTL, no wait and no lease is longer.
inline constexpr std::int64_t kTenYearsMs = std::int64_t{3650} * 24 * 60 * 60 * 1000;

}  // namespace holdfast::commands
