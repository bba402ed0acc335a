// The hash of names in private indexes. Seeded, so that clients cannot choose names that collide.
#pragma once

#include <cstddef>
#include <cstdint>
#include <string_view>

#include "base/checksum.h"

namespace holdfast::keyspace {

struct NameHash {
  using is_avalanching = void;
  std::uint64_t seed = 0;

  std::size_t operator()(std::string_view name) const { return checksum(name, seed); }
};

}  // namespace holdfast::keyspace
