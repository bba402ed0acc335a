#include "sim/observer_elections.h"

#include <gtest/gtest.h>

#include "sim/observer_stage.h"

namespace holdfast::sim {
namespace {

TEST(ElectionSafety, AcceptsOneLeaderAfterTheOther) {
  Stage stage;
  stage.founded(3);
  stage.lead(2, epoch_of(2, 2));
  stage.append(2, epoch_of(2, 2));
  stage.see(2);
  stage.follow(3, 2, epoch_of(2, 2));
  stage.see(3);
  stage.see(1);  // still believes that it leads 1.1, as a leader that was cut off does
  EXPECT_EQ(stage.objections(), Names());
  EXPECT_EQ(stage.rules().election_safety().elections(), 2u);
}

TEST(ElectionSafety, CatchesTwoLeadersOfOneEpoch) {
  Stage stage;
  stage.founded(3);
  stage.lead(2, epoch_of(1, 1));
  stage.see(2);
  EXPECT_TRUE(stage.objects("election safety"));
}

TEST(ElectionSafety, CatchesAnEpochUsedAgainAfterARestart) {
  Stage stage;
  stage.founded(3);
  stage.restart(1);
  stage.see(1);
  EXPECT_EQ(stage.objections(), Names());
  stage.lead(1, epoch_of(1, 1));
  stage.see(1);
  EXPECT_EQ(stage.objections(), Names{"election safety"});
}

TEST(ElectionSafety, CatchesWhoFollowsAnother) {
  Stage stage;
  stage.founded(3);
  stage.follow(3, 2, epoch_of(1, 1));
  stage.see(3);
  EXPECT_EQ(stage.objections(), Names{"election safety"});
}

// Entry 4, of epoch 1.1, is on two of three disks when node 2 is elected.
void elect_with_an_older_entry(Stage& stage) {
  stage.founded(3);
  for (const MachineId id : {1, 2}) {
    stage.append(id, epoch_of(1, 1), "SET k late");
    stage.see(id);
  }
  stage.lead(2, epoch_of(2, 2));
  stage.see(2);
}

TEST(OneLease, CatchesALeaseBesideALaterLeader) {
  Stage stage;
  stage.founded(3);
  stage.lead(2, epoch_of(2, 2));
  stage.append(2, epoch_of(2, 2));
  stage.see(2);
  stage.see(1);
  EXPECT_EQ(stage.objections(), Names());
  stage.sight(1).leased = NodeId(1);
  stage.see(1);
  EXPECT_EQ(stage.objections(), Names{"lease"});
}

TEST(CommitOfOwnEpoch, CatchesALeaderThatCountsReplicasOfAnOlderEntry) {
  Stage stage;
  elect_with_an_older_entry(stage);
  EXPECT_EQ(stage.objections(), Names());
  stage.commit(2, 4);
  stage.see(2);
  EXPECT_EQ(stage.objections(), Names{"commit of own epoch"});
}

TEST(CommitOfOwnEpoch, AcceptsThatOlderEntriesComeAlong) {
  Stage stage;
  elect_with_an_older_entry(stage);
  stage.append(2, epoch_of(2, 2));
  stage.see(2);
  stage.follow(1, 2, epoch_of(2, 2));
  stage.append(1, epoch_of(2, 2));
  stage.see(1);
  stage.commit(2, 5);
  stage.see(2);
  EXPECT_EQ(stage.objections(), Names());
}

TEST(LeaderAppendOnly, CatchesALeaderThatCutsItsLog) {
  Stage stage;
  stage.founded(3);
  stage.append(1, epoch_of(1, 1), "SET k v");
  stage.see(1);
  EXPECT_EQ(stage.objections(), Names());
  stage.cut(1, 4);
  stage.see(1);
  EXPECT_EQ(stage.objections(), Names{"leader append-only"});
}

TEST(LeaderAppendOnly, CatchesALeaderThatWritesAnotherEntryInThePlaceOfOne) {
  Stage stage;
  stage.lead(1, epoch_of(3, 1));
  stage.append(1, epoch_of(1, 2));
  stage.append(1, epoch_of(2, 3));
  stage.see(1);
  stage.cut(1, 2);
  stage.append(1, epoch_of(3, 1));
  stage.append(1, epoch_of(3, 1));
  stage.see(1);
  EXPECT_EQ(stage.objections(), Names{"leader append-only"});
}

TEST(LeaderAppendOnly, AcceptsThatAFollowerIsCut) {
  Stage stage;
  stage.founded(3);
  stage.append(1, epoch_of(1, 1), "SET k v");
  stage.see(1);
  stage.follow(1, 2, epoch_of(2, 2));
  stage.cut(1, 4);
  stage.see(1);
  EXPECT_EQ(stage.objections(), Names());
}

TEST(LeaderCompleteness, CatchesALeaderWithoutACommittedEntry) {
  Stage stage;
  stage.founded(2);
  for (const MachineId id : {1u, 2u}) {
    stage.append(id, epoch_of(1, 1), "SET k w");
    stage.see(id);
  }
  stage.commit(1, 3);
  stage.see(1);
  EXPECT_EQ(stage.objections(), Names());
  stage.lead(3, epoch_of(2, 3));  // has two entries
  stage.see(3);
  EXPECT_EQ(stage.objections(), Names{"leader completeness"});
}

TEST(LeaderCompleteness, CatchesACommitBehindTheBackOfALaterLeader) {
  Stage stage;
  stage.founded(2);
  stage.lead(3, epoch_of(2, 3));
  stage.see(3);
  for (const MachineId id : {1u, 2u}) {
    stage.append(id, epoch_of(1, 1), "SET k w");
    stage.see(id);
  }
  EXPECT_EQ(stage.objections(), Names());
  stage.commit(1, 3);
  stage.see(1);
  EXPECT_EQ(stage.objections(), Names{"leader completeness"});
}

TEST(LeaderCompleteness, AcceptsThatAnOldLeaderLacksWhatCameAfterIt) {
  Stage stage;
  stage.founded(2);
  stage.lead(3, epoch_of(2, 3));
  stage.append(3, epoch_of(2, 3));
  stage.see(3);
  stage.follow(2, 3, epoch_of(2, 3));
  stage.append(2, epoch_of(2, 3));
  stage.see(2);
  stage.commit(3, 3);
  stage.see(3);
  stage.see(1, true);
  EXPECT_EQ(stage.objections(), Names());
}

// Node 1 leads and hears nobody; it takes so many turns, so far apart.
void stay_deaf(Stage& stage, int turns, Duration apart = milliseconds(50)) {
  for (int i = 0; i < turns; ++i) {
    stage.sight(1).deaf = true;
    stage.sight(1).clock = stage.sight(1).clock + apart;
    stage.see(1);
  }
}

TEST(DeafLeader, CatchesOneThatNeverGivesUp) {
  Stage stage;
  stage.founded(2);
  stay_deaf(stage, 21);
  EXPECT_EQ(stage.objections(), Names());
  stay_deaf(stage, 1);
  EXPECT_EQ(stage.objections(), Names{"deaf leader"});
}

TEST(DeafLeader, AcceptsOneThatGivesUpAndLeadsAgain) {
  Stage stage;
  stage.founded(2);
  stay_deaf(stage, 15);
  stage.promise(1, epoch_of(1, 1));
  stage.see(1);
  stage.lead(1, epoch_of(2, 1));
  stage.append(1, epoch_of(2, 1));
  stay_deaf(stage, 15);
  EXPECT_EQ(stage.objections(), Names());
}

TEST(DeafLeader, BeginsAgainWhenTheWiresWereWholeForAMoment) {
  Stage stage;
  stage.founded(2);
  stay_deaf(stage, 15);
  ++stage.sight(1).mends;
  stay_deaf(stage, 15);
  EXPECT_EQ(stage.objections(), Names());
}

TEST(DeafLeader, DoesNotCountTheTimeOfAProcessThatStoodStill) {
  Stage stage;
  stage.founded(2);
  stay_deaf(stage, 15);
  stay_deaf(stage, 1, seconds(8));
  stay_deaf(stage, 15);
  EXPECT_EQ(stage.objections(), Names());
}

TEST(DeafLeader, GoesByTheLeadersOwnClock) {
  Stage stage;
  stage.founded(2);
  stay_deaf(stage, 1000, Duration{});
  EXPECT_EQ(stage.objections(), Names());
}

// Node 1 leads, and its disk completes nothing; it takes so many turns, so far apart.
void stay_hung(Stage& stage, int turns, Duration apart = milliseconds(50)) {
  for (int i = 0; i < turns; ++i) {
    stage.sight(1).issued = stage.sight(1).synced + 1;
    stage.sight(1).clock = stage.sight(1).clock + apart;
    stage.see(1);
  }
}

TEST(HungLeader, CatchesOneThatNeverGivesUp) {
  Stage stage;
  stage.founded(3);
  stay_hung(stage, 18);
  EXPECT_EQ(stage.objections(), Names());
  stay_hung(stage, 1);
  EXPECT_EQ(stage.objections(), Names{"hung leader"});
}

TEST(HungLeader, WaitsThreeTimesAsLongAsTheWriteBeforeTookButNotForEver) {
  Stage stage;
  stage.founded(3);
  stage.sight(1).slowest_write = milliseconds(500);
  stay_hung(stage, 35);  // 1.5 s, three heartbeats, 100 ms
  EXPECT_EQ(stage.objections(), Names());
  stay_hung(stage, 2);
  EXPECT_EQ(stage.objections(), Names{"hung leader"});
  Stage hanging;
  hanging.founded(3);
  hanging.sight(1).slowest_write = seconds(60);
  stay_hung(hanging, 67);  // ten election time-outs
  EXPECT_EQ(hanging.objections(), Names{"hung leader"});
}

TEST(HungLeader, AcceptsADiskThatIsOnlySlowAndALeaderOfOne) {
  Stage stage;
  stage.founded(3);
  stay_hung(stage, 15);
  ++stage.sight(1).synced;
  stay_hung(stage, 15);
  EXPECT_EQ(stage.objections(), Names());
  Stage alone(1);
  alone.founded(1);
  stay_hung(alone, 100);
  EXPECT_EQ(alone.objections(), Names());
}

TEST(HungLeader, DoesNotCountTheTimeOfAProcessThatStoodStill) {
  Stage stage;
  stage.founded(3);
  stay_hung(stage, 15);
  stay_hung(stage, 1, seconds(8));
  stay_hung(stage, 15);
  EXPECT_EQ(stage.objections(), Names());
}

// Node 1 leads, and no majority of the disks has room; it takes so many turns, so far apart.
void stay_full(Stage& stage, int turns, Duration apart = milliseconds(50)) {
  for (int i = 0; i < turns; ++i) {
    stage.sight(1).no_room = true;
    stage.sight(1).clock = stage.sight(1).clock + apart;
    stage.see(1);
  }
}

TEST(NoRoom, CatchesALeaderThatTakesCommands) {
  Stage stage;
  stage.founded(3);
  stay_full(stage, 15);
  stage.append(1, epoch_of(1, 1), "SET k w");
  stay_full(stage, 10);
  EXPECT_EQ(stage.objections(), Names()) << "it could not know yet";
  stage.append(1, epoch_of(1, 1), "_CHECK 1");
  stage.append(1, epoch_of(1, 1));
  stay_full(stage, 1);
  EXPECT_EQ(stage.objections(), Names()) << "no client's";
  stage.append(1, epoch_of(1, 1), "SET k w");
  stay_full(stage, 1);
  EXPECT_EQ(stage.objections(), Names{"no room"});
}

TEST(NoRoom, BeginsAgainWhenThereWasRoomForAMoment) {
  Stage stage;
  stage.founded(3);
  stay_full(stage, 30);
  stage.sight(1).no_room = false;
  stage.append(1, epoch_of(1, 1), "SET k w");
  stage.see(1);
  stage.append(1, epoch_of(1, 1), "SET k w");
  stay_full(stage, 1);
  EXPECT_EQ(stage.objections(), Names());
}

TEST(RestingLeader, CatchesOneThatStays) {
  Stage stage;
  stage.founded(3);
  const auto stay = [&stage](int turns) {
    for (int i = 0; i < turns; ++i) {
      stage.sight(1).unneeded = true;
      stage.sight(1).clock = stage.sight(1).clock + milliseconds(50);
      stage.see(1);
    }
  };
  stay(101);
  stage.sight(1).unneeded = false;
  stage.see(1);
  stay(101);
  EXPECT_EQ(stage.objections(), Names()) << "others could lead, each time for five seconds";
  stay(1);
  EXPECT_EQ(stage.objections(), Names{"resting leader"});
}

}  // namespace
}  // namespace holdfast::sim
