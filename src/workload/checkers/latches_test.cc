#include "workload/checkers/latches.h"

#include <gtest/gtest.h>

#include "workload/checkers/objections.h"
#include "workload/checkers/test_histories.h"

namespace holdfast::workload {
namespace {

Story& down(Story& story, std::string_view owner, std::int64_t left) {
  return story.add(Op::latch_down, "d", fmt::format("2 {}", owner), fmt::format("{}", left));
}
Story& wait(Story& story, std::int64_t wait_ms, bool open) {
  return story.add(Op::latch_wait, "d", fmt::format("2 {}", wait_ms), open ? "1" : "0");
}

std::string said_of_latches(const Story& story, const CheckOptions& options = {}) {
  return check_latches(story.history, options).explanation;
}

Story opened_latch() {
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
  EXPECT_NO_OBJECTION(said_of_latches(opened_latch()));
  Story story;
  down(story.at(10, 20), "a", 0).but_unknown();
  down(story.at(15, 30), "b", 0);
  wait(story.at(15, 31), 5, true);
  down(story.at(40, 50), "c", 0);
  wait(story.at(15, 30), 5, false);
  EXPECT_NO_OBJECTION(said_of_latches(story));
}

TEST(CheckLatches, CatchesAnOwnerThatCountsTwiceAndOneThatDoesNotCount) {
  Story twice;
  down(twice.at(10, 20), "a", 1);
  EXPECT_OBJECTION(said_of_latches(down(twice.at(30, 40), "a", 0)), "must be from 1 to 1");
  Story lost;
  down(lost.at(10, 20), "a", 1);
  EXPECT_OBJECTION(said_of_latches(down(lost.at(30, 40), "b", 1)), "must be from 0 to 0");
}

TEST(CheckLatches, CatchesWhoIsToldTooEarlyOrNotAtAll) {
  Story early;
  down(early.at(10, 20), "a", 1);
  EXPECT_OBJECTION(said_of_latches(wait(early.at(15, 30), 50, true)), "not enough had counted");
  Story late = opened_latch();
  EXPECT_OBJECTION(said_of_latches(wait(late.at(70, 90), 10, false)),
                   "was not told that it is open");
  Story forgotten = opened_latch();
  wait(forgotten.at(45, 150), 100, false);
  EXPECT_NO_OBJECTION(said_of_latches(forgotten));
  EXPECT_NE(said_of_latches(forgotten, {.calm_from = Instant{}}), "");
}

}  // namespace
}  // namespace holdfast::workload
