// A run as a person can read it: one line an event, in the order in which things happened, one
// column a node; what is done to the world, and what clients saw, begins at the left.
//
//         ms  node 1                    node 2                    node 3
//     1207.3  leads 3.1
//     1208.0                            follows 1 in 3.1
//     1350.0  -- partition 1,2|3
//     1702.4                                                      campaigns, 3.1
//     2000.0  -- kill leader
//     2000.0  killed
//     2100.5                                                      DIED: the log cannot be written …
//
// A timeline that is off holds nothing and costs nothing. One that is on only listens: it draws no
// chance and plans no event, so the run is the same.
#pragma once

#include <cstdint>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "base/time.h"
#include "base/trace.h"
#include "sim/fault.h"
#include "sim/network.h"
#include "sim/schedule.h"

namespace holdfast::sim {

class Timeline {
 public:
  // `also`: what the nodes say goes there too, whether the timeline is on or off. May be null.
  Timeline(std::uint32_t nodes, bool on, Trace* also = nullptr);
  ~Timeline();

  bool on() const { return on_; }
  // Where the time of events comes from; 0 ms before. Must outlive the timeline's use.
  void attach(const Schedule& schedule);

  // What a node says. Lives as long as the timeline.
  Trace& trace_of(MachineId node);

  void fault(const Fault& fault);
  // Of a node: started, killed, paused …; "died" with its last words is death().
  void node(MachineId node, std::string_view what);
  void death(MachineId node, std::string_view last_words);
  void client(MachineId client, std::string_view what);
  // Anything about the run: healed, at rest, what a checker objects to.
  void note(std::string_view what);

  // All of it, with its header; "" if off.
  std::string text() const;

 private:
  class Column;
  void line(std::string_view at_left, MachineId node, std::string_view what);

  std::uint32_t nodes_;
  bool on_;
  Trace* also_;
  const Schedule* schedule_ = nullptr;
  Instant begin_;
  std::vector<std::unique_ptr<Column>> columns_;
  std::string text_;
};

}  // namespace holdfast::sim
