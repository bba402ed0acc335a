// How often a test repeats what chance decides. In a build that is many times slower than what is
// shipped (sanitizers) so many times fewer: there it is to be seen to run, in the release build to
// find what is rare.
#pragma once

#include <cstdint>

namespace holdfast {

// As the preset says.
#ifdef HOLDFAST_SLOWDOWN
constexpr std::uint64_t kSlowdown = HOLDFAST_SLOWDOWN;
#else
constexpr std::uint64_t kSlowdown = 1;
#endif

// At least one.
constexpr std::uint64_t rounds(std::uint64_t shipped) {
  return (shipped + kSlowdown - 1) / kSlowdown;
}

}  // namespace holdfast
