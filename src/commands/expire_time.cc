#include "commands/expire_time.h"

#include <algorithm>

namespace holdfast::commands {

std::optional<keyspace::Expiry> expiry_at(std::int64_t number, TimeUnit unit, TimeBase base,
                                          Stamp now) {
  std::int64_t wall = number;
  if (unit == TimeUnit::seconds && __builtin_mul_overflow(number, 1000, &wall)) return std::nullopt;
  if (base == TimeBase::from_now && __builtin_add_overflow(wall, now.wall.ms, &wall)) {
    // Far in the past is simply over; far in the future is refused, as Redis does.
    if (number > 0) return std::nullopt;
    wall = 0;
  }
  // Cluster time may be ahead of calendar time, so that what fits there does not fit here: such a
  // key lives as long as can be counted. Nothing is as late as "never".
  const __int128 deadline = static_cast<__int128>(now.cluster.ms) + wall - now.wall.ms;
  constexpr __int128 kLatest = ClusterTime::never().ms - 1;
  const auto counted = static_cast<std::int64_t>(std::clamp<__int128>(deadline, 0, kLatest));
  return keyspace::Expiry{.deadline = {counted}, .wall = {wall}};
}

}  // namespace holdfast::commands
