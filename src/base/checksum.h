// 64-bit checksums (XXH3). They find accidents, not forgery.
#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <string_view>

namespace holdfast {

// The seed ties bytes to a place or a meaning: equal bytes under another seed differ.
std::uint64_t checksum(std::string_view bytes, std::uint64_t seed = 0);

// checksum(bytes, seed) of bytes that lie in several pieces.
class ChecksumOfParts {
 public:
  explicit ChecksumOfParts(std::uint64_t seed = 0);
  void add(std::string_view bytes);
  std::uint64_t value() const;

 private:
  alignas(64) std::array<std::byte, 576> state_;  // the library's, whose header stays out of ours
};

// Mixes numbers into one, for use as a seed.
std::uint64_t mix(std::uint64_t a, std::uint64_t b);

}  // namespace holdfast
