#include "sim/observer_logs.h"

#include <gtest/gtest.h>

#include "sim/observer_stage.h"

namespace holdfast::sim {
namespace {

TEST(LogMatching, AcceptsThatASuffixIsReplaced) {
  Stage stage;
  stage.founded(2);
  stage.append(1, epoch_of(1, 1), "SET k lost");
  stage.see(1);
  stage.lead(2, epoch_of(2, 2));
  stage.append(2, epoch_of(2, 2));
  stage.see(2);
  stage.follow(1, 2, epoch_of(2, 2));
  stage.cut(1, 3);
  stage.append(1, epoch_of(2, 2));
  stage.see(1);
  EXPECT_EQ(stage.objections(), Names());
}

TEST(LogMatching, CatchesOneEpochWithTwoEntriesAtAnIndex) {
  Stage stage;
  stage.founded(2);
  stage.append(1, epoch_of(1, 1), "SET k v");
  stage.see(1);
  stage.append(2, epoch_of(1, 1), "SET k w");
  stage.see(2);
  EXPECT_EQ(stage.objections(), Names{"log matching"});
}

TEST(LogMatching, CatchesAnEntryWithAnotherPast) {
  Stage stage;
  stage.promise(1, epoch_of(3, 1));
  stage.append(1, epoch_of(1, 1));
  stage.append(1, epoch_of(3, 1));
  stage.see(1);
  stage.promise(2, epoch_of(3, 1));
  stage.append(2, epoch_of(2, 2));
  stage.append(2, epoch_of(3, 1));
  stage.see(2);
  EXPECT_EQ(stage.objections(), Names{"log matching"});
}

TEST(LogMatching, CatchesBytesThatAreNotWhatTheChecksumSays) {
  Stage stage;
  stage.founded(2);
  consensus::Entry entry;
  entry.index = Index(3);
  entry.epoch = epoch_of(1, 1);
  entry.content = 17;
  stage.machine(2).log.append(entry);
  stage.see(2);
  EXPECT_EQ(stage.objections(), Names{"log matching"});
}

// What has changed without a change at the end of the log is found when all is looked at again.
TEST(LogMatching, FindsAChangeInTheMiddleWhenThorough) {
  Stage stage;
  stage.founded(4);
  stage.cut(3, 3);
  stage.append(3, epoch_of(1, 1), "SET k other");
  stage.append(3, epoch_of(1, 1), "SET k v3");
  stage.see(3);
  EXPECT_EQ(stage.objections(), Names());
  stage.see(3, true);
  EXPECT_TRUE(stage.objects("log matching"));
}

TEST(Committed, CatchesTwoEntriesCommittedAtOneIndex) {
  Stage stage;
  stage.founded(2);
  stage.append(1, epoch_of(1, 1), "SET k v");
  stage.append(2, epoch_of(1, 1), "SET k v");
  stage.see(2);
  stage.commit(1, 3);
  stage.see(1);
  EXPECT_EQ(stage.objections(), Names());
  stage.follow(3, 2, epoch_of(2, 2));
  stage.append(3, epoch_of(2, 2));
  stage.commit(3, 3, false);
  stage.see(3);
  EXPECT_EQ(stage.objections(), Names{"committed entries"});
}

TEST(Committed, CatchesASnapshotOfWhatWasNeverCommitted) {
  Stage stage;
  stage.founded(2);
  stage.install(3, 2, epoch_of(1, 1));
  stage.see(3);
  EXPECT_EQ(stage.objections(), Names());
  stage.install(3, 9, epoch_of(1, 1));
  stage.see(3);
  EXPECT_EQ(stage.objections(), Names{"committed entries"});
}

TEST(Committed, CatchesASnapshotOfAnotherPast) {
  Stage stage;
  stage.founded(4);
  stage.install(3, 4, epoch_of(1, 2));
  stage.see(3);
  EXPECT_EQ(stage.objections(), Names{"committed entries"});
}

TEST(StateMachineSafety, AcceptsRestartsAndSnapshots) {
  Stage stage;
  stage.founded(3);
  stage.restart(2);
  stage.see(2);
  stage.commit(2, 3);  // applies all of it again
  stage.see(2);
  stage.restart(3);
  stage.install(3, 3, epoch_of(1, 1));
  stage.see(3);
  EXPECT_EQ(stage.objections(), Names());
}

TEST(StateMachineSafety, CatchesWhatIsAppliedBeforeItIsCommitted) {
  Stage stage;
  stage.founded(2);
  stage.append(2, epoch_of(1, 1), "SET k v");
  stage.sight(2).applied = Index(3);
  stage.see(2);
  EXPECT_EQ(stage.objections(), Names{"state machine safety"});
}

TEST(StateMachineSafety, CatchesWhatIsAppliedInThePlaceOfWhatIsCommitted) {
  Stage stage;
  stage.founded(2);
  for (const MachineId id : {1u, 2u}) {
    stage.append(id, epoch_of(1, 1), "SET k v");
    stage.see(id);
  }
  stage.commit(1, 3);
  stage.see(1);
  stage.follow(3, 2, epoch_of(2, 2));
  stage.append(3, epoch_of(2, 2));
  stage.sight(3).applied = Index(3);
  stage.see(3);
  EXPECT_EQ(stage.objections(), Names{"state machine safety"});
}

// While the snapshot of a peer is installed the old log is still there, with other entries.
TEST(StateMachineSafety, KnowsAnInstalledSnapshotFromAnAppliedEntry) {
  Stage stage;
  stage.founded(2);
  for (const MachineId id : {1u, 2u}) {
    stage.append(id, epoch_of(1, 1), "SET k v");
    stage.see(id);
  }
  stage.commit(1, 3);
  stage.see(1);
  stage.append(3, epoch_of(1, 1), "SET k v");
  stage.cut(3, 3);
  stage.promise(3, epoch_of(2, 2));
  stage.append(3, epoch_of(2, 2));
  stage.sight(3).snapshot = stage.sight(3).applied = Index(3);
  stage.see(3);
  EXPECT_EQ(stage.objections(), Names());
  EXPECT_EQ(stage.rules().state_machine_safety().installed(), 1u);
  stage.install(3, 3, epoch_of(1, 1));
  stage.see(3);
  EXPECT_EQ(stage.objections(), Names());
}

}  // namespace
}  // namespace holdfast::sim
