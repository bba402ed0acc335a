#include "workload/checkers/durability.h"

#include <gtest/gtest.h>

#include "workload/checkers/check_all.h"
#include "workload/checkers/objections.h"
#include "workload/checkers/test_histories.h"

namespace holdfast::workload {
namespace {

std::string said_of_durability(const Story& story, const Finals& finals) {
  return check_durability(story.history, {finals}).explanation;
}

TEST(CheckDurability, CatchesALostWrite) {
  const Story story = Story().at(1, 2).write("k", "a").at(3, 4).write("k", "b");
  EXPECT_NO_OBJECTION(said_of_durability(story, {{"k", "b"}}));
  EXPECT_OBJECTION(said_of_durability(story, {{"k", "a"}}), "has lost");
  EXPECT_OBJECTION(said_of_durability(story, {}), "has lost");
  EXPECT_OBJECTION(said_of_durability(story, {{"k", "c"}}), "written by nobody");
  EXPECT_OBJECTION(said_of_durability(Story(story).at(5, 6).erase("k"), {{"k", "b"}}), "has lost");
}

TEST(CheckDurability, AllowsWhatIsConcurrentOrUnknown) {
  EXPECT_NO_OBJECTION(
      said_of_durability(Story().at(1, 9).write("k", "a").write("k", "b"), {{"k", "a"}}));
  const Story late = Story().at(1, 2).write("k", "a").but_unknown().at(3, 4).write("k", "b");
  EXPECT_NO_OBJECTION(said_of_durability(late, {{"k", "a"}}));
  EXPECT_NO_OBJECTION(said_of_durability(Story(late).at(1, 2).erase("k").but_unknown(), {}));
  EXPECT_OBJECTION(said_of_durability(Story(late).at(1, 2).erase("k"), {}), "has lost");
  EXPECT_NO_OBJECTION(said_of_durability(Story().at(1, 2).write_ttl("k", "a", 9), {}));
  EXPECT_NO_OBJECTION(
      said_of_durability(Story().at(1, 2).write_ttl("k", "a", 9).at(1, 2).write("k", "b"), {}));
  EXPECT_OBJECTION(
      said_of_durability(Story().at(1, 2).write_ttl("k", "a", 9).at(3, 4).write("k", "b"), {}),
      "has lost");
}

TEST(CheckDurability, WhatOthersSawWasDone) {
  const Story seen = Story().at(1, 2).write("k", "a").but_unknown().at(3, 4).read("k", "a");
  EXPECT_OBJECTION(said_of_durability(seen, {}), "has lost");
  EXPECT_OBJECTION(said_of_durability(Story().at(1, 2).write("k", "a").but_failed(), {{"k", "a"}}),
                   "by nobody");
}

TEST(CheckDurability, KnowsEveryKindOfWrite) {
  const Story story = Story().at(1, 2).write("k", "a").at(3, 4).cas("k", "a", "b");
  EXPECT_OBJECTION(said_of_durability(story, {{"k", "a"}}), "has lost");
  EXPECT_NO_OBJECTION(
      said_of_durability(Story(story).at(5, 6).cas("k", "b", "c", false), {{"k", "b"}}));
  EXPECT_OBJECTION(said_of_durability(Story().at(1, 2).guarded(5, "v"), {}), "has lost");
  EXPECT_NO_OBJECTION(
      said_of_durability(Story().at(1, 2).guarded(5, "v").guarded(4, "w", false), {{"g", "v"}}));
}

TEST(CheckDurability, CatchesALostElement) {
  const Story story =
      Story().at(1, 2).insert("s", "x", 2).at(1, 2).insert("s", "y", 0).but_unknown();
  EXPECT_NO_OBJECTION(said_of_durability(story, {{"s", "x "}}));
  EXPECT_NO_OBJECTION(said_of_durability(story, {{"s", "y x "}}));
  EXPECT_OBJECTION(said_of_durability(story, {{"s", "y "}}), "lacks");
  EXPECT_OBJECTION(said_of_durability(story, {}), "lacks");
  EXPECT_OBJECTION(said_of_durability(story, {{"s", "x x "}}), "twice");
  EXPECT_OBJECTION(said_of_durability(story, {{"s", "x z "}}), "nobody inserted");
}

TEST(CheckDurability, CatchesReplicasThatDiffer) {
  const Story story = Story().at(1, 9).write("k", "a").write("k", "b");
  EXPECT_TRUE(check_durability(story.history, {{{"k", "a"}}, {{"k", "a"}}}).ok);
  EXPECT_FALSE(check_durability(story.history, {{{"k", "a"}}, {{"k", "b"}}}).ok);
  EXPECT_FALSE(check_durability(story.history, {{{"k", "a"}}, {}}).ok);
}

TEST(CheckAll, AsksEveryChecker) {
  const auto names = [](const Story& story, const std::vector<Finals>& finals = {}) {
    std::string all;
    for (const Verdict& verdict : check_all(story.history, finals)) {
      all += verdict.explanation.substr(0, verdict.explanation.find(':')) + " ";
    }
    return all;
  };
  EXPECT_EQ(names(Story().at(1, 2).write("k", "a"), {{{"k", "a"}}}), "");
  EXPECT_EQ(names(Story().at(1, 2).write("k", "a"), {{}}), "durability linearizable ");
  EXPECT_EQ(names(Story().at(1, 2).count("c", 1, 1), {{{"c", "2"}}}), "counters linearizable ");
  EXPECT_EQ(names(Story().at(1, 2).acquire("a", 100, 0, 5).at(3, 4).acquire("b", 100, 0, 6)),
            "locks ");
  EXPECT_EQ(names(Story().session(1).at(1, 3).write("k", "a").at(1, 2).write("k", "b")),
            "session ");
  EXPECT_EQ(names(Story().at(1, 2).write_ttl("k", "a", 100).at(3, 4).read("k", "")), "expiry ");
}

}  // namespace
}  // namespace holdfast::workload
