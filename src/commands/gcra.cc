#include "commands/gcra.h"

#include <algorithm>

#include "base/check.h"
#include "base/mutation.h"

namespace holdfast::commands {
namespace {

using Wide = __int128;

}  // namespace

std::optional<Passage> pass(const Quota& quota, std::int64_t quantity, std::int64_t full_after_ns) {
  CHECK(quota.max_burst >= 0 && quota.count >= 1 && quota.period_s >= 1);
  CHECK(quantity >= 0 && full_after_ns >= 0);
  const Wide period = static_cast<Wide>(quota.period_s) * 1'000'000'000;
  const Wide interval = (period + quota.count - 1) / quota.count;
  const Wide limit = static_cast<Wide>(quota.max_burst) + 1;
  if (interval > kLongestRefillNs) return std::nullopt;  // nor would the products below fit
  const Wide tolerance = interval * limit;
  if (tolerance > kLongestRefillNs) return std::nullopt;

  const Wide increment = interval * quantity;
  const Wide after = full_after_ns + increment;
  Passage passage;
  passage.limit = static_cast<std::int64_t>(limit);
  // Who asks for nothing looks only, also at a limit that was larger a moment ago.
  passage.limited = quantity > 0 && after > tolerance;
  const bool moves = !passage.limited || (mutated(Mutation::throttle_counts_refused) &&
                                          after <= kLongestRefillNs);
  passage.full_after_ns = moves ? static_cast<std::int64_t>(after) : full_after_ns;
  if (passage.limited && increment <= tolerance) {
    passage.retry_after_ns = static_cast<std::int64_t>(after - tolerance);
  }
  passage.remaining = static_cast<std::int64_t>(
      std::max<Wide>(0, (tolerance - passage.full_after_ns) / interval));
  return passage;
}

}  // namespace holdfast::commands
