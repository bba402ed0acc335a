// Of 16384 slots, those that may hold anything: who walks over all data asks for the next of them, and
// touches none of the others.
//
// A mark stays when its slot has become empty again.
#pragma once

#include <array>
#include <bit>
#include <cstddef>
#include <cstdint>

#include "base/ids.h"

namespace holdfast::keyspace {

class SlotMarks {
 public:
  void set(std::uint32_t slot) { words_[slot / kBits] |= std::uint64_t{1} << slot % kBits; }
  // The first marked slot from this one on; kSlotCount: none.
  std::uint32_t next(std::uint32_t from) const {
    if (from >= kSlotCount) return kSlotCount;
    std::size_t at = from / kBits;
    std::uint64_t word = words_[at] & ~std::uint64_t{0} << from % kBits;
    while (word == 0) {
      if (++at == words_.size()) return kSlotCount;
      word = words_[at];
    }
    return static_cast<std::uint32_t>(at * kBits) + static_cast<std::uint32_t>(std::countr_zero(word));
  }
  // Those of both.
  SlotMarks operator|(const SlotMarks& other) const {
    SlotMarks both = *this;
    for (std::size_t i = 0; i < words_.size(); ++i) both.words_[i] |= other.words_[i];
    return both;
  }

 private:
  static constexpr std::uint32_t kBits = 64;

  std::array<std::uint64_t, kSlotCount / kBits> words_ = {};
};

}  // namespace holdfast::keyspace
