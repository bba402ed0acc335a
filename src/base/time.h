// Types of time. There is no clock here: time is told, never asked (see env/clock.h).
//
// Three kinds that must not be mixed:
//   Instant      this node's clock since some start, counts through suspend; nanoseconds
//   WallTime     calendar time as this node's owner set it; milliseconds since 1970
//   ClusterTime  the time on which everything that expires is counted; milliseconds.
//                Stamped into log entries by the leader, never runs backwards in a log.
#pragma once

#include <compare>
#include <cstdint>
#include <limits>

namespace holdfast {

struct Duration {
  std::int64_t ns = 0;

  constexpr auto operator<=>(const Duration&) const = default;
  constexpr Duration operator+(Duration other) const { return {ns + other.ns}; }
  constexpr Duration operator-(Duration other) const { return {ns - other.ns}; }
  constexpr Duration operator*(std::int64_t factor) const { return {ns * factor}; }
  constexpr Duration operator/(std::int64_t divisor) const { return {ns / divisor}; }
  constexpr std::int64_t ms() const { return ns / 1'000'000; }
  constexpr std::int64_t us() const { return ns / 1'000; }
};

constexpr Duration nanoseconds(std::int64_t count) { return {count}; }
constexpr Duration microseconds(std::int64_t count) { return {count * 1'000}; }
constexpr Duration milliseconds(std::int64_t count) { return {count * 1'000'000}; }
constexpr Duration seconds(std::int64_t count) { return {count * 1'000'000'000}; }

struct Instant {
  std::int64_t ns = 0;

  constexpr auto operator<=>(const Instant&) const = default;
  constexpr Instant operator+(Duration d) const { return {ns + d.ns}; }
  constexpr Instant operator-(Duration d) const { return {ns - d.ns}; }
  constexpr Duration operator-(Instant other) const { return {ns - other.ns}; }
  static constexpr Instant never() { return {std::numeric_limits<std::int64_t>::max()}; }
};

struct WallTime {
  std::int64_t ms = 0;
  constexpr auto operator<=>(const WallTime&) const = default;
};

struct ClusterTime {
  std::int64_t ms = 0;

  constexpr auto operator<=>(const ClusterTime&) const = default;
  constexpr ClusterTime plus_ms(std::int64_t count) const { return {ms + count}; }
  // Whether a deadline lies behind. Stamps are cut to whole milliseconds, so only the next one says
  // that the whole span was given: what was promised N ms lasts at least N.
  constexpr bool passed(ClusterTime now) const { return ms < now.ms; }
  static constexpr ClusterTime never() { return {std::numeric_limits<std::int64_t>::max()}; }
};

}  // namespace holdfast
