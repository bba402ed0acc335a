// Makes a failing run small: what is left is close to what one has to understand.
//
// A run is a function of its decisions, because each part of the world draws from a stream of its
// own (random_streams.h): leaving one fault out leaves the rest as it was. So decisions are left
// out by delta debugging (Zeller and Hildebrandt, "Simplifying and Isolating Failure-Inducing
// Input", 2002) for as long as the run still fails in the same way: first faults, then clients,
// then the end of the run, then nodes, and then faults again.
//
// Knows nothing of worlds: whoever calls says how decisions are run, and writes what is left as a
// scenario, whose text can be played again.
#pragma once

#include <cstdint>
#include <functional>
#include <string>
#include <string_view>
#include <vector>

#include "base/time.h"
#include "sim/fault.h"

namespace holdfast::sim {

struct Decisions {
  std::vector<Fault> faults;  // sorted by time
  std::uint32_t clients = 0;
  Duration length{};  // under faults; made shorter by whole seconds
  std::uint32_t nodes = 0;

  bool operator==(const Decisions&) const = default;
};

struct Outcome {
  bool failed = false;
  // What is the same when a run fails in the same way: the rule that was broken.
  std::string way;
};

// "linearizability" of "linearizability: key r1: …": how a problem is told apart from others.
std::string_view way_of(std::string_view problem);

struct Shrunk {
  Decisions decisions;
  std::uint32_t runs = 0;
  // No single fault can be left out, and nothing else be made smaller by the steps taken here,
  // without losing the failure. False if the budget ended first.
  bool minimal = false;
};

// REQUIRES: run(start) fails in this way (it is not run again). `budget`: runs at most.
Shrunk shrink(const Decisions& start, std::string_view way,
              const std::function<Outcome(const Decisions&)>& run, std::uint32_t budget);

}  // namespace holdfast::sim
