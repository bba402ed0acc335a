#include "base/checksum.h"

#define XXH_INLINE_ALL
#include <xxhash.h>

#include <new>

namespace holdfast {

std::uint64_t checksum(std::string_view bytes, std::uint64_t seed) {
  return XXH3_64bits_withSeed(bytes.data(), bytes.size(), seed);
}

ChecksumOfParts::ChecksumOfParts(std::uint64_t seed) {
  static_assert(sizeof(XXH3_state_t) <= sizeof(state_) && alignof(XXH3_state_t) <= 64);
  XXH3_64bits_reset_withSeed(new (state_.data()) XXH3_state_t, seed);
}

void ChecksumOfParts::add(std::string_view bytes) {
  auto* state = std::launder(reinterpret_cast<XXH3_state_t*>(state_.data()));
  XXH3_64bits_update(state, bytes.data(), bytes.size());
}

std::uint64_t ChecksumOfParts::value() const {
  return XXH3_64bits_digest(std::launder(reinterpret_cast<const XXH3_state_t*>(state_.data())));
}

std::uint64_t mix(std::uint64_t a, std::uint64_t b) {
  // The finaliser of SplitMix64 (Steele, Lea, Flood: "Fast splittable pseudorandom number
  // generators", OOPSLA 2014) over a combination of both.
  std::uint64_t z = a + 0x9e3779b97f4a7c15ULL * (b + 1);
  z = (z ^ (z >> 30)) * 0xbf58476d1ce4e5b9ULL;
  z = (z ^ (z >> 27)) * 0x94d049bb133111ebULL;
  return z ^ (z >> 31);
}

}  // namespace holdfast
