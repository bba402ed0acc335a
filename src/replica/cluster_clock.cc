#include "replica/cluster_clock.h"

#include <algorithm>

namespace holdfast::replica {
namespace {

constexpr std::int64_t kMs = 1'000'000;
constexpr std::int64_t kSlewPpm = 500;

}  // namespace

ClusterClock::ClusterClock(ClusterTime start, Instant now)
    : base_ns_(start.ms * kMs), since_(now), floor_ns_(start.ms * kMs) {}

std::int64_t ClusterClock::ns_at(Instant now) const {
  const std::int64_t elapsed = std::max<std::int64_t>(0, (now - since_).ns);
  return std::max(base_ns_ + elapsed, floor_ns_);
}

void ClusterClock::logged(ClusterTime stamp, Instant now) {
  floor_ns_ = std::max(floor_ns_, stamp.ms * kMs);
  base_ns_ = ns_at(now);
  since_ = now;
}

void ClusterClock::cut(ClusterTime stamp) { floor_ns_ = stamp.ms * kMs; }

void ClusterClock::told(ClusterTime stamp, Instant now) {
  base_ns_ = std::max(stamp.ms * kMs, floor_ns_);
  since_ = now;
}

ClusterTime ClusterClock::at(Instant now) const { return {ns_at(now) / kMs}; }

ClusterTime ClusterClock::advance(Instant now, WallTime wall) {
  const std::int64_t elapsed = std::max<std::int64_t>(0, (now - since_).ns);
  const std::int64_t current = ns_at(now);
  const std::int64_t most = elapsed / 1'000'000 * kSlewPpm;
  const std::int64_t error = wall.ms * kMs - current;
  base_ns_ = std::max(current + std::clamp(error, -most, most), base_ns_);
  since_ = now;
  return {base_ns_ / kMs};
}

Duration ClusterClock::until(ClusterTime deadline, Instant now) const {
  if (deadline == ClusterTime::never()) return {INT64_MAX / 2};
  const std::int64_t now_ms = ns_at(now) / kMs;
  if (deadline.passed({now_ms})) return {0};
  if (deadline.ms - now_ms > INT64_MAX / 2 / kMs) return {INT64_MAX / 2};
  return {(deadline.ms + 1) * kMs - ns_at(now)};
}

}  // namespace holdfast::replica
