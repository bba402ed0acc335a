// When keys were last removed, so that WATCH of an absent key notices that it came and went again.
//
// Not per name, which would grow without end, but in a fixed number of buckets: a removal also
// counts for the other names of its bucket, and a transaction that watches one of them in vain is
// refused where it could have run. Buckets go by a hash of the name and not by slots, since keys of
// one hash tag are what clients watch and remove together. The hash is part of the replicated
// state, so it has no seed; who finds names that collide gains no more than such refusals.
#pragma once

#include <cstddef>
#include <cstdint>
#include <string_view>
#include <vector>

#include "base/checksum.h"
#include "base/ids.h"
#include "keyspace/slot_marks.h"

namespace holdfast::keyspace {

class Removals {
 public:
  // As many as slots: a walk of digests over all slots passes each bucket at the slot of its
  // number.
  static constexpr std::uint32_t kBuckets = kSlotCount;

  // Of the last removal in the name's bucket; 0: none.
  std::uint64_t revision(std::string_view name) const { return at(bucket_of(name)); }
  void note(std::string_view name, std::uint64_t revision) {
    if (noting_) restore(bucket_of(name), revision);
  }
  // Whether note() does anything.
  void set_noting(bool noting) { noting_ = noting; }

  std::uint64_t at(std::uint32_t bucket) const { return revisions_[bucket]; }
  void restore(std::uint32_t bucket, std::uint64_t revision) {
    revisions_[bucket] = revision;
    used_.set(bucket);
  }
  // The buckets that may have one.
  const SlotMarks& used() const { return used_; }

 private:
  static std::uint32_t bucket_of(std::string_view name) {
    return static_cast<std::uint32_t>(checksum(name) % kBuckets);
  }

  std::vector<std::uint64_t> revisions_ = std::vector<std::uint64_t>(kBuckets);
  SlotMarks used_;
  bool noting_ = true;
};

}  // namespace holdfast::keyspace
