// A node with an empty log took the calendar for a time that its log had reached. If that was ahead of
// cluster time, the leader could not tell it better, and when it led itself, what others had granted
// ended early, by as much. Found by the simulator: members_changes, seeds 72, 73 and 118;
// members_for_good, seed 103.
#include <gtest/gtest.h>

#include <memory>
#include <string>

#include "base/trace.h"
#include "nobody.h"
#include "sim/raw_client.h"
#include "sim/world.h"

namespace holdfast::sim {
namespace {

class TimeOfNewNode : public testing::Test {
 protected:
  void begin(std::uint32_t founders, std::uint32_t spares) {
    world_ = std::make_unique<World>(
        WorldOptions{.seed = 2, .nodes = founders, .spares = spares}, nobody_,
        [this](MachineId) -> Trace& { return trace_; });
    // The calendar of the last machine is a minute ahead.
    world_->host(3).clock().step_wall(60'000);
  }
  void run(Duration length) { world_->run_until(world_->now() + length); }
  void lead(MachineId machine) {
    for (int i = 0; i < 3 && world_->leader() != machine; ++i) {
      world_->administrator().order(Order::transfer, machine);
      run(seconds(2));
    }
    ASSERT_EQ(world_->leader(), machine);
  }
  std::string ask(const std::string& line, std::ptrdiff_t lines = 1) {
    RawClient client(world_->schedule(), world_->network(), kFirstClient + clients_++);
    client.dial(world_->host(world_->leader()).address());
    run(milliseconds(100));
    return client.ask(line, lines);
  }
  void expect_a_lock_kept_when_the_third_leads() {
    const std::string grant = ask("LOCK.ACQUIRE l me TTL 30000", 2);
    const auto colon = grant.find(':');
    ASSERT_NE(colon, std::string::npos) << grant;
    const std::string token = grant.substr(colon + 1, grant.find('\r', colon) - colon - 1);
    lead(3);
    EXPECT_EQ(ask("LOCK.CHECK l " + token), ":1\r\n");
  }

  NobodyIfAllLive nobody_;
  NoTrace trace_;
  std::unique_ptr<World> world_;
  MachineId clients_ = 0;
};

TEST_F(TimeOfNewNode, IsTheLeadersWhenItJoins) {
  begin(1, 2);
  for (MachineId id = 1; id <= 3; ++id) {
    world_->host(id).start();
    run(seconds(5));
  }
  ASSERT_EQ(world_->leader(), 1u);
  expect_a_lock_kept_when_the_third_leads();
}

TEST_F(TimeOfNewNode, IsTheLeadersWhenItFoundsWithOthers) {
  begin(3, 0);
  world_->host(1).start();
  world_->host(2).start();
  run(seconds(10));
  ASSERT_NE(world_->leader(), 0u);
  world_->host(3).start();
  run(seconds(2));
  expect_a_lock_kept_when_the_third_leads();
}

}  // namespace
}  // namespace holdfast::sim
