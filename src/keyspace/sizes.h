// Rough sizes in memory, so that INFO and limits can count without asking the allocator.
#pragma once

#include <cstddef>
#include <string>

namespace holdfast::keyspace {

// What a string occupies outside of itself: its bytes and the allocator's share.
inline std::size_t outside_bytes(const std::string& text) {
  constexpr std::size_t kInside = 15;  // shorter ones lie within the string object
  constexpr std::size_t kAllocation = 16;
  return text.capacity() <= kInside ? 0 : text.capacity() + 1 + kAllocation;
}

}  // namespace holdfast::keyspace
