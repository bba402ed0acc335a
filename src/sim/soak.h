// What many runs amount to: how long was simulated, what was done to the clusters, what came of it.
#pragma once

#include <cstdint>
#include <string>

#include "sim/run.h"

namespace holdfast::sim {

class Soak {
 public:
  // In any order: the sum is the same.
  void add(std::uint64_t seed, const Report& report);

  std::uint64_t seeds() const { return seeds_; }
  std::uint64_t violations() const { return violations_; }  // seeds with a problem
  std::uint64_t hash() const { return hash_; }
  // For people, several lines. Nothing of wall time in it.
  std::string text() const;

 private:
  std::uint64_t seeds_ = 0;
  std::uint64_t violations_ = 0;
  std::uint64_t hash_ = 0;
  Report sum_;  // its counts
};

}  // namespace holdfast::sim
