// One seed, many streams of chance: one for each purpose and each node. So what one part of the
// world draws does not shift what another draws, and a run with one fault less is otherwise the
// same run: that is what makes shrinking work.
#pragma once

#include <cstdint>

#include "base/checksum.h"
#include "base/prng.h"

namespace holdfast::sim {

enum class Purpose : std::uint8_t { network, disk, process, clock, loop, workload, faults, node, nonces };

class RandomStreams {
 public:
  explicit RandomStreams(std::uint64_t seed) : seed_(seed) {}
  std::uint64_t seed() const { return seed_; }
  // The stream of a purpose; `which` tells nodes (or clients, or incarnations) apart.
  Prng of(Purpose purpose, std::uint64_t which = 0) const {
    return Prng(mix(mix(seed_, static_cast<std::uint64_t>(purpose) + 1), which));
  }

 private:
  std::uint64_t seed_;
};

}  // namespace holdfast::sim
