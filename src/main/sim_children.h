// Runs of the simulator, each in a process of its own: independent of each other, several at a
// time, and a run that crashes or does not end is a finding instead of the end of the program.
//
// A child hands its report back through a pipe. What it says on stderr is kept beside it: the last
// words of a crash are the problem to report.
#pragma once

#include <cstdint>
#include <functional>
#include <string>
#include <vector>

#include "sim/run.h"

namespace holdfast {

class SimChildren {
 public:
  using Work = std::function<sim::Report()>;
  using Done = std::function<void(sim::Report report)>;

  // `jobs` at most at a time. `quiet`: what children say on stderr is not shown, only kept.
  SimChildren(unsigned jobs, bool quiet) : jobs_(jobs), quiet_(quiet) {}
  ~SimChildren();
  SimChildren(const SimChildren&) = delete;
  SimChildren& operator=(const SimChildren&) = delete;

  // Does `work` in a child, as soon as there is a place. `done` is called from inside start() or
  // finish(), in the order in which children end. The history is not handed back.
  void start(const Work& work, Done done);
  void finish();

 private:
  struct Child {
    int pid = 0;
    int pipe = -1;
    std::string said;
    Done done;
  };

  void wait_for_one();
  void reap(std::size_t at);

  unsigned jobs_;
  bool quiet_;
  std::vector<Child> children_;
};

// One run, waited for.
sim::Report run_apart(const SimChildren::Work& work);

}  // namespace holdfast
