// A node's folder was put back from a copy that had been made one start ago, or k starts ago and then
// started k times. Its number was not lower than the one that the others had seen, so they believed it:
// it voted and acknowledged without what it had promised and acknowledged since the copy was made. And
// whoever of the others had been started in between remembered no number at all.
#include "sim/fault_world.h"

namespace holdfast::sim {
namespace {

class OlderCopyBelieved : public FaultWorld {
 protected:
  void restart(MachineId node) {
    inflict(at("kill", node));
    inflict(at("start", node));
    run_for(seconds(1));
  }
  // The copy is `age` starts old, and is put back while the node is down.
  MachineId put_back(int age) {
    begin();
    EXPECT_TRUE(serves("old"));
    come_to_rest();
    const MachineId node = follower();
    inflict(at("save-disk", node));
    for (int i = 0; i < age; ++i) restart(node);
    EXPECT_TRUE(serves("new"));
    come_to_rest();
    world_->host(node).power_off();
    EXPECT_TRUE(world_->host(node).disk().restore_image());
    return node;
  }
  void expect_found(MachineId node) {
    EXPECT_TRUE(last_words(node).starts_with(server::kOlderCopy)) << last_words(node);
    ASSERT_TRUE(world_->host(node).running()) << last_words(node);
    EXPECT_TRUE(began_again(node)) << "it goes on with a log that has forgotten";
    EXPECT_TRUE(becomes_whole(node));
    EXPECT_TRUE(holds(node, "new"));
    restart(node);
    EXPECT_TRUE(world_->host(node).running()) << last_words(node);
    EXPECT_TRUE(serves("newer"));
    come_to_rest();
    EXPECT_EQ(applied(node), applied(world_->leader()));
  }
};

TEST_F(OlderCopyBelieved, ACopyThatIsOneStartOld) {
  const MachineId node = put_back(1);
  inflict(at("start", node));
  run_for(seconds(5));
  expect_found(node);
}

TEST_F(OlderCopyBelieved, ACopyThatIsThreeStartsOldAndStartedAsOften) {
  const MachineId node = put_back(3);
  for (MachineId id = 1; id <= 3; ++id) {
    if (id != node) inflict(at("isolate", id));
  }
  for (int i = 0; i < 4; ++i) restart(node);  // it meets nobody
  inflict("heal");
  run_for(seconds(10));
  expect_found(node);
}

// What the others know outlives their processes.
TEST_F(OlderCopyBelieved, AllOthersWereStartedSince) {
  const MachineId node = put_back(1);
  for (MachineId id = 1; id <= 3; ++id) {
    if (id != node) inflict(at("power-off", id));
  }
  inflict("start");
  run_for(seconds(10));
  expect_found(node);
}

// In the worst case that one was down: the other two nodes cannot be told apart from a majority that has
// everything. But as soon as the third one speaks, the copy is found.
TEST_F(OlderCopyBelieved, OnlyOneOfTheOthersHasMetTheLaterStart) {
  begin();
  ASSERT_TRUE(serves("old"));
  come_to_rest();
  const MachineId node = follower();
  const MachineId third = 6 - node - world_->leader();
  inflict(at("save-disk", node));
  inflict(at("kill", third));
  restart(node);
  ASSERT_TRUE(serves("new"));
  world_->host(node).power_off();
  ASSERT_TRUE(world_->host(node).disk().restore_image());
  inflict("start");
  run_for(seconds(10));
  expect_found(node);
}

TEST_F(OlderCopyBelieved, TwoNodesAreTooFew) {
  begin(2);
  ASSERT_TRUE(serves("old"));
  come_to_rest();
  inflict("save-disk 2");
  restart(2);
  world_->host(2).power_off();
  ASSERT_TRUE(world_->host(2).disk().restore_image());
  inflict("start 2");
  run_for(seconds(10));
  EXPECT_FALSE(world_->host(2).running());
  EXPECT_TRUE(last_words(2).starts_with(server::kOlderCopy)) << last_words(2);
  EXPECT_NE(last_words(2).find("fewer than three"), std::string::npos);
  EXPECT_FALSE(began_again(2));
}

}  // namespace
}  // namespace holdfast::sim
