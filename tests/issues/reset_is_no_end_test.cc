// A node whose connections to the others were all reset, and which could not make new ones for a
// while, was taken for a process that has ended: a lock that one of its clients had just been
// granted was withdrawn and given to the next, while the client was told that it held it.
// Found by the simulator: network_chaos, seed 51288.
#include <gtest/gtest.h>

#include <string>

#include "base/trace.h"
#include "nobody.h"
#include "sim/raw_client.h"
#include "sim/world.h"

namespace holdfast::sim {
namespace {

class Reset : public testing::Test {
 protected:
  Reset() {
    for (MachineId id = 1; id <= world_.nodes(); ++id) world_.host(id).start();
    while (world_.leader() == 0 && world_.now() < Instant{} + seconds(20)) run(milliseconds(10));
    leader_ = world_.leader();
    node_ = leader_ == 1 ? 2 : 1;
    holder_.dial(world_.host(leader_).address());
    other_.dial(world_.host(leader_).address());
    waiter_.dial(world_.host(node_).address());
    run(seconds(1));
  }
  void run(Duration length) { world_.run_until(world_.now() + length); }

  NobodyIfAllLive nobody_;
  NoTrace trace_;
  World world_{{.seed = 3}, nobody_, [this](MachineId) -> Trace& { return trace_; }};
  MachineId leader_ = 0;
  MachineId node_ = 0;
  RawClient holder_{world_.schedule(), world_.network(), kFirstClient};
  RawClient waiter_{world_.schedule(), world_.network(), kFirstClient + 1};
  RawClient other_{world_.schedule(), world_.network(), kFirstClient + 2};
};

TEST_F(Reset, LeavesALockWithWhoWasGrantedIt) {
  ASSERT_NE(leader_, 0u);
  const std::string grant = holder_.ask("LOCK.ACQUIRE l first TTL 60000", 2);
  const auto colon = grant.find(':');
  ASSERT_NE(colon, std::string::npos) << grant;
  const std::string token = grant.substr(colon + 1, grant.find('\r', colon) - colon - 1);
  waiter_.send("LOCK.ACQUIRE l second TTL 60000 WAIT 30000\r\n");
  run(milliseconds(200));
  for (MachineId id = 1; id <= world_.nodes(); ++id) {
    if (id != node_) world_.network().reset(node_, id);
  }
  world_.network().clog(node_, seconds(5));
  run(milliseconds(300));
  holder_.send("LOCK.RELEASE l " + token + "\r\n");
  run(milliseconds(200));
  EXPECT_EQ(other_.ask("LOCK.ACQUIRE l third TTL 60000 WAIT 3000", 1, seconds(6)).substr(0, 1), "*")
      << "an answer";
  const std::string info = other_.ask("LOCK.INFO l", 40, seconds(1));
  EXPECT_EQ(info.find("third"), std::string::npos) << info;
  EXPECT_NE(info.find("second"), std::string::npos) << info;
}

}  // namespace
}  // namespace holdfast::sim
