#include "workload/checkers/limits.h"

#include <gtest/gtest.h>

#include "workload/checkers/objections.h"
#include "workload/checkers/test_histories.h"

namespace holdfast::workload {
namespace {

// Two at once, one a second.
Story& ask(Story& story, std::int64_t quantity, std::string_view ret) {
  return story.add(Op::throttle, "h", fmt::format("1 1 1 {}", quantity), std::string(ret));
}

std::string said_of_limits(const Story& story, const CheckOptions& options = {}) {
  return check_limits(story.history, options).explanation;
}

Story emptied() {
  Story story;
  ask(story.at(10, 20), 1, "0 2 1 -1 1");
  ask(story.at(10, 30), 1, "0 2 0 -1 2");
  ask(story.at(40, 50), 1, "1 2 0 1 2");
  return story;
}

TEST(CheckLimits, AcceptsWhatTheRateAllows) {
  Story story = emptied();
  ask(story.at(60, 1020), 1, "0 2 0 -1 2");
  ask(story.at(1030, 1040), 3, "1 2 0 -1 2");
  ask(story.at(1030, 1040), 0, "0 2 0 -1 2");
  // Nobody knows of these.
  ask(story.at(60, 70), 1, "").but_unknown();
  ask(story.at(60, 70), 2, "").but_failed();
  EXPECT_NO_OBJECTION(said_of_limits(story));
}

TEST(CheckLimits, CatchesMoreThanMayPassInASpan) {
  Story story = emptied();
  ask(story.at(60, 500), 1, "0 2 0 -1 2");
  EXPECT_OBJECTION(said_of_limits(story), "3 passed in 490 ms, at most 2 may");
  EXPECT_NO_OBJECTION(said_of_limits(story, {.clock_slack = milliseconds(600)}));
}

TEST(CheckLimits, CatchesAnswersThatDoNotAgreeWithThemselves) {
  const auto told = [](std::int64_t quantity, std::string_view ret) {
    Story story;
    return ask(story.at(10, 20), quantity, ret);
  };
  EXPECT_OBJECTION(said_of_limits(told(1, "1 2 0 1 3")), "has counted more than can pass");
  EXPECT_OBJECTION(said_of_limits(told(1, "1 2 1 1 1")), "was refused though there was room");
  EXPECT_OBJECTION(said_of_limits(told(1, "0 2 2 -1 1")), "left more than can be left");
  EXPECT_OBJECTION(said_of_limits(told(1, "0 3 1 -1 1")), "tells of another limit");
  EXPECT_OBJECTION(said_of_limits(told(1, "0 2 1 1 1")), "a time that makes no sense");
  EXPECT_OBJECTION(said_of_limits(told(1, "1 2 0 -1 2")), "a time that makes no sense");
  EXPECT_OBJECTION(said_of_limits(told(3, "1 2 2 1 2")), "a time that makes no sense");
}

}  // namespace
}  // namespace holdfast::workload
