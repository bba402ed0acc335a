#include "sim/observer_members.h"

#include <gtest/gtest.h>

#include "sim/observer_stage.h"

namespace holdfast::sim {
namespace {

using consensus::Membership;

Membership joint_of(std::vector<NodeId> voters, std::vector<NodeId> outgoing) {
  return {std::move(voters), std::move(outgoing), {}};
}

const Membership kThree{{NodeId(1), NodeId(2), NodeId(3)}, {}, {}};
const Membership kJoint =
    joint_of({NodeId(3), NodeId(4), NodeId(5)}, {NodeId(1), NodeId(2), NodeId(3)});
const Membership kLast{{NodeId(3), NodeId(4), NodeId(5)}, {}, {}};

// Five machines, of which the first three vote.
class Members : public testing::Test {
 protected:
  Members() {
    for (MachineId id = 1; id <= 5; ++id) {
      stage_.machine(id).membership = id <= 3 ? kThree : Membership();
    }
    stage_.founded(2);
  }
  // On the disks of these, the leader first.
  void append(const Membership& membership, std::vector<MachineId> machines) {
    for (const MachineId id : machines) {
      stage_.append_membership(id, epoch_of(1, 1), membership);
      stage_.see(id);
    }
  }
  void commit(std::uint64_t index) {
    stage_.commit(1, index);
    stage_.see(1);
  }
  Stage stage_{5, true};
};

TEST_F(Members, AcceptAChangeThroughAJointMembership) {
  append(kJoint, {1, 2, 3, 4});
  commit(3);
  append(kLast, {1, 3, 4});
  commit(4);
  EXPECT_EQ(stage_.objections(), Names());
}

TEST_F(Members, AJointMembershipIsCommittedByBothHalves) {
  append(kJoint, {1, 3, 4, 5});
  commit(3);
  EXPECT_EQ(stage_.objections(), Names()) << "1 and 3 of the old ones, all of the new ones";
}

TEST_F(Members, CatchesAJointMembershipThatOneHalfCommits) {
  append(kJoint, {1, 4, 5});
  commit(3);
  EXPECT_EQ(stage_.objections(), Names{"quorum durability"});
}

TEST_F(Members, CatchesALearnerThatIsCounted) {
  stage_.append(1, epoch_of(1, 1), "SET k v");
  stage_.see(1);
  for (const MachineId id : {4u, 5u}) {
    stage_.append(id, epoch_of(1, 1), "SET k v");
    stage_.see(id);
  }
  commit(3);
  EXPECT_EQ(stage_.objections(), Names{"quorum durability"});
}

TEST_F(Members, CatchesAMembershipThatACutDidNotTakeBack) {
  append(kJoint, {1, 2});
  stage_.promise(2, epoch_of(2, 3));
  stage_.cut(2, 3);
  stage_.append(2, epoch_of(2, 3));
  stage_.see(2);
  EXPECT_EQ(stage_.objections(), Names{"membership"});
}

TEST_F(Members, CatchesAMembershipThatASnapshotDidNotReplace) {
  append(kJoint, {1, 2, 3, 4});
  commit(3);
  stage_.install(5, 3, epoch_of(1, 1));
  stage_.machine(5).membership = kThree;
  stage_.see(5);
  EXPECT_EQ(stage_.objections(), Names{"membership"}) << "it goes by the founding one";
}

TEST_F(Members, CatchesTwoChangesAtOnce) {
  append(kJoint, {1});
  append(kLast, {1});
  EXPECT_EQ(stage_.objections(), Names{"membership"});
}

TEST_F(Members, CatchesVotersThatChangeAtOnce) {
  append(kLast, {1});
  EXPECT_EQ(stage_.objections(), Names{"membership"});
}

TEST_F(Members, CatchesAChangeBeforeAnEntryOfTheOwnEpochIsCommitted) {
  for (const MachineId id : {1u, 2u}) {
    stage_.promise(id, epoch_of(2, 2));
    stage_.see(id);
  }
  stage_.lead(2, epoch_of(2, 2));
  stage_.append(2, epoch_of(2, 2));
  stage_.see(2);
  stage_.append_membership(2, epoch_of(2, 2), kJoint);
  stage_.see(2);
  EXPECT_EQ(stage_.objections(), Names{"membership"});
}

TEST_F(Members, CatchesANewVoterThatHasNotCaughtUp) {
  for (int i = 0; i < 100; ++i) {
    for (const MachineId id : {1u, 2u, 3u, 4u}) stage_.append(id, epoch_of(1, 1), "SET k v");
  }
  for (const MachineId id : {2u, 3u, 4u, 1u}) stage_.see(id);
  commit(102);
  append(kJoint, {1});
  EXPECT_EQ(stage_.objections(), Names{"membership"}) << "node 5 has two entries";
}

TEST_F(Members, CatchesALeaderWithoutAQuorumOfItsMembership) {
  for (const MachineId id : {3u, 4u, 5u}) {
    stage_.promise(id, epoch_of(2, 3));
    stage_.see(id);
  }
  stage_.lead(3, epoch_of(2, 3));
  stage_.see(3);
  EXPECT_EQ(stage_.objections(), Names{"leader votes"}) << "4 and 5 learn";
}

TEST_F(Members, CatchesALeaderThatDoesNotVote) {
  for (const MachineId id : {1u, 2u, 3u, 4u}) {
    stage_.promise(id, epoch_of(2, 4));
    stage_.see(id);
  }
  stage_.lead(4, epoch_of(2, 4));
  stage_.see(4);
  EXPECT_EQ(stage_.objections(), Names{"leader votes"});
}

TEST_F(Members, CatchesALeaderThatIsOutAndGoesOn) {
  append(kJoint, {1, 2, 3, 4});
  commit(3);
  append(kLast, {1, 3, 4});
  commit(4);
  stage_.sight(1).clock = Instant{} + seconds(5);
  stage_.append(1, epoch_of(1, 1), "SET k v");
  stage_.see(1);
  EXPECT_EQ(stage_.objections(), Names{"leader votes"});
}

TEST_F(Members, AWipedNodeIsANewNode) {
  stage_.sight(5).node = NodeId(6);
  stage_.sight(5).wipes = 1;
  ++stage_.sight(5).process;
  stage_.machine(5).log = consensus::LogTail(Index(), Epoch());
  stage_.machine(5).membership = {};
  stage_.sight(5).epoch = Epoch();
  stage_.sight(5).leader = NodeId();
  stage_.sight(5).durable = stage_.sight(5).commit = stage_.sight(5).applied = Index();
  stage_.see(5);
  EXPECT_EQ(stage_.objections(), Names());
}

TEST_F(Members, CatchesAWipedNodeThatKeepsItsNumber) {
  stage_.sight(5).wipes = 1;
  stage_.restart(5);
  stage_.see(5);
  EXPECT_TRUE(stage_.objects("one folder"));
}

}  // namespace
}  // namespace holdfast::sim
