#include "os/entropy.h"

#include <errno.h>
#include <sys/random.h>

#include "base/check.h"

namespace holdfast::os {

std::uint64_t random_seed() {
  std::uint64_t seed = 0;
  // Up to 256 bytes getrandom() is never cut short; a signal may come before the first byte.
  ssize_t got = -1;
  do {
    got = getrandom(&seed, sizeof seed, 0);
  } while (got < 0 && errno == EINTR);
  CHECK(got == static_cast<ssize_t>(sizeof seed), "getrandom: errno {}", errno);
  return seed;
}

}  // namespace holdfast::os
