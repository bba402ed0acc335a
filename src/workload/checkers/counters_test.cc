#include "workload/checkers/counters.h"

#include <gtest/gtest.h>

#include "workload/checkers/durability.h"
#include "workload/checkers/objections.h"
#include "workload/checkers/test_histories.h"

namespace holdfast::workload {
namespace {

std::string said_of_counters(const Story& story) {
  return check_counters(story.history).explanation;
}

Story counted() {
  Story story;
  story.at(1, 9).count("c", 2, 5).count("c", 3, 3).at(10, 11).read("c", "5");
  story.at(12, 13).count("c", 4, 0).but_unknown().at(14, 15).count("c", 7, 0).but_failed();
  return story;
}

TEST(CheckCounters, AcceptsWhatMayHaveBeenDone) {
  EXPECT_NO_OBJECTION(said_of_counters(counted().at(20, 21).count("c", 1, 6)));
  EXPECT_NO_OBJECTION(
      said_of_counters(counted().at(20, 21).count("c", 1, 10).at(22, 23).read("c", "10")));
  EXPECT_NO_OBJECTION(said_of_counters(Story().at(1, 2).read("c", "").at(3, 4).count("c", 1, 1)));
}

TEST(CheckCounters, CatchesALostCount) {
  EXPECT_OBJECTION(said_of_counters(counted().at(20, 21).read("c", "4")), "must be from 5");
  EXPECT_OBJECTION(said_of_counters(counted().at(20, 21).count("c", 1, 5)), "must be from 6");
  EXPECT_OBJECTION(said_of_counters(counted().at(20, 21).read("c", "")), "must be from 5");
}

TEST(CheckCounters, CatchesADoubleCount) {
  EXPECT_OBJECTION(said_of_counters(counted().at(20, 21).read("c", "10")), "to 9");
  EXPECT_OBJECTION(said_of_counters(Story().at(1, 2).once("o", "x", 1, 1).at(3, 4).read("o", "2")),
                   "to 1");
}

TEST(CheckCounters, CatchesANumberGivenTwiceAndOneThatRunsBackwards) {
  Story story;
  for (int i = 0; i < 9; ++i) story.at(1, 100).count("c", 1, 0).but_unknown();
  EXPECT_OBJECTION(
      said_of_counters(Story(story).at(1, 3).count("c", 1, 2).at(2, 4).count("c", 1, 2)), "to two");
  EXPECT_OBJECTION(
      said_of_counters(Story(story).at(1, 3).count("c", 1, 5).at(4, 5).count("c", 1, 4)),
      "backwards");
  EXPECT_OBJECTION(said_of_counters(Story(story).at(1, 3).count("c", 1, 5).at(4, 5).read("c", "3")),
                   "backwards");
  EXPECT_OBJECTION(
      said_of_counters(Story().at(1, 2).once("o", "x", 1, 1).at(3, 4).once("o", "x", 1, 2)),
      "id twice");
}

TEST(CheckCounters, JudgesTheEndAsARead) {
  const auto ends = [](const char* value) {
    return check_counters(with_finals(counted().history, {{{"c", value}}})).ok;
  };
  EXPECT_TRUE(ends("5"));
  EXPECT_TRUE(ends("9"));
  EXPECT_FALSE(ends("4"));
  EXPECT_FALSE(ends("10"));
  EXPECT_FALSE(check_counters(with_finals(counted().history, {{{"c", "5"}}, {}})).ok);
}

}  // namespace
}  // namespace holdfast::workload
