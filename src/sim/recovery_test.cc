// Nodes whose files are damaged, in a world of the nodes that ship (decision 0010).
#include "sim/fault_world.h"

namespace holdfast::sim {
namespace {

class DamagedNodes : public FaultWorld {};

TEST_F(DamagedNodes, ANodeThatMeetsAFlippedBitBeginsAgainAndTakesPartWhenItHasEverything) {
  begin();
  ASSERT_TRUE(serves());
  come_to_rest();
  int recovered = 0;
  for (int chance = 1; chance <= 15; ++chance) {
    inflict(fmt::format("bit-flip 2 chance={} file=log-0000000000000001.hfl", chance));
    inflict("kill 2");
    inflict("start 2");
    ASSERT_TRUE(world_->host(2).running()) << chance << ": " << last_words(2);
    recovered += on_disk(2, "recovering") ? 1 : 0;
    ASSERT_TRUE(becomes_whole(2)) << chance;
    inflict("heal-disk 2");
  }
  EXPECT_GT(recovered, 7);
  // One that had to begin again is a member like any other: without it nobody could commit now.
  inflict("kill 3");
  EXPECT_TRUE(serves("again"));
  EXPECT_TRUE(holds(2, "k"));
}

TEST_F(DamagedNodes, WhoRecoversWaitsForTheWordOfEveryOtherNode) {
  begin();
  ASSERT_TRUE(serves());
  come_to_rest();
  const MachineId damaged = follower();
  const MachineId away = 6 - world_->leader() - damaged;
  inflict(at("kill", away));
  damage_log(damaged);
  run_for(seconds(20));
  EXPECT_EQ(status(damaged).unheard, std::vector<NodeId>{NodeId(away)});
  EXPECT_EQ(world_->leader(), 0U) << "what recovers is not counted";
  inflict(at("start", away));
  EXPECT_TRUE(serves("again"));
  EXPECT_TRUE(becomes_whole(damaged));
}

TEST_F(DamagedNodes, TwoOfThreeThatLoseTheirLogsStayStoppedAndSayWhy) {
  begin();
  ASSERT_TRUE(serves());
  come_to_rest();
  damage_log(2);
  damage_log(3);
  run_for(seconds(30));
  EXPECT_EQ(world_->leader(), 0U);
  EXPECT_EQ(status(2).recovering_too, std::vector<NodeId>{NodeId(3)});
  EXPECT_EQ(status(3).recovering_too, std::vector<NodeId>{NodeId(2)});
  EXPECT_TRUE(on_disk(2, "damaged-2-log-0000000000000001.hfl"));
}

TEST_F(DamagedNodes, ThreeOfThreeThatLoseTheirLogsStayStoppedAndAnswerNothing) {
  begin();
  ASSERT_TRUE(serves());
  come_to_rest();
  for (MachineId id = 1; id <= 3; ++id) damage_log(id);
  run_for(seconds(30));
  EXPECT_EQ(world_->leader(), 0U);
  for (MachineId id = 1; id <= 3; ++id) {
    EXPECT_EQ(status(id).recovering_too.size(), 2U) << id;
    EXPECT_FALSE(holds(id, "k")) << "nobody knows whether it was there";
    EXPECT_NE(ask(id, "EXISTS k"), ":0\r\n") << "nor that it was not";
  }
}

TEST_F(DamagedNodes, TwoOfFiveThatLoseTheirLogsRecover) {
  begin(5);
  ASSERT_TRUE(serves());
  come_to_rest();
  damage_log(2);
  damage_log(4);
  EXPECT_TRUE(becomes_whole(2));
  EXPECT_TRUE(becomes_whole(4));
  EXPECT_TRUE(holds(2, "k"));
  EXPECT_TRUE(holds(4, "k"));
}

TEST_F(DamagedNodes, OfTwoNodesADamagedOneDoesNotStartAndChangesNothing) {
  begin(2);
  ASSERT_TRUE(serves());
  come_to_rest();
  damage_log(1);
  EXPECT_FALSE(world_->host(1).running());
  EXPECT_NE(last_words(1).find("log-0000000000000001.hfl"), std::string::npos) << last_words(1);
  EXPECT_NE(last_words(1).find("damaged"), std::string::npos) << last_words(1);
  EXPECT_FALSE(on_disk(1, "recovering"));
  inflict("heal-disk 1");
  inflict("start 1");
  EXPECT_TRUE(world_->host(1).running());
  EXPECT_TRUE(serves("again"));
}

TEST_F(DamagedNodes, TheOnlyNodeDoesNotStartOnADamagedLogAndChangesNothing) {
  begin(1);
  ASSERT_TRUE(serves());
  come_to_rest();
  damage_log(1);
  EXPECT_FALSE(world_->host(1).running());
  EXPECT_NE(last_words(1).find("log-0000000000000001.hfl"), std::string::npos) << last_words(1);
  EXPECT_FALSE(on_disk(1, "recovering"));
  inflict("heal-disk 1");
  inflict("start 1");
  EXPECT_TRUE(serves("again"));
  EXPECT_TRUE(holds(1, "k"));
}

// The write that the power loss tore was acknowledged to nobody.
TEST_F(DamagedNodes, TheOnlyNodeBeginsAgainBeforeATornWrite) {
  begin(1);
  ASSERT_TRUE(serves());
  for (int i = 0; i < 30; ++i) {
    const std::string key = fmt::format("k{}", i);
    inflict(fmt::format("power-off-at 1 {}ops", 1 + i % 2));  // it writes, it syncs
    RawClient client(world_->schedule(), world_->network(), kFirstClient + 100);
    client.dial(world_->host(1).address());
    run_for(milliseconds(20));
    client.send(fmt::format("SET {} {}\r\n", key, std::string(3000, 'v')));
    run_for(milliseconds(200));
    const bool done = client.take() == "+OK\r\n";
    ASSERT_FALSE(world_->host(1).running()) << i;
    inflict("start 1");
    ASSERT_TRUE(world_->host(1).running()) << i << ": " << last_words(1);
    ASSERT_TRUE(serves());
    EXPECT_TRUE(!done || holds(1, key)) << i;
  }
}

}  // namespace
}  // namespace holdfast::sim
