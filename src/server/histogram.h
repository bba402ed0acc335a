// How long things took, counted in fixed steps: adding one costs a look along an array and no memory.
#pragma once

#include <algorithm>
#include <array>
#include <bit>
#include <cstddef>
#include <cstdint>

#include "base/time.h"

namespace holdfast::server {

class Histogram {
 public:
  // Upper bounds, themselves included, in microseconds. The last step has none.
  static constexpr std::array<std::int64_t, 16> kBounds = {
      100,    250,     500,     1'000,   2'500,     5'000,     10'000,    25'000,
      50'000, 100'000, 250'000, 500'000, 1'000'000, 2'500'000, 5'000'000, 10'000'000};

  void add(Duration took) {
    const std::int64_t us = std::max<std::int64_t>(took.us(), 0);
    std::size_t step = kFirst[static_cast<std::size_t>(std::bit_width(static_cast<std::uint64_t>(us)))];
    while (step < kBounds.size() && us > kBounds[step]) ++step;
    ++steps_[step];
    ++count_;
    sum_us_ += static_cast<std::uint64_t>(us);
  }

  // How many took no longer than kBounds[bound].
  std::uint64_t within(std::size_t bound) const {
    std::uint64_t sum = 0;
    for (std::size_t i = 0; i <= bound; ++i) sum += steps_[i];
    return sum;
  }
  std::uint64_t count() const { return count_; }
  std::uint64_t sum_us() const { return sum_us_; }

 private:
  // By how many bits a number has: the step of the smallest of them. The others' are at most two further.
  static constexpr std::array<std::uint8_t, 64> kFirst = [] {
    std::array<std::uint8_t, 64> first{};
    for (std::size_t bits = 1; bits < first.size(); ++bits) {
      const std::int64_t smallest = std::int64_t{1} << (bits - 1);
      while (first[bits] < kBounds.size() && smallest > kBounds[first[bits]]) ++first[bits];
    }
    return first;
  }();

  std::array<std::uint64_t, kBounds.size() + 1> steps_{};
  std::uint64_t count_ = 0;
  std::uint64_t sum_us_ = 0;
};

}  // namespace holdfast::server
