// 64-bit checksums (XXH3). They find accidents, not forgery.
#pragma once

#include <cstdint>
#include <string_view>

namespace holdfast {

// The seed ties bytes to a place or a meaning: equal bytes under another seed differ.
std::uint64_t checksum(std::string_view bytes, std::uint64_t seed = 0);

// Mixes numbers into one, for use as a seed.
std::uint64_t mix(std::uint64_t a, std::uint64_t b);

}  // namespace holdfast
