// `holdfast sim`: clusters under faults in a simulated world, and the verdict of the checkers.
//
// Exit codes: 0 nothing to object to, 1 a violation was found, 2 the command line makes no sense.
// The last line printed is a number that is the same whenever the same seeds are run again.
#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "cli/command_line.h"

namespace holdfast {

struct SimFlags {
  std::string seeds;                   // "7" or "1..100"
  std::vector<std::string> scenarios;  // files, folders of *.txt, "swarm"
  double minutes = 0;                  // 0: the seeds decide when to stop
  std::int64_t at_most_s = 0;  // under faults, where a scenario wants more; 0: as it says
  unsigned jobs = 1;
  std::string mutation;
  std::uint32_t shrink_runs = 150;  // 0: a failing run is left as it is
  bool first = false;               // end at the first violation
  bool timeline = false;
  bool log = false;
  std::string history;  // file
};

cli::Tool add_sim(cli::Tool program, SimFlags& flags);
int run_sim(const SimFlags& flags);

}  // namespace holdfast
