// The last node with the data was removed while the other one, whose disk was lost, still stood in the
// list. It had to stay until somebody else had the data. But whoever was to leave took nothing of the
// list over any more: a node that joined was given a number, and was never told so, nor spoken to.
#include <gtest/gtest.h>

#include <string>

#include "base/trace.h"
#include "sim/raw_client.h"
#include "sim/world.h"

namespace holdfast::sim {
namespace {

struct Deaths final : HostObserver {
  void on_turn(MachineId) override {}
  void on_death(MachineId, const std::string& why) override { words = why; }
  std::string words;
};

class LastCopyRemoved : public ::testing::Test {
 protected:
  void run(Duration length) { world_.run_until(world_.now() + length); }
  std::string ask(MachineId node, const std::string& command) {
    RawClient client(world_.schedule(), world_.network(), kFirstClient + clients_++);
    client.dial(world_.host(node).address());
    run(milliseconds(20));
    return client.ask(command);
  }

  Deaths deaths_;
  NoTrace trace_;
  World world_{{.seed = 6, .nodes = 1, .spares = 2}, deaths_,
               [this](MachineId) -> Trace& { return trace_; }};
  MachineId clients_ = 0;
};

TEST_F(LastCopyRemoved, ANodeThatJoinsFreesIt) {
  world_.host(1).start();
  run(seconds(3));
  world_.host(2).start();
  run(seconds(5));
  ASSERT_EQ(ask(1, "SET key value"), "+OK\r\n");
  world_.host(2).power_off();
  world_.host(2).disk().wipe();
  run(seconds(2));
  ASSERT_EQ(ask(1, "HOLDFAST REMOVE 1"), "+OK\r\n");
  run(seconds(10));
  ASSERT_TRUE(world_.host(1).running()) << "nobody else has the data";
  EXPECT_EQ(ask(1, "GET key"), "$5\r\nvalue\r\n");

  world_.host(3).start();
  run(seconds(20));
  EXPECT_FALSE(world_.host(1).running()) << "it is out, and has ended";
  ASSERT_EQ(world_.leader(), 3U);
  EXPECT_EQ(ask(3, "GET key"), "$5\r\nvalue\r\n");
  world_.host(1).start();
  run(seconds(1));
  EXPECT_FALSE(world_.host(1).running());
  EXPECT_NE(deaths_.words.find("removed from the cluster"), std::string::npos) << deaths_.words;
  EXPECT_EQ(ask(3, "SET key other"), "+OK\r\n");
}

}  // namespace
}  // namespace holdfast::sim
