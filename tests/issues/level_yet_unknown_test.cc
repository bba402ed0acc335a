// A leader that had yet to apply the entry by which the cluster's level rose refused a forwarded write that
// needs the level as if it did not lead, but took the read that was sent behind it: the write could only end
// as overtaken. Found by the simulator: seed 74 of tests/scenarios/holdings.txt.

#include "replica/test_stage.h"

namespace holdfast::replica {
namespace {

using LevelYetUnknown = Stage;

TEST_F(LevelYetUnknown, RefusesForNowWithAllThatWasSentBehind) {
  open();
  std::string limit;
  encode_command(0, {NodeId(2), Incarnation(1), ConnectionId(1), 1}, {"SEM.LIMIT", "p", "1"}, limit);
  EXPECT_EQ(replica->submit(limit, true, replica->epoch()), Accepted::busy)
      << "busy is what a node refuses the rest of the connection's commands for";
  std::string nonsense;
  encode_command(0, {NodeId(2), Incarnation(1), ConnectionId(1), 2}, {"SEM.LIMITS", "p"}, nonsense);
  EXPECT_EQ(replica->submit(nonsense, true, replica->epoch()), Accepted::not_leader);
}

}  // namespace
}  // namespace holdfast::replica
