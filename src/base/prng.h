// Pseudo-random numbers from a seed that is handed in: the same seed, the same numbers.
// Not for secrets.
#pragma once

#include <cstdint>

namespace holdfast {

// SplitMix64: small, fast, good enough for jitter, simulation and RANDOMKEY.
class Prng {
 public:
  explicit Prng(std::uint64_t seed) : state_(seed) {}

  std::uint64_t next();
  // Uniform in [0, bound). REQUIRES: bound > 0.
  std::uint64_t below(std::uint64_t bound);
  // Uniform in [low, high]. REQUIRES: low <= high.
  std::int64_t between(std::int64_t low, std::int64_t high);
  // True with the given chance in a million.
  bool chance_ppm(std::uint32_t ppm) { return below(1'000'000) < ppm; }
  // An independent stream.
  Prng fork() { return Prng(next()); }

 private:
  std::uint64_t state_;
};

}  // namespace holdfast
