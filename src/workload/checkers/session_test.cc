#include "workload/checkers/session.h"

#include <gtest/gtest.h>

#include "workload/checkers/objections.h"
#include "workload/checkers/test_histories.h"

namespace holdfast::workload {
namespace {

std::string said_of_sessions(const Story& story) {
  return check_sessions(story.history).explanation;
}

TEST(CheckSessions, AcceptsAPipelineInOrder) {
  EXPECT_NO_OBJECTION(said_of_sessions(Story()
                                           .session(1)
                                           .at(1, 9)
                                           .count("c", 1, 1)
                                           .count("c", 1, 3)
                                           .write("k", "a")
                                           .read("k", "a")
                                           .read("k", "of another")
                                           .read("k", "")));
  // What was refused may stand in between.
  EXPECT_NO_OBJECTION(said_of_sessions(
      Story().session(1).at(1, 9).count("c", 1, 1).write("k", "a").but_failed().count("c", 1, 2)));
}

TEST(CheckSessions, CatchesAnswersOutOfOrder) {
  EXPECT_OBJECTION(
      said_of_sessions(Story().session(1).at(1, 9).write("k", "a").at(1, 8).write("l", "b")),
      "was answered before");
}

TEST(CheckSessions, CatchesCountsOutOfOrder) {
  EXPECT_OBJECTION(said_of_sessions(Story().session(1).at(1, 9).count("c", 1, 2).count("c", 1, 1)),
                   "counted before");
  EXPECT_NO_OBJECTION(
      said_of_sessions(Story().at(1, 9).count("c", 1, 2).count("c", 1, 1)));  // two connections
}

TEST(CheckSessions, CatchesAReadThatDoesNotSeeItsOwnWrite) {
  Story story;
  story.session(1).at(1, 9).write("k", "a").write("k", "b");
  EXPECT_NO_OBJECTION(said_of_sessions(Story(story).read("k", "b")));
  EXPECT_OBJECTION(said_of_sessions(Story(story).read("k", "a")), "does not see");
}

TEST(CheckSessions, CatchesEffectsOutOfOrderThatOthersSaw) {
  // b, sent behind a, was seen before anybody asked for … a read that saw a before it was there.
  Story story;
  story.client(1).session(1).at(1, 2).read("x", "").at(30, 40).write("a", "1").write("b", "2");
  EXPECT_NO_OBJECTION(
      said_of_sessions(Story(story).client(2).session(1).at(31, 32).read("b", "2")));
  EXPECT_OBJECTION(said_of_sessions(Story(story).client(2).session(1).at(10, 20).read("b", "2")),
                   "by the order");
  // c was sent behind what had seen a, and was seen before a was asked for.
  EXPECT_OBJECTION(said_of_sessions(Story(story)
                                        .client(2)
                                        .session(1)
                                        .at(3, 50)
                                        .read("a", "1")
                                        .write("c", "3")
                                        .client(3)
                                        .session(1)
                                        .at(20, 25)
                                        .read("c", "3")),
                   "by the order");
}

TEST(CheckSessions, WhatIsUnknownWasDoneBeforeWhatFollowedOrNever) {
  Story story;
  story.client(1).session(1).at(1, 2).write("k", "a").but_unknown().at(3, 4).read("l", "");
  EXPECT_NO_OBJECTION(said_of_sessions(Story(story).client(2).session(1).at(5, 6).read("k", "a")));
  // Seen, it was done by then: so what had been sent earlier was as well.
  Story two;
  two.client(1).session(1).at(1, 90).write("k", "a").at(10, 91).write("l", "b").but_unknown();
  EXPECT_NO_OBJECTION(said_of_sessions(Story(two).client(2).session(1).at(11, 12).read("l", "b")));
  EXPECT_OBJECTION(said_of_sessions(Story(two).client(2).session(1).at(5, 6).read("l", "b")),
                   "by the order");
}

}  // namespace
}  // namespace holdfast::workload
