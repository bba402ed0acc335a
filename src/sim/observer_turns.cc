#include "sim/observer_turns.h"

#include <fmt/format.h>

namespace holdfast::sim {

void GathersBriefly::see(const Look& look, const Memory&, Problems& problems) {
  const Sight& now = look.now;
  if (now.gathers <= kPatience) return;
  problems.add(kName, now.at,
               fmt::format("node {} leads epoch {} and lets commands wait for company for {} us",
                           now.node, now.epoch, now.gathers.ns / 1000));
}

void AppliesSoon::see(const Look& look, const Memory&, Problems& problems) {
  const Sight& now = look.now;
  // A thorough look may be the second one after the same turn. Between two looks without one there was
  // no turn in which it applied something.
  if (!now.puts_off || look.thorough || look.before == nullptr || look.started) return;
  const Sight& before = *look.before;
  if (!before.puts_off || before.applied != now.applied) return;
  problems.add(kName, now.at,
               fmt::format("node {} has put off applying what follows entry {} in two turns in a row",
                           now.node, now.applied));
}

}  // namespace holdfast::sim
