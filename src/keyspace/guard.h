// GUARD's memory: per slot and lock name the highest fence accepted, so that an older holder can
// never write after a newer one has, even when the lock itself is long gone or lives elsewhere.
#pragma once

#include <cstdint>
#include <memory>
#include <string_view>

#include "base/ids.h"

namespace holdfast::keyspace {

class Keyspace;

class GuardTable {
 public:
  explicit GuardTable(Keyspace& owner);
  ~GuardTable();
  GuardTable(const GuardTable&) = delete;
  GuardTable& operator=(const GuardTable&) = delete;

  // The highest fence accepted for keys of `slot` under that lock name; 0: none yet.
  std::uint64_t floor(Slot slot, std::string_view lock) const;
  // Raises the floor. REQUIRES: fence >= floor(slot, lock).
  void raise(Slot slot, std::string_view lock, std::uint64_t fence);

 private:
  friend class Keyspace;
  struct State;
  std::unique_ptr<State> state_;
};

}  // namespace holdfast::keyspace
