// Sizes in memory, so that INFO and limits can count without asking the allocator.
#pragma once

#include <algorithm>
#include <cstddef>
#include <string>

namespace holdfast::keyspace {

// The GNU allocator's rounding: a piece has 8 bytes in front of it, and is a multiple of 16, at
// least 32. What wastes nothing is a multiple of 16 and 8 more.
inline constexpr std::size_t kAllocationHead = 8;
inline constexpr std::size_t kAllocationStep = 16;

// What an allocation of so many bytes takes.
constexpr std::size_t allocation_bytes(std::size_t bytes) {
  const std::size_t whole = bytes + kAllocationHead + kAllocationStep - 1;
  return std::max<std::size_t>(whole / kAllocationStep * kAllocationStep, 2 * kAllocationStep);
}

// As many bytes as can be had for the price of these.
constexpr std::size_t filled_up(std::size_t bytes) {
  return allocation_bytes(bytes) - kAllocationHead;
}

// What a string occupies outside of itself.
inline std::size_t outside_bytes(const std::string& text) {
  constexpr std::size_t kInside = 15;  // shorter ones lie within the string object
  return text.capacity() <= kInside ? 0 : allocation_bytes(text.capacity() + 1);
}

}  // namespace holdfast::keyspace
