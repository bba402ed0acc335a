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

}  // namespace
}  // namespace holdfast::sim
