#include "server/refusals.h"

#include <gtest/gtest.h>

namespace holdfast::server {
namespace {

struct RecordingTrace final : Trace {
  bool enabled(Level) const override { return true; }
  void write(Level, std::string_view event, std::initializer_list<Field> fields) override {
    std::string line(event);
    for (const Field& field : fields) line += " " + std::string(field.name) + "=" + field.value;
    lines.push_back(line);
  }
  std::vector<std::string> lines;
};

TEST(Refusals, AStrangerThatKnocksWithoutEndFillsNoLog) {
  RecordingTrace trace;
  Refusals refusals(trace);
  for (int turn = 0; turn < 1000; ++turn) {
    refusals.add("192.0.2.1:" + std::to_string(turn), "the proof is wrong");
    refusals.on_turn_end(Instant{} + milliseconds(turn));
  }
  ASSERT_EQ(trace.lines.size(), 1U);
  EXPECT_EQ(trace.lines[0], "connection refused from=192.0.2.1:0 reason=the proof is wrong");
  refusals.add("192.0.2.2:1", "the proof is wrong");
  refusals.add("192.0.2.3:1", "another cluster");
  refusals.on_turn_end(Instant{} + seconds(11));
  ASSERT_EQ(trace.lines.size(), 3U);
  EXPECT_EQ(trace.lines[1],
            "connection refused from=192.0.2.2:1 reason=the proof is wrong like_it_left_out=999");
  EXPECT_EQ(trace.lines[2], "connection refused from=192.0.2.3:1 reason=another cluster");
}

}  // namespace
}  // namespace holdfast::server
