// The generic cell rate algorithm: how much is let pass when, from one number of state.
//
// That number is the time at which a limit that is used no more is full again. Each unit let pass
// moves it one emission interval (period / count) on; what would move it further than the burst
// allows ahead of now is refused, and moves nothing. So in any span of time at most
//
//   max_burst + 1 + span / interval
//
// units pass. Exact: nanoseconds, with intervals rounded up so that never more passes than was said.
//
// Pure. Times are durations from now.
#pragma once

#include <cstdint>
#include <optional>

namespace holdfast::commands {

struct Quota {
  std::int64_t max_burst = 0;  // from 0: units beyond the first that may pass at once
  std::int64_t count = 1;      // from 1: units in …
  std::int64_t period_s = 1;   // from 1: … so many seconds
};

struct Passage {
  bool limited = false;
  std::int64_t limit = 0;            // units that pass at once from a full limit
  std::int64_t remaining = 0;        // … that would pass now
  std::int64_t retry_after_ns = -1;  // until as much would pass; -1: it has passed, or never will
  std::int64_t full_after_ns = 0;    // until all of the limit is there again; the new state
};

// No limit may take longer than that to be full again.
inline constexpr std::int64_t kLongestRefillNs = std::int64_t{3650} * 24 * 3600 * 1'000'000'000;

// Asks for `quantity` (from 0, which passes always and only looks) units of a limit that is full
// again in `full_after_ns` (from 0). Nothing if the limit takes longer than kLongestRefillNs to
// fill. If it passes, or is 0, the state to keep is Passage::full_after_ns, otherwise it stays.
std::optional<Passage> pass(const Quota& quota, std::int64_t quantity, std::int64_t full_after_ns);

}  // namespace holdfast::commands
