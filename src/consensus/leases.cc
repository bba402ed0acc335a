#include "consensus/leases.h"

#include <algorithm>

#include "base/mutation.h"

namespace holdfast::consensus {
namespace {

// Of the time in which a round is useful: finer than this its moment need not be known. So no more
// than about so many are kept, however many reads there are.
constexpr std::int64_t kSteps = 64;

}  // namespace

Duration lease_of(Duration promise) {
  if (mutated(Mutation::lease_without_margin)) return promise;
  return promise - promise / kMarginShare;
}

void RoundTimes::add(std::uint64_t round, Instant now, Duration useful) {
  while (!sent_.empty() && now - sent_.front().at >= useful) sent_.pop_front();
  if (!sent_.empty() && now - sent_.back().at < useful / kSteps) return;
  sent_.push_back({round, now});
}

std::optional<Instant> RoundTimes::sent_at(std::uint64_t round) const {
  const auto later = std::upper_bound(sent_.begin(), sent_.end(), round,
                                      [](std::uint64_t asked, const Sent& one) { return asked < one.round; });
  if (later == sent_.begin()) return std::nullopt;
  return std::prev(later)->at;
}

}  // namespace holdfast::consensus
