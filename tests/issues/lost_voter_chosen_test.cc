// A node that had just lost its disk, and was not yet missed, was made the only voter when the leader
// was removed: a change that could neither end nor be taken back, though a majority of the voters
// was there. Found by the simulator: members_changes, seed 8.
#include <gtest/gtest.h>

#include <string>

#include "base/trace.h"
#include "nobody.h"
#include "sim/raw_client.h"
#include "sim/world.h"

namespace holdfast::sim {
namespace {

class LostVoter : public testing::Test {
 protected:
  LostVoter() {
    for (MachineId id = 1; id <= 3; ++id) world_.host(id).start();
    run(seconds(3));
    for (int i = 0; i < 5 && world_.leader() != 3; ++i) {
      world_.administrator().order(Order::transfer, 3);
      run(seconds(2));
    }
  }
  void run(Duration length) { world_.run_until(world_.now() + length); }

  Nobody nobody_;
  NoTrace trace_;
  World world_{{.seed = 5}, nobody_, [this](MachineId) -> Trace& { return trace_; }};
};

TEST_F(LostVoter, IsNotWhomTheOthersMakeWayFor) {
  ASSERT_EQ(world_.leader(), 3u);
  RawClient client(world_.schedule(), world_.network(), kFirstClient);
  client.dial(world_.host(3).address());
  run(milliseconds(100));
  world_.host(1).power_off();
  world_.host(1).disk().wipe();
  EXPECT_EQ(client.ask("HOLDFAST REMOVE 3"), "+OK\r\n");
  run(seconds(10));

  ASSERT_EQ(world_.leader(), 2u);
  client.dial(world_.host(2).address());
  run(milliseconds(100));
  EXPECT_EQ(client.ask("SET k v"), "+OK\r\n");
}

}  // namespace
}  // namespace holdfast::sim
