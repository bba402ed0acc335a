#include "workload/checkers/locks.h"

#include <gtest/gtest.h>

#include "workload/checkers/objections.h"
#include "workload/checkers/test_histories.h"

namespace holdfast::workload {
namespace {

// What the checker says, "" if nothing. The calm begins at once unless it never does.
std::string said_of_locks(const Story& story, bool calm = true) {
  CheckOptions options;
  options.clock_ppm = 0;
  options.answer_within = milliseconds(50);
  if (calm) options.calm_from = Instant();
  return check_locks(story.history, options).explanation;
}

Story held() {
  Story story;
  story.at(10, 12).acquire("a", 100, 0, 5);
  return story;
}

TEST(CheckLocks, AcceptsALifeOfALock) {
  Story story = held();
  story.at(20, 22).renew(5, 100).at(20, 22).acquire("b", 100, 0, 0);
  story.at(25, 27).guarded(5, "v1").at(30, 31).check(5).at(32, 33).look("5 c:7");
  story.at(30, 61).acquire("c", 100, 500, 9).at(60, 61).release(5);
  story.at(62, 63).check(5, false).guarded(5, "v2", false).release(5);
  story.at(64, 65).guarded(9, "v3").at(66, 67).read("g", "v3");
  // c lets it end by itself.
  story.at(400, 401).acquire("d", 100, 0, 11).check(9, false);
  EXPECT_NO_OBJECTION(said_of_locks(story));
}

// ---- holders

TEST(CheckLocks, CatchesTwoHolders) {
  EXPECT_OBJECTION(said_of_locks(held().at(50, 60).acquire("b", 100, 0, 6)),
                   "while token 5 held it for sure");
  // Renewed, it holds for longer.
  EXPECT_OBJECTION(
      said_of_locks(held().at(50, 52).renew(5, 200).at(200, 240).acquire("b", 100, 0, 6)),
      "while token 5 held it for sure");
  EXPECT_NO_OBJECTION(
      said_of_locks(held().at(50, 52).renew(5, 200).at(201, 250).acquire("b", 100, 0, 6)));
}

TEST(CheckLocks, WhatIsBeingReleasedOrMayHaveBeenShortenedIsSureNoMore) {
  EXPECT_NO_OBJECTION(
      said_of_locks(held().at(40, 60).release(5).at(41, 42).acquire("b", 100, 0, 6)));
  EXPECT_NO_OBJECTION(
      said_of_locks(held().at(20, 21).renew(5, 10).at(31, 40).acquire("b", 100, 0, 6)));
  EXPECT_NO_OBJECTION(said_of_locks(
      held().at(20, 21).renew(5, 10).but_unknown().at(31, 40).acquire("b", 100, 0, 6)));
  EXPECT_OBJECTION(
      said_of_locks(held().at(20, 21).renew(5, 200).but_unknown().at(31, 40).acquire("b", 9, 0, 6)),
      "while token 5 held it for sure");
  EXPECT_OBJECTION(
      said_of_locks(held().at(20, 21).release(5).but_failed().at(31, 40).acquire("b", 9, 0, 6)),
      "while token 5 held it for sure");
}

TEST(CheckLocks, CountsOnWhatIsLeftAsARepeatWasTold) {
  Story story = held();
  story.at(50, 52).add(Op::acquire, "l", "a 100 0", "5 5 62");
  EXPECT_OBJECTION(said_of_locks(Story(story).at(100, 111).acquire("b", 100, 0, 6)),
                   "held it for sure");
  EXPECT_NO_OBJECTION(said_of_locks(Story(story).at(100, 112).acquire("b", 100, 0, 6)));
}

TEST(CheckLocks, CatchesAHolderWhoIsRefused) {
  EXPECT_OBJECTION(said_of_locks(held().at(50, 60).check(5, false)), "refused before his end");
  EXPECT_OBJECTION(said_of_locks(held().at(50, 60).renew(5, 100, false)), "refused before his end");
  EXPECT_OBJECTION(said_of_locks(held().at(50, 60).guarded(5, "v", false)),
                   "refused before his end");
  EXPECT_OBJECTION(said_of_locks(held().at(50, 60).release(5, false)), "refused before his end");
  EXPECT_OBJECTION(said_of_locks(held().at(50, 60).look("0")), "does not find the holder");
  EXPECT_OBJECTION(said_of_locks(held().at(50, 60).look("4")), "does not find the holder");
  EXPECT_NO_OBJECTION(said_of_locks(held().at(50, 110).check(5, false)));
  EXPECT_NO_OBJECTION(said_of_locks(held().at(50, 60).release(5).at(70, 71).release(5, false)));
}

TEST(CheckLocks, ClocksMayBeOffByAsMuchAsIsSaid) {
  Story story = held();
  story.at(50, 109).acquire("b", 100, 0, 6);
  CheckOptions options;
  options.clock_slack = milliseconds(1);
  EXPECT_TRUE(check_locks(story.history, options).ok);
  options.clock_slack = {};
  options.clock_ppm = 0;
  EXPECT_FALSE(check_locks(story.history, options).ok);
  options.clock_ppm = 10'000;
  EXPECT_TRUE(check_locks(story.history, options).ok);
}

// ---- tokens

TEST(CheckLocks, CatchesTokensThatRepeatOrRunBackwards) {
  EXPECT_OBJECTION(said_of_locks(held().at(500, 501).acquire("b", 100, 0, 5)),
                   "two owners have the same token");
  EXPECT_OBJECTION(said_of_locks(held().at(500, 501).acquire("b", 100, 0, 4)),
                   "lower than one that was known");
  EXPECT_OBJECTION(said_of_locks(Story().at(1, 2).add(Op::acquire, "l", "a 100 0", "5 4 100")),
                   "its fence");
  EXPECT_OBJECTION(said_of_locks(Story().at(1, 2).add(Op::acquire, "l", "a 100 0", "5 5 101")),
                   "for longer");
}

TEST(CheckLocks, CatchesAnOldTokenThatIsStillGood) {
  Story story = held();
  story.at(500, 501).acquire("b", 100, 0, 6);
  for (const auto& use :
       {Story(story).at(502, 503).check(5), Story(story).at(502, 503).renew(5, 9),
        Story(story).at(502, 503).guarded(5, "v"), Story(story).at(502, 503).release(5)}) {
    EXPECT_OBJECTION(said_of_locks(use), "an older token was still good");
  }
  EXPECT_NO_OBJECTION(said_of_locks(Story(story).at(500, 503).check(5)));
  EXPECT_NO_OBJECTION(said_of_locks(Story(story).at(502, 503).check(5).but_unknown()));
}

TEST(CheckLocks, CatchesALateWriteOfAnOldHolder) {
  Story story = held();
  story.at(20, 21).guarded(5, "old").but_unknown();
  story.at(500, 501).acquire("b", 100, 0, 6).at(502, 503).guarded(6, "new");
  EXPECT_NO_OBJECTION(said_of_locks(Story(story).at(504, 505).read("g", "new")));
  EXPECT_OBJECTION(said_of_locks(Story(story).at(504, 505).read("g", "old")),
                   "an older token has written after a newer one");
}

// ---- the queue

Story queue() {
  Story story = held();
  story.at(20, 80).acquire("b", 50, 500, 6).at(21, 90).acquire("c", 50, 500, 7);
  story.at(22, 23).look("5 b:100 c:101").at(70, 71).release(5).at(85, 86).release(6);
  return story;
}

TEST(CheckLocks, AcceptsGrantsInTheOrderOfQueueing) { EXPECT_NO_OBJECTION(said_of_locks(queue())); }

TEST(CheckLocks, CatchesGrantsOutOfOrder) {
  Story story = held();
  story.at(20, 90).acquire("b", 50, 500, 7).at(21, 80).acquire("c", 50, 500, 6);
  story.at(70, 71).release(5).at(85, 86).release(6);
  EXPECT_NO_OBJECTION(said_of_locks(Story(story)));  // nobody knows who was first
  EXPECT_OBJECTION(said_of_locks(Story(story).at(22, 23).look("5 b:100 c:101")), "granted first");
  // Two looks, each at one of them.
  EXPECT_OBJECTION(
      said_of_locks(Story(story).at(22, 23).look("5 b:100").at(24, 25).look("5 c:101")),
      "granted first");
  EXPECT_NO_OBJECTION(said_of_locks(Story(story).at(22, 23).look("5 c:99 b:100")));
  // Who asked again may have lost his place.
  EXPECT_NO_OBJECTION(said_of_locks(Story(story)
                                        .at(22, 23)
                                        .look("5 b:100 c:101")
                                        .at(19, 20)
                                        .acquire("b", 50, 500, 0)
                                        .but_unknown()));
}

TEST(CheckLocks, CatchesAQueueOutOfOrder) {
  EXPECT_OBJECTION(said_of_locks(held().at(22, 23).look("5 b:100 c:99")), "queue is out of order");
  EXPECT_OBJECTION(said_of_locks(held()
                                     .at(20, 60)
                                     .acquire("b", 50, 500, 0)
                                     .but_unknown()
                                     .at(22, 23)
                                     .look("5 b:100")
                                     .at(24, 25)
                                     .look("5 b:102")),
                   "has changed his place");
}

TEST(CheckLocks, CatchesAWaiterWhoIsPassedOver) {
  Story story = held();
  story.at(20, 140).acquire("b", 50, 120, 0).at(21, 130).acquire("c", 50, 500, 6);
  story.at(22, 23).look("5 b:100 c:101").at(70, 71).release(5);
  EXPECT_OBJECTION(said_of_locks(story), "was passed over");
  EXPECT_NO_OBJECTION(said_of_locks(story, false));
}

TEST(CheckLocks, CatchesAWaiterWhoIsForgotten) {
  // Nobody else can have held it when the first hold was over.
  EXPECT_OBJECTION(said_of_locks(held().at(20, 322).acquire("b", 50, 300, 0).at(30, 31).release(5)),
                   "lock was free");
  EXPECT_NO_OBJECTION(said_of_locks(held().at(20, 122).acquire("b", 50, 100, 0)));
  EXPECT_OBJECTION(said_of_locks(held().at(20, 322).acquire("b", 50, 100, 0).but_unknown()),
                   "told nothing in time");
  EXPECT_OBJECTION(said_of_locks(held().at(20, 322).acquire("b", 50, 100, 6)),
                   "told nothing in time");
  EXPECT_OBJECTION(said_of_locks(held().at(20, 90).acquire("b", 50, 100, 0)), "sent away early");
  EXPECT_NO_OBJECTION(said_of_locks(held().at(20, 90).acquire("b", 50, 100, 0), false));
}

TEST(CheckLocks, WhoAsksAgainWhileTheFirstQuestionIsStillOnItsWayMayBeDisplacedByIt) {
  const auto asked_twice = [](std::string owner) {
    Story story = held();
    story.at(15, 16).acquire(owner, 50, 100, 0).but_unknown();
    return story.at(20, 24).acquire("b", 50, 100, 0);
  };
  EXPECT_NO_OBJECTION(said_of_locks(asked_twice("b")));
  EXPECT_OBJECTION(said_of_locks(asked_twice("c")), "sent away early");
}

TEST(CheckLocks, WhoIsSentBehindAWaiterMayBeginWhenThatOneWasAnswered) {
  const auto second = [](std::int64_t return_ms) {
    Story story = held();
    story.at(50, 55).release(5);
    story.session(1).at(20, 60).acquire("b", 50, 500, 6);
    return story.at(20, return_ms).acquire("c", 50, 10, 7);
  };
  EXPECT_NO_OBJECTION(said_of_locks(second(112)));
  EXPECT_OBJECTION(said_of_locks(second(125)), "told nothing in time");
}

TEST(CheckLocks, CatchesALockThatIsKeptAfterItsTime) {
  EXPECT_OBJECTION(said_of_locks(held().at(300, 301).acquire("b", 50, 0, 0)),
                   "nobody can have held it");
  EXPECT_NO_OBJECTION(said_of_locks(
      held().at(300, 301).acquire("b", 50, 0, 0).at(280, 320).acquire("c", 50, 0, 6)));
  EXPECT_NO_OBJECTION(said_of_locks(held()
                                        .at(300, 301)
                                        .acquire("b", 50, 0, 0)
                                        .at(200, 250)
                                        .acquire("c", 50, 0, 0)
                                        .but_unknown()));
  EXPECT_NO_OBJECTION(said_of_locks(held().at(300, 301).acquire("b", 50, 0, 0), false));
}

}  // namespace
}  // namespace holdfast::workload
