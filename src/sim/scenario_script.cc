// What goes wrong in a run: what the scenario plays, again and again if it says so, or what the seed draws.
#include <algorithm>
#include <utility>

#include "base/prng.h"
#include "sim/random_streams.h"
#include "sim/scenario.h"

namespace holdfast::sim {
namespace {

std::vector<Fault> repeated(const Scenario& scenario) {
  if (scenario.repeat == Duration{}) return scenario.script;
  std::vector<Fault> faults;
  for (Duration begin; begin < scenario.length; begin = begin + scenario.repeat) {
    for (Fault fault : scenario.script) {
      fault.at = fault.at + begin;
      if (fault.at < scenario.length) faults.push_back(std::move(fault));
    }
  }
  std::stable_sort(faults.begin(), faults.end(),
                   [](const Fault& one, const Fault& other) { return one.at < other.at; });
  return faults;
}

}  // namespace

std::vector<Fault> script_of(const Scenario& scenario, std::uint64_t seed) {
  if (scenario.scripted) return repeated(scenario);
  const Prng prng = RandomStreams(seed).of(Purpose::faults);
  FaultMix mix = scenario.faults;
  // So short that several of them within one election time-out keep to the bound as well.
  if (scenario.leases(seed)) mix.longest_freeze = scenario.timing.election / 30;
  if (scenario.mode == Mode::safety) {
    return draw_faults(mix, scenario.machines(), scenario.length, prng);
  }
  // What is drawn undoes itself towards its end: in liveness mode the run stops in the middle.
  auto faults = draw_faults(mix, scenario.machines(), scenario.length * 2, prng);
  std::erase_if(faults, [&](const Fault& fault) { return fault.at >= scenario.length; });
  return faults;
}

}  // namespace holdfast::sim
