#include "workload/checkers/latches.h"

#include <gtest/gtest.h>

#include "workload/checkers/test_histories.h"

namespace holdfast::workload {
namespace {

Story& down(Story& story, std::string_view owner, std::int64_t left) {
  return story.add(Op::latch_down, "d", fmt::format("2 {}", owner), fmt::format("{}", left));
}
Story& wait(Story& story, std::int64_t wait_ms, bool open) {
  return story.add(Op::latch_wait, "d", fmt::format("2 {}", wait_ms), open ? "1" : "0");
}

std::string objection(const Story& story, const CheckOptions& options = {}) {
  return check_latches(story.history, options).explanation;
}

#define EXPECT_OBJECTION(story, text) \
  EXPECT_NE(objection(story).find(text), std::string::npos) << objection(story)

Story opened() {
  Story story;
  down(story.at(10, 20), "a", 1);
  down(story.at(30, 40), "a", 1);
  wait(story.at(5, 30), 20, false);
  down(story.at(50, 60), "b", 0);
  wait(story.at(5, 61), 100, true);
  down(story.at(70, 80), "a", 0);
  return story;
}

TEST(CheckLatches, AcceptsWhatMayBe) {
  EXPECT_EQ(objection(opened()), "");
  Story story;
  down(story.at(10, 20), "a", 0).but_unknown();
  down(story.at(15, 30), "b", 0);
  wait(story.at(15, 31), 5, true);
  down(story.at(40, 50), "c", 0);
  wait(story.at(15, 30), 5, false);
  EXPECT_EQ(objection(story), "");
}

TEST(CheckLatches, CatchesAnOwnerThatCountsTwiceAndOneThatDoesNotCount) {
  Story twice;
  down(twice.at(10, 20), "a", 1);
  EXPECT_OBJECTION(down(twice.at(30, 40), "a", 0), "must be from 1 to 1");
  Story lost;
  down(lost.at(10, 20), "a", 1);
  EXPECT_OBJECTION(down(lost.at(30, 40), "b", 1), "must be from 0 to 0");
}

TEST(CheckLatches, CatchesWhoIsToldTooEarlyOrNotAtAll) {
  Story early;
  down(early.at(10, 20), "a", 1);
  EXPECT_OBJECTION(wait(early.at(15, 30), 50, true), "not enough had counted");
  Story late = opened();
  EXPECT_OBJECTION(wait(late.at(70, 90), 10, false), "was not told that it is open");
  Story forgotten = opened();
  wait(forgotten.at(45, 150), 100, false);
  EXPECT_EQ(objection(forgotten), "");
  EXPECT_NE(objection(forgotten, {.calm_from = Instant{}}), "");
}

}  // namespace
}  // namespace holdfast::workload
