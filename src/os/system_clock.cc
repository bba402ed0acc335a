#include "os/system_clock.h"

#include <time.h>

#include "base/check.h"

namespace holdfast::os {
namespace {

timespec read_clock(clockid_t id) {
  timespec value{};
  CHECK(clock_gettime(id, &value) == 0);
  return value;
}

}  // namespace

Instant SystemClock::now() const {
  const timespec value = read_clock(CLOCK_BOOTTIME);
  return {std::int64_t{value.tv_sec} * 1'000'000'000 + value.tv_nsec};
}

WallTime SystemClock::wall() const {
  const timespec value = read_clock(CLOCK_REALTIME);
  return {std::int64_t{value.tv_sec} * 1'000 + value.tv_nsec / 1'000'000};
}

}  // namespace holdfast::os
