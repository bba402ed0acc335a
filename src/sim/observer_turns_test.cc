#include "sim/observer_turns.h"

#include "sim/observer_stage.h"

namespace holdfast::sim {
namespace {

TEST(GathersBriefly, CatchesALeaderThatLetsCommandsWaitForCompany) {
  Stage stage;
  stage.founded(3);
  stage.sight(1).gathers = milliseconds(99);
  stage.see(1);
  EXPECT_EQ(stage.objections(), Names());
  stage.sight(1).gathers = microseconds(100'001);
  stage.see(1);
  EXPECT_EQ(stage.objections(), Names{"gathering"});
}

// Node 2 knows that entry 4 is committed, and leaves it to the next turn.
void put_off(Stage& stage) {
  stage.founded(3);
  for (const MachineId id : {1u, 2u}) {
    stage.append(id, epoch_of(1, 1), "SET k w");
    stage.see(id);
  }
  stage.commit(1, 4);
  stage.see(1);
  stage.commit(2, 4, false);
  stage.sight(2).puts_off = true;
  stage.see(2);
}

TEST(AppliesSoon, CatchesWhoPutsItOffAgain) {
  Stage stage;
  put_off(stage);
  EXPECT_EQ(stage.objections(), Names());
  stage.see(2);
  EXPECT_EQ(stage.objections(), Names{"applying"});
}

TEST(AppliesSoon, AcceptsThatThereIsMoreToPutOffAfterwards) {
  Stage stage;
  put_off(stage);
  stage.sight(2).puts_off = false;
  stage.commit(2, 4);
  stage.see(2);
  for (const MachineId id : {1u, 2u}) {
    stage.append(id, epoch_of(1, 1), "SET k x");
    stage.see(id);
  }
  stage.commit(1, 5);
  stage.see(1);
  stage.commit(2, 5, false);
  stage.sight(2).puts_off = true;
  stage.see(2);
  EXPECT_EQ(stage.objections(), Names());
}

TEST(AppliesSoon, AcceptsASecondLookAtTheSameTurnAndAnotherProcess) {
  Stage stage;
  put_off(stage);
  stage.see(2, true);
  EXPECT_EQ(stage.objections(), Names());
  stage.restart(2);
  stage.follow(2, 1, epoch_of(1, 1));
  stage.see(2);
  EXPECT_EQ(stage.objections(), Names());
}

}  // namespace
}  // namespace holdfast::sim
