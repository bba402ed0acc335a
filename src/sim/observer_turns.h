// Rules about what a replica puts off from turn to turn for company's sake (decision 0030): that each
// has an end. What they hold it to is time, so clients would only find it slow.
#pragma once

#include "replica/company.h"
#include "sim/observer.h"

namespace holdfast::sim {

// What a leader gathers waits for a bounded time, however long its disk or the clients take: the
// followers' disks may suffice, and a disk that hangs is noticed only by what was given to it.
class GathersBriefly final : public Rule {
 public:
  static constexpr std::string_view kName = "gathering";
  static constexpr Duration kPatience = replica::Company::kForSlowDisks * 2;
  void see(const Look& look, const Memory& memory, Problems& problems) override;
};

// A replica that has put off applying, so that what it says to others leaves first, does not do so again
// in the next turn.
class AppliesSoon final : public Rule {
 public:
  static constexpr std::string_view kName = "applying";
  void see(const Look& look, const Memory& memory, Problems& problems) override;
};

}  // namespace holdfast::sim
