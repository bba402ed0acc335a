// The one source of real randomness: seeds for Prng, and identities that must not repeat.
#pragma once

#include <cstdint>

namespace holdfast::os {

// From the kernel; fit for secrets. Waits, once after boot, until the kernel has gathered enough.
std::uint64_t random_seed();

}  // namespace holdfast::os
