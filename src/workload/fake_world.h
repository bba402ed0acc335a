// For tests: actors at work on a store that keeps all promises, over connections that do not: they
// break, before or after what was sent is carried out, and some of it is carried out much later.
//
// Its histories are legal by construction; a seed decides everything.
#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "workload/checkers/check_all.h"
#include "workload/history.h"
#include "workload/mix.h"

namespace holdfast::workload {

struct FakeRun {
  std::uint64_t seed = 1;
  Mix mix = {};
  Duration length = seconds(5);
  bool faults = true;
};

struct FakeOutcome {
  History history;
  Finals finals;
  std::vector<std::string> problems;  // of the actors
  std::uint64_t acknowledged = 0;
};

FakeOutcome run_fake_world(const FakeRun& run);

// A bit of everything.
Mix mix_of_all();
// What such a world allows.
CheckOptions fake_options(bool faults);

}  // namespace holdfast::workload
