// A node came back with an older image of its disk, in which its log ended in entries that had been
// replaced since. Its leader went on to count what the process before had acknowledged, and told it
// in heartbeats that all of this was committed: the node applied commands that had never been
// committed, and could not be caught up any more.
#include <fmt/format.h>
#include <gtest/gtest.h>

#include <memory>
#include <string>

#include "nobody.h"
#include "sim/fault.h"
#include "sim/raw_client.h"

namespace holdfast::sim {
namespace {

class ForgottenLog : public testing::Test {
 protected:
  ForgottenLog() {
    for (MachineId id = 1; id <= 3; ++id) world_.host(id).start();
    wait_for_leader();
  }
  void run_for(Duration length) { world_.run_until(world_.now() + length); }
  MachineId wait_for_leader(MachineId other_than = 0) {
    for (int i = 0; i < 1000; ++i) {
      const MachineId leader = world_.leader();
      if (leader != 0 && leader != other_than) return leader;
      run_for(milliseconds(10));
    }
    return 0;
  }
  void inflict(const std::string& text) {
    const auto fault = Fault::parse("0ms " + text);
    ASSERT_TRUE(fault) << fault.error().message;
    sim::inflict(*fault, world_);
  }
  std::string set(MachineId node, std::string_view key) {
    RawClient client(world_.schedule(), world_.network(), kFirstClient + clients_++);
    client.dial(world_.host(node).address());
    run_for(milliseconds(20));
    return client.ask(fmt::format("SET {} v", key));
  }
  const replica::Replica& replica(MachineId node) { return *world_.host(node).node()->replica(); }

  NoTrace silence_;
  Nobody nobody_;
  World world_{{.seed = 3}, nobody_, [this](MachineId) -> Trace& { return silence_; }};
  MachineId clients_ = 0;
};

TEST_F(ForgottenLog, ALeaderDoesNotCountWhatTheProcessBeforeAcknowledged) {
  const MachineId forgetful = wait_for_leader();
  ASSERT_EQ(set(forgetful, "first"), "+OK\r\n");
  inflict(fmt::format("isolate {}", forgetful));
  RawClient client(world_.schedule(), world_.network(), kFirstClient + clients_++);
  client.dial(world_.host(forgetful).address());
  run_for(milliseconds(20));
  client.send("SET never v\r\n");
  run_for(milliseconds(100));
  EXPECT_EQ(client.take(), "") << "no majority has it";
  inflict(fmt::format("save-disk {}", forgetful));
  const MachineId leader = wait_for_leader(forgetful);
  ASSERT_NE(leader, 0U);
  inflict("heal");
  run_for(seconds(2));
  for (int i = 0; i < 5; ++i) ASSERT_EQ(set(leader, fmt::format("key{}", i)), "+OK\r\n");
  run_for(seconds(2));
  ASSERT_EQ(replica(forgetful).applied(), replica(leader).applied());

  inflict(fmt::format("older-disk {}", forgetful));
  inflict(fmt::format("start {}", forgetful));
  run_for(seconds(3));
  ASSERT_TRUE(world_.host(forgetful).running());
  ASSERT_EQ(world_.leader(), leader) << "the same leader, who knew the process before";
  EXPECT_EQ(replica(forgetful).applied(), replica(leader).applied());
  EXPECT_EQ(replica(forgetful).keyspace().digest(), replica(leader).keyspace().digest());
}

}  // namespace
}  // namespace holdfast::sim
