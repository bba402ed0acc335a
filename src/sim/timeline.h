// A run as a person can read it: one line an event, in the order in which things happened, one
// column a node; what is done to the world, and what clients saw, begins at the left.
//
//         ms  node 1                    node 2                    node 3
//     1207.3  leads 3.1
//     1208.0                            follows 1 in 3.1
//     1350.0  -- 950ms isolate 3
//     1702.4                                                      campaigns, promised 3.1
//     2000.0  -- 1600ms kill 2
//     2100.5                                                      DIED: the log cannot be written …
//
// Each line has all of its text, even where that reaches into other columns: where a line begins
// says whose it is. Times are of the world, since it began; a fault says its own, since faults
// began.
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
#include "sim/host.h"
#include "sim/network.h"
#include "sim/schedule.h"

namespace holdfast::sim {

class Timeline final : public HostObserver {
 public:
  // `also`: what the nodes say goes there too, whether the timeline is on or off. May be null.
  Timeline(std::uint32_t nodes, bool on, Trace* also = nullptr);
  ~Timeline() override;

  bool on() const { return on_; }
  // Where the time of events comes from; 0 ms before. Must outlive the timeline's use.
  void attach(const Schedule& schedule);

  // What a node says. Lives as long as the timeline.
  Trace& trace_of(MachineId node);

  void fault(const Fault& fault);
  void node(MachineId node, std::string_view what);
  void client(MachineId client, std::string_view what);
  // Anything about the run: healed, at rest, what a checker objects to.
  void note(std::string_view what);

  // Last words are told by Observers::also_tell.
  void on_turn(MachineId) override {}
  void on_death(MachineId node, const std::string& why) override;

  // All of it, with its header; "" if off.
  std::string text() const;

 private:
  class Column;
  // node 0: at the left.
  void line(MachineId node, std::string_view what);

  std::uint32_t nodes_;
  bool on_;
  Trace* also_;
  const Schedule* schedule_ = nullptr;
  Instant begin_;
  std::vector<std::unique_ptr<Column>> columns_;
  std::string text_;
};

}  // namespace holdfast::sim
