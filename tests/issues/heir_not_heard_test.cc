// Who was elected with a full disk handed over in the same turn, to somebody of whose disk it had heard
// nothing in its new epoch: where both were full they passed leadership to each other, every few
// milliseconds, and a third with room was never chosen. Found by reading.
#include <gtest/gtest.h>

#include <string>

#include "replica/test_stage.h"

namespace holdfast::replica {
namespace {

struct HeirNotHeard : Stage {
  HeirNotHeard() { segment_bytes = 16 << 10; }

  // Node 2 leads for a moment; then this one does.
  void lead_again() {
    hear(Epoch{replica->epoch().round + 1, NodeId(2)}, {});
    ASSERT_NE(replica->role(), consensus::Role::leader);
    run_for(seconds(2));
    ASSERT_EQ(replica->role(), consensus::Role::leader);
  }
};

TEST_F(HeirNotHeard, IsHandedNothing) {
  open();
  full = {NodeId(2)};
  run_for(milliseconds(200));
  fill();
  ASSERT_TRUE(heirs.empty());
  full = {NodeId(2), NodeId(3)};
  lead_again();
  EXPECT_TRUE(heirs.empty());
}

TEST_F(HeirNotHeard, IsHandedLeadershipWhenItHasAnswered) {
  open();
  full = {NodeId(2)};
  run_for(milliseconds(200));
  fill();
  lead_again();
  ASSERT_TRUE(heirs.empty()) << "only one of three has room";
  full = {};
  run_for(seconds(1));
  EXPECT_FALSE(heirs.empty());
}

}  // namespace
}  // namespace holdfast::replica
