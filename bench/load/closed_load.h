// A closed loop: as many connections as wanted, each saying its talk over and over.
#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "base/time.h"
#include "env/network.h"
#include "load/talk.h"

namespace holdfast::load {

struct ClosedPlan {
  std::vector<env::Address> servers;  // connections go to them in turn
  TalkOptions talk;
  Duration length{};   // if the talks do not end by themselves
  Duration warm_up{};  // before it, not counted
  std::uint64_t seed = 1;
};

// One line of JSON: units, seconds, per_second, and the time of a unit (p50_us, p99_us,
// longest_us). Throws std::runtime_error when a connection breaks or an answer makes no sense.
std::string run_closed(const ClosedPlan& plan);

}  // namespace holdfast::load
