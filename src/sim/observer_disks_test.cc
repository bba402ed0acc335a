#include "sim/observer_disks.h"

#include <gtest/gtest.h>

#include "sim/observer_stage.h"

namespace holdfast::sim {
namespace {

TEST(QuorumDurability, AcceptsACommitThatTheLeadersOwnDiskDoesNotHaveYet) {
  Stage stage;
  stage.founded(2);
  stage.append(1, epoch_of(1, 1), "SET k v", false);
  stage.see(1);
  for (const MachineId id : {2u, 3u}) {
    stage.append(id, epoch_of(1, 1), "SET k v");
    stage.see(id);
  }
  stage.commit(1, 3);
  stage.see(1);
  EXPECT_EQ(stage.objections(), Names());
}

TEST(QuorumDurability, CatchesACommitOnTooFewDisks) {
  Stage stage;
  stage.founded(2);
  stage.append(1, epoch_of(1, 1), "SET k v");
  stage.see(1);
  stage.append(2, epoch_of(1, 1), "SET k v", false);  // in memory, and no more
  stage.see(2);
  stage.commit(1, 3);
  stage.see(1);
  EXPECT_EQ(stage.objections(), Names{"quorum durability"});
}

TEST(QuorumDurability, DoesNotCountAnotherEntryAtThatIndex) {
  Stage stage;
  stage.founded(2);
  stage.append(1, epoch_of(1, 1), "SET k v");
  stage.see(1);
  stage.promise(2, epoch_of(2, 2));
  stage.append(2, epoch_of(2, 2));
  stage.see(2);
  stage.commit(1, 3);
  stage.see(1);
  EXPECT_EQ(stage.objections(), Names{"quorum durability"});
}

TEST(QuorumDurability, CountsASnapshotAndAMachineThatIsDown) {
  Stage stage(5);
  stage.founded(2);
  for (const MachineId id : {1u, 2u}) {
    stage.append(id, epoch_of(1, 1), "SET k v");
    stage.see(id);
  }
  stage.commit(1, 3, false);  // two of five disks, and nobody has seen it yet
  stage.append(3, epoch_of(1, 1), "SET k v");
  stage.see(3);
  stage.see(1);
  EXPECT_EQ(stage.objections(), Names());
}

// Node 2 has entry 3 on its disk and says so, but before node 1 hears it, the disk has lost it.
void lose_what_was_confirmed(Stage& stage, bool noticed) {
  stage.founded(2);
  for (const MachineId id : {1u, 2u}) {
    stage.append(id, epoch_of(1, 1), "SET k v");
    stage.see(id);
  }
  stage.rules().memory().distrust_disk(2);
  stage.cut(2, 3);
  stage.restart(2);
  stage.sight(2).recovering = noticed;
  stage.see(2);
}

TEST(QuorumDurability, CountsWhatADiskHasLostSinceWhileItsNodeRecovers) {
  Stage stage;
  lose_what_was_confirmed(stage, true);
  stage.commit(1, 3);
  stage.see(1);
  EXPECT_EQ(stage.objections(), Names());
}

TEST(QuorumDurability, DoesNotCountItWhereTheLossWasNotNoticed) {
  Stage stage;
  lose_what_was_confirmed(stage, false);
  stage.commit(1, 3);
  stage.see(1);
  EXPECT_EQ(stage.objections(), Names{"quorum durability"});
}

TEST(QuorumDurability, DoesNotCountItOnceTheNodeSaysThatItHasRecovered) {
  Stage stage;
  lose_what_was_confirmed(stage, true);
  stage.sight(2).recovering = false;
  stage.see(2);
  stage.commit(1, 3);
  stage.see(1);
  EXPECT_EQ(stage.objections(), Names{"quorum durability"});
}

TEST(QuorumDurability, DoesNotCountWhatTheLostDiskNeverHad) {
  Stage stage;
  lose_what_was_confirmed(stage, true);
  stage.append(1, epoch_of(1, 1), "SET k w");
  stage.see(1);
  stage.commit(1, 4);
  stage.see(1);
  EXPECT_EQ(stage.objections(), Names{"quorum durability"});
}

// Entry 4 of node 2 is not on its disk yet when another takes its place.
void replace_an_entry_under_way(Stage& stage) {
  stage.founded(3);
  stage.append(2, epoch_of(1, 1), "SET k old", false);
  stage.see(2);
  stage.promise(2, epoch_of(2, 3));
  stage.cut(2, 4);
  stage.append(2, epoch_of(2, 3), "", false);
  stage.see(2);
}

TEST(SyncedFirst, CatchesAnEntryThatAnOlderWriteVouchesFor) {
  Stage stage;
  replace_an_entry_under_way(stage);
  EXPECT_EQ(stage.objections(), Names());
  stage.sight(2).synced = stage.sight(2).issued - 1;  // the write of the entry that was cut
  stage.sight(2).durable = Index(4);
  stage.see(2);
  EXPECT_EQ(stage.objections(), Names{"synced first"});
}

TEST(SyncedFirst, AcceptsItOnceItsOwnWriteHasEnded) {
  Stage stage;
  replace_an_entry_under_way(stage);
  stage.sight(2).synced = stage.sight(2).issued - 1;
  stage.see(2);
  stage.sync(2);
  stage.see(2);
  EXPECT_EQ(stage.objections(), Names());
}

TEST(SyncedFirst, CatchesAnEntryThatIsDurableWhenItComes) {
  Stage stage;
  stage.founded(3);
  stage.append(1, epoch_of(1, 1), "SET k v", false);
  stage.sight(1).durable = Index(4);
  stage.see(1);
  EXPECT_EQ(stage.objections(), Names{"synced first"});
}

TEST(SyncedFirst, AcceptsWhatASnapshotStandsFor) {
  Stage stage;
  stage.founded(3);
  for (int i = 0; i < 2; ++i) stage.append(2, epoch_of(1, 1), "SET k v", false);
  stage.see(2);
  stage.sight(2).snapshot = stage.sight(2).durable = Index(4);
  stage.see(2);
  EXPECT_EQ(stage.objections(), Names());
  stage.sight(2).durable = Index(5);
  stage.see(2);
  EXPECT_EQ(stage.objections(), Names{"synced first"});
}

TEST(Durability, CatchesALogThatIsShorterAfterARestart) {
  Stage stage;
  stage.founded(3);
  stage.cut(2, 3);
  stage.restart(2);
  stage.see(2);
  EXPECT_EQ(stage.objections(), Names{"durability"});
}

TEST(Durability, AcceptsThatWhatWasNotDurableIsGone) {
  Stage stage;
  stage.founded(3);
  stage.append(2, epoch_of(1, 1), "SET k v", false);
  stage.see(2);
  stage.cut(2, 4);
  stage.restart(2);
  stage.see(2);
  EXPECT_EQ(stage.objections(), Names());
}

TEST(Durability, CatchesAPromiseThatIsForgotten) {
  Stage stage;
  stage.founded(3);
  stage.restart(2);
  stage.promise(2, Epoch());
  stage.see(2);
  EXPECT_EQ(stage.objections(), Names{"durability"});
}

TEST(Durability, CatchesALeaderThatForgetsItsEpoch) {
  Stage stage;
  stage.founded(3);
  stage.lead(1, epoch_of(2, 1));
  stage.see(1);
  stage.restart(1);
  stage.promise(1, epoch_of(1, 1));
  stage.see(1);
  EXPECT_EQ(stage.objections(), Names{"durability"});
}

TEST(Durability, CatchesASnapshotThatIsGone) {
  Stage stage;
  stage.founded(3);
  stage.sight(2).snapshot = Index(3);
  stage.see(2);
  stage.restart(2);
  stage.see(2);
  EXPECT_EQ(stage.objections(), Names());
  stage.restart(2);
  stage.sight(2).snapshot = Index(1);
  stage.see(2);
  EXPECT_EQ(stage.objections(), Names{"durability"});
}

TEST(Durability, DoesNotHoldADiskToWhatAFaultTookFromIt) {
  Stage stage;
  stage.founded(3);
  stage.rules().memory().distrust_disk(2);
  stage.cut(2, 3);
  stage.restart(2);
  stage.see(2);
  EXPECT_EQ(stage.objections(), Names());
}

// Two more entries on the disk of machine 2, one after the other.
void keep_two(Stage& stage) {
  for (int i = 0; i < 2; ++i) {
    stage.append(2, epoch_of(1, 1), "SET k v");
    stage.see(2);
  }
}

TEST(Durability, HoldsADiskAgainToWhatItKeptAfterALoss) {
  Stage stage;
  stage.founded(3);
  stage.rules().memory().distrust_disk(2);
  keep_two(stage);
  stage.cut(2, 3);
  stage.restart(2);
  stage.see(2);
  EXPECT_EQ(stage.objections(), Names{"durability"});
}

TEST(Durability, DoesNotTrustADiskThatStillLoses) {
  Stage stage;
  stage.founded(3);
  stage.rules().memory().distrust_disk(2);
  stage.sight(2).disk_may_lose = true;
  keep_two(stage);
  stage.sight(2).disk_may_lose = false;
  stage.append(2, epoch_of(1, 1), "SET k v");  // perhaps the last of those
  stage.see(2);
  stage.cut(2, 3);
  stage.restart(2);
  stage.see(2);
  EXPECT_EQ(stage.objections(), Names());
}

TEST(NothingGoesBack, CatchesEachThatDoes) {
  const auto after = [](void (*change)(Stage&)) {
    Stage stage;
    stage.founded(3);
    stage.sight(2).snapshot = Index(3);
    stage.see(2);
    EXPECT_EQ(stage.objections(), Names());
    change(stage);
    stage.see(2);
    return stage.objections();
  };
  const Names caught{"nothing goes back"};
  EXPECT_EQ(after([](Stage& s) { s.promise(2, Epoch()); }), caught);
  EXPECT_EQ(after([](Stage& s) { s.sight(2).commit = Index(2); }), caught);
  EXPECT_EQ(after([](Stage& s) { s.sight(2).applied = Index(2); }), caught);
  EXPECT_EQ(after([](Stage& s) { s.sight(2).snapshot = Index(2); }), caught);
  EXPECT_EQ(after([](Stage& s) { s.sight(2).commit = Index(4); }), caught);   // beyond its log
  EXPECT_EQ(after([](Stage& s) { s.sight(2).durable = Index(4); }), caught);  // the same
}

TEST(NothingGoesBack, AcceptsThatRebuiltDataBeginsAgain) {
  Stage stage;
  stage.founded(3);
  stage.rules().memory().trust_data(2, false);
  stage.sight(2).applied = Index(2);
  stage.see(2);
  EXPECT_EQ(stage.objections(), Names());
}

}  // namespace
}  // namespace holdfast::sim
