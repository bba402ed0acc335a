#include "sim/timeline.h"

#include <gtest/gtest.h>

namespace holdfast::sim {
namespace {

class Kept final : public Trace {
 public:
  bool enabled(Level) const override { return true; }
  void write(Level, std::string_view event, std::initializer_list<Field>) override {
    said.emplace_back(event);
  }
  std::vector<std::string> said;
};

void at(Schedule& schedule, std::int64_t us, std::function<void()> event) {
  schedule.after(microseconds(us), std::move(event));
}

TEST(Timeline, IsOneLineForEachEventAndOneColumnForEachNode) {
  Schedule schedule;
  Timeline timeline(3, true);
  timeline.attach(schedule);
  at(schedule, 1207'300, [&] {
    timeline.trace_of(1).info("role", {{"role", "leader"}, {"epoch", "3.1"}, {"leader", "1"}});
  });
  at(schedule, 1208'000, [&] {
    timeline.trace_of(2).info("role", {{"role", "follower"}, {"epoch", "3.1"}, {"leader", "1"}});
  });
  at(schedule, 1350'000, [&] {
    timeline.fault({.at = milliseconds(950), .kind = FaultKind::isolate, .nodes = {3}, .file = {}});
  });
  at(schedule, 1702'440, [&] {
    timeline.trace_of(3).info("role", {{"role", "candidate"}, {"epoch", "3.1"}, {"leader", "0"}});
    timeline.trace_of(3).warning("link cut", {{"node", "1"}, {"reason", "silence"}});
  });
  at(schedule, 2000'000, [&] {
    timeline.on_death(2, "the log cannot be written\nand so on");
    timeline.client(1001, "goes elsewhere");
    timeline.note("everything is healed");
    timeline.trace_of(1).info("role", {{"role", "follower"}, {"epoch", "4.3"}, {"leader", "0"}});
  });
  while (schedule.step()) {
  }
  EXPECT_EQ(timeline.text(),
            R"(        ms  node 1                    node 2                    node 3
    1207.3  leads 3.1
    1208.0                            follows 1 in 3.1
    1350.0  -- 950ms isolate 3
    1702.4                                                      campaigns, promised 3.1
    1702.4                                                      link cut node=1 reason=silence
    2000.0                            DIED: the log cannot be written and so on
    2000.0  client 1001: goes elsewhere
    2000.0  -- everything is healed
    2000.0  knows no leader, promised 4.3
)");
}

TEST(Timeline, HoldsNothingAndAsksForNothingWhenOff) {
  Timeline timeline(3, false);
  EXPECT_FALSE(timeline.trace_of(1).enabled(Level::error));
  timeline.note("a note");
  timeline.node(2, "is healed");
  timeline.on_death(1, "why");
  EXPECT_EQ(timeline.text(), "");
}

TEST(Timeline, PassesOnWhatNodesSayWhetherOnOrOff) {
  for (const bool on : {false, true}) {
    Kept kept;
    Timeline timeline(2, on, &kept);
    timeline.trace_of(2).debug("link up");
    timeline.trace_of(1).info("serving");
    timeline.note("not said by a node");
    EXPECT_EQ(kept.said, (std::vector<std::string>{"node 2: link up", "node 1: serving"}));
  }
}

TEST(Timeline, LeavesOutWhatIsOnlyForDevelopers) {
  Timeline timeline(1, true);
  timeline.trace_of(1).debug("link up");
  EXPECT_EQ(timeline.text(), "        ms  node 1\n");
}

}  // namespace
}  // namespace holdfast::sim
