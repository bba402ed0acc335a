#include "workload/checkers/linearizable.h"

#include <gtest/gtest.h>

#include "workload/checkers/test_histories.h"

namespace holdfast::workload {
namespace {

bool accepts(const Story& story) {
  const Verdict verdict = check_linearizable(story.history);
  EXPECT_EQ(verdict.ok, verdict.explanation.empty());
  return verdict.ok;
}

Story& with(Story&& story) { return story; }

// ---- registers

TEST(Linearizable, AcceptsWhatOneOrderExplains) {
  EXPECT_TRUE(accepts(Story()));
  EXPECT_TRUE(
      accepts(with({}).at(1, 2).read("k", "").at(3, 6).write("k", "a").at(4, 5).read("k", "a")));
  // Overlapping writes may go either way, as long as all agree.
  Story both;
  both.at(1, 10).write("k", "a").write("k", "b");
  EXPECT_TRUE(accepts(with(Story(both)).at(11, 12).read("k", "a").at(13, 14).read("k", "a")));
  EXPECT_TRUE(accepts(with(Story(both)).at(11, 12).read("k", "b").at(13, 14).read("k", "b")));
  EXPECT_FALSE(accepts(with(Story(both)).at(11, 12).read("k", "b").at(13, 14).read("k", "a")));
}

TEST(Linearizable, CatchesAStaleReadAndShowsIt) {
  const auto verdict = check_linearizable(
      with({}).at(1, 2).write("k", "a").at(3, 4).write("k", "b").at(5, 6).read("k", "a").history);
  EXPECT_FALSE(verdict.ok);
  EXPECT_NE(verdict.explanation.find("k: no order explains"), std::string::npos);
  EXPECT_NE(verdict.explanation.find("client 1 read k -> a  [5.000000 … 6.000000]"),
            std::string::npos)
      << verdict.explanation;
}

TEST(Linearizable, CatchesALostUpdateAndAReadThatRunsBackwards) {
  EXPECT_FALSE(accepts(with({}).at(1, 2).write("k", "a").at(3, 4).read("k", "")));
  EXPECT_FALSE(accepts(with({})
                           .at(1, 20)
                           .write("k", "a")
                           .at(2, 3)
                           .read("k", "a")
                           .at(4, 5)
                           .read("k", "")
                           .at(21, 22)
                           .read("k", "a")));
}

TEST(Linearizable, AnUnknownWriteMayTakeEffectLateOrNever) {
  Story unknown;
  unknown.at(1, 2).write("k", "a").but_unknown().at(5, 6).read("k", "");
  EXPECT_TRUE(accepts(with(Story(unknown)).at(7, 8).read("k", "")));
  EXPECT_TRUE(accepts(with(Story(unknown)).at(7, 8).read("k", "a")));
  EXPECT_FALSE(accepts(with(Story(unknown)).at(7, 8).read("k", "a").at(9, 10).read("k", "")));
}

TEST(Linearizable, AnUnknownEraseExplainsOneAbsenceOnly) {
  Story story;
  story.at(1, 2).write("k", "a").at(3, 4).erase("k").but_unknown().at(5, 6).read("k", "");
  EXPECT_TRUE(accepts(story));
  story.at(7, 8).write("k", "b");
  EXPECT_TRUE(accepts(with(Story(story)).at(9, 10).read("k", "b")));
  EXPECT_FALSE(accepts(with(Story(story)).at(9, 10).read("k", "")));
}

TEST(Linearizable, AFailedWriteMustNeverBeSeen) {
  EXPECT_FALSE(accepts(with({}).at(1, 2).write("k", "a").but_failed().at(3, 4).read("k", "a")));
}

TEST(Linearizable, CompareAndSetNeedsWhatItCompared) {
  Story story;
  story.at(1, 2).write("k", "a");
  EXPECT_TRUE(accepts(with(Story(story)).at(3, 4).cas("k", "a", "b").at(5, 6).read("k", "b")));
  EXPECT_FALSE(accepts(with(Story(story)).at(3, 4).cas("k", "a", "b").at(5, 6).read("k", "a")));
  EXPECT_FALSE(accepts(with(Story(story)).at(3, 4).cas("k", "", "b")));
  // Two that both replaced the same value.
  EXPECT_FALSE(accepts(with(Story(story)).at(3, 9).cas("k", "a", "b").cas("k", "a", "c")));
  EXPECT_TRUE(accepts(with(Story(story)).at(3, 9).cas("k", "a", "b").cas("k", "a", "c", false)));
  // What did not set has read all the same.
  EXPECT_FALSE(accepts(with(Story(story)).at(3, 9).cas("k", "x", "c", false)));
  EXPECT_FALSE(
      accepts(with(Story(story)).at(3, 4).cas("k", "a", "c", false).at(5, 6).read("k", "c")));
}

TEST(Linearizable, AnEraseTellsWhetherSomethingWasThere) {
  EXPECT_FALSE(accepts(with({}).at(1, 2).erase("k")));
  EXPECT_FALSE(accepts(with({}).at(1, 2).write("k", "a").at(3, 4).erase("k", false)));
  EXPECT_TRUE(
      accepts(with({}).at(1, 2).write("k", "a").at(3, 4).erase("k").at(5, 6).read("k", "")));
}

TEST(Linearizable, AKeyWithATtlMayEndButNotComeBack) {
  Story story;
  story.at(1, 2).write_ttl("k", "a", 100).at(3, 4).read("k", "a").at(5, 6).read("k", "");
  EXPECT_TRUE(accepts(story));
  EXPECT_FALSE(accepts(with(Story(story)).at(7, 8).read("k", "a")));
  // Written without a TTL it stays.
  EXPECT_FALSE(accepts(with(Story(story)).at(7, 8).write("k", "b").at(9, 10).read("k", "")));
}

// ---- the order of a connection

TEST(Linearizable, APipelineTakesEffectInTheOrderSent) {
  EXPECT_TRUE(accepts(with({}).session(1).at(1, 9).write("k", "a").read("k", "a").write("k", "b")));
  EXPECT_FALSE(
      accepts(with({}).session(1).at(1, 9).write("k", "a").write("k", "b").read("k", "a")));
}

TEST(Linearizable, TheOrderOfAPipelineIsSeenByOthersAcrossKeys) {
  // b was written behind a, so who has seen b must see a.
  Story story;
  story.client(1).session(1).at(1, 9).write("a", "1").write("b", "2");
  story.client(2).session(1).at(2, 3).read("b", "2");
  EXPECT_TRUE(accepts(with(Story(story)).at(4, 5).read("a", "1")));
  EXPECT_FALSE(accepts(with(Story(story)).at(4, 5).read("a", "")));
}

TEST(Linearizable, WhatIsUnknownIsDoneBeforeWhatWasSentLaterOrNever) {
  Story story;
  story.session(1).at(1, 2).write("k", "a").but_unknown().at(3, 4).write("k", "b");
  EXPECT_TRUE(accepts(with(Story(story)).at(5, 6).read("k", "b")));
  EXPECT_FALSE(accepts(with(Story(story)).at(5, 6).read("k", "a")));
  // Even when what was sent later went to another key.
  Story other;
  other.session(1).at(1, 2).write("k", "a").but_unknown().at(3, 4).write("l", "b");
  EXPECT_FALSE(accepts(with(Story(other)).at(5, 6).read("k", "").at(7, 8).read("k", "a")));
}

// ---- counters

TEST(Linearizable, CountersCountEachOnce) {
  EXPECT_TRUE(
      accepts(with({}).at(1, 9).count("c", 2, 5).count("c", 3, 3).at(10, 11).read("c", "5")));
  EXPECT_FALSE(accepts(with({}).at(1, 9).count("c", 1, 1).count("c", 1, 1)));
  EXPECT_FALSE(accepts(with({}).at(1, 2).count("c", 1, 2).at(3, 4).count("c", 1, 1)));
  EXPECT_FALSE(accepts(with({}).at(1, 2).once("c", "x", 1, 1).at(3, 4).read("c", "2")));
}

TEST(Linearizable, UnknownCountsFillTheGapsAndNoMore) {
  Story story;
  for (int i = 0; i < 20; ++i) story.at(1, 2).count("c", 1 + i % 3, 0).but_unknown();
  EXPECT_TRUE(accepts(with(Story(story)).at(3, 4).count("c", 1, 8).at(5, 6).count("c", 1, 40)));
  EXPECT_FALSE(accepts(with(Story(story)).at(3, 4).count("c", 1, 8).at(5, 6).count("c", 1, 42)));
  EXPECT_FALSE(accepts(with({}).at(1, 2).count("c", 2, 0).but_unknown().at(3, 4).count("c", 1, 2)));
}

// ---- sets

TEST(Linearizable, SetsKeepWhatWasInsertedInOneOrder) {
  Story story;
  story.at(1, 9).insert("s", "x", 2).insert("s", "yy", 5).at(10, 11).read_all("s", "x yy ");
  EXPECT_TRUE(accepts(story));
  EXPECT_FALSE(accepts(with(Story(story)).at(12, 13).read_all("s", "x ")));
  EXPECT_FALSE(accepts(with(Story(story)).at(12, 13).read_all("s", "yy x ")));
  EXPECT_FALSE(accepts(with(Story(story)).at(12, 13).insert("s", "z", 5)));
  EXPECT_FALSE(accepts(with(Story(story)).at(12, 13).read_all("s", "x yy x ")));
  EXPECT_FALSE(accepts(with(Story(story)).at(12, 13).read_all("s", "x yy ghost ")));
  EXPECT_TRUE(accepts(with(Story(story))
                          .at(8, 9)
                          .insert("s", "z", 0)
                          .but_unknown()
                          .at(12, 13)
                          .insert("s", "w", 9)
                          .at(14, 15)
                          .insert("s", "v", 11)));
}

// ---- locks

TEST(Linearizable, ALockHasOneHolderAndGrowingTokens) {
  Story story;
  story.at(1, 2).acquire("a", 100, 0, 5).at(3, 4).acquire("b", 100, 0, 0).at(5, 6).check(5);
  EXPECT_TRUE(accepts(story));
  EXPECT_TRUE(accepts(with(Story(story)).at(7, 8).acquire("a", 100, 0, 5)));  // a repeat
  // It may have ended by itself, then its token is worth nothing.
  story.at(7, 8).acquire("b", 100, 0, 9);
  EXPECT_TRUE(accepts(with(Story(story)).at(9, 10).check(5, false).release(5, false).look("9")));
  EXPECT_FALSE(accepts(with(Story(story)).at(9, 10).check(5)));
  EXPECT_FALSE(accepts(with(Story(story)).at(9, 10).renew(5, 100)));
  EXPECT_FALSE(accepts(with(Story(story)).at(9, 10).guarded(5, "v")));
  EXPECT_FALSE(accepts(with(Story(story)).at(9, 10).release(5)));
  EXPECT_FALSE(accepts(with(Story(story)).at(9, 10).acquire("c", 100, 0, 7)));
  EXPECT_FALSE(accepts(with(Story(story)).at(9, 10).look("5")));
}

TEST(Linearizable, ALockThatWasRefusedHadAHolder) {
  EXPECT_FALSE(accepts(with({}).at(1, 2).acquire("a", 100, 0, 0)));
  Story story;
  story.at(1, 2).acquire("a", 100, 0, 5).at(3, 4).release(5);
  EXPECT_FALSE(accepts(with(Story(story)).at(5, 6).acquire("b", 100, 0, 0)));
  EXPECT_TRUE(accepts(with(Story(story))
                          .at(1, 2)
                          .acquire("c", 100, 0, 0)
                          .but_unknown()
                          .at(5, 6)
                          .acquire("b", 100, 0, 0)));
  EXPECT_TRUE(accepts(with(Story(story)).at(5, 6).release(5)));  // a repeat
  EXPECT_FALSE(accepts(with(Story(story)).at(5, 6).check(5)));
}

TEST(Linearizable, AGrantThatNobodyHeardOfIsFoundByItsOwnerAgain) {
  Story story;
  story.at(1, 2)
      .acquire("a", 100, 0, 0)
      .but_unknown()
      .at(3, 4)
      .look("5")
      .at(5, 6)
      .acquire("b", 9, 0, 0);
  EXPECT_TRUE(accepts(with(Story(story)).at(7, 8).acquire("a", 100, 0, 5)));
  EXPECT_FALSE(accepts(with(Story(story)).at(7, 8).acquire("a", 100, 0, 4)));
}

// ---- the search

// As after pipelines of writes that were never answered.
TEST(Linearizable, WritesThatNobodySawAreOneAsGoodAsTheOther) {
  Story story;
  for (int i = 0; i < 40; ++i) story.at(1, 2).write("k", fmt::format("{}", i)).but_unknown();
  for (int i = 0; i < 30; ++i) story.at(10 + i, 10 + i).erase("k", true);
  EXPECT_TRUE(check_linearizable(story.history, 1'000).ok);
  story.at(100, 101).read("k", "x");
  const auto verdict = check_linearizable(story.history, 1'000);
  EXPECT_NE(verdict.explanation.find("no order explains"), std::string::npos);
}

TEST(Linearizable, WhatIsBoundedByALookAtTheEndDoesNotMultiplyWhatIsVisited) {
  // Pipelines that were never answered: each erases k and then writes another key, which is found
  // there at the end. So each of the erasures is possible until then, and none later. Whether some
  // of them were done before a round does not matter after it.
  constexpr std::int64_t kRounds = 40;
  constexpr std::int64_t kEnd = 100 * kRounds;
  Story story;
  auto alone = [&, connection = 0U](std::int64_t call, std::int64_t end) mutable -> Story& {
    return story.at(call, end).session(++connection);
  };
  for (std::int64_t i = 0; i < kRounds; ++i) {
    const std::int64_t at = 100 * i;
    alone(at + 5, at + 6).erase("k").but_unknown();
    story.write(fmt::format("other{}", i), "there").but_unknown();
    alone(kEnd, kEnd + 1).read(fmt::format("other{}", i), "there");
    alone(at + 10, at + 20).cas("k", "", fmt::format("c{}", i));
    alone(at + 10, at + 20).write("k", fmt::format("a{}", i));
    alone(at + 30, at + 40).write("k", fmt::format("b{}", i));
    alone(at + 50, at + 60).read("k", fmt::format("b{}", i));
    alone(at + 70, at + 80).erase("k");
  }
  EXPECT_TRUE(check_linearizable(story.history, 10'000).ok);
  alone(kEnd, kEnd + 1).read("k", "b0");
  const auto verdict = check_linearizable(story.history, 10'000);
  EXPECT_NE(verdict.explanation.find("no order explains"), std::string::npos)
      << verdict.explanation;
}

TEST(Linearizable, GivingUpIsNotOk) {
  Story story;
  for (int i = 0; i < 12; ++i) story.at(1, 99).write("k", fmt::format("{}", i));
  story.at(100, 101).read("k", "0").at(102, 103).read("k", "1");
  const auto verdict = check_linearizable(story.history, 100);
  EXPECT_FALSE(verdict.ok);
  EXPECT_NE(verdict.explanation.find("gave up"), std::string::npos);
}

}  // namespace
}  // namespace holdfast::workload
