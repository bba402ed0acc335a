// A node that was away while all others were replaced stayed outside for good: it refused the new
// ones as no members of its cluster, because its list of members was from before them, and at the
// addresses that it knew were others or nobody. Found by the simulator: members_churn, seeds 15, 47
// and 72.
#include <gtest/gtest.h>

#include <initializer_list>
#include <string>
#include <string_view>

#include "base/trace.h"
#include "nobody.h"
#include "replica/replica.h"
#include "sim/raw_client.h"
#include "sim/world.h"

namespace holdfast::sim {
namespace {

struct Refusals final : Trace {
  bool enabled(Level) const override { return true; }
  void write(Level, std::string_view event, std::initializer_list<Field> fields) override {
    if (event != "connection refused") return;
    for (const Field& field : fields) text += field.value;
  }
  bool said(std::string_view words) const { return text.find(words) != std::string::npos; }
  std::string text;
};

class LeftOut : public testing::TestWithParam<bool> {
 protected:
  LeftOut() {
    for (MachineId id = 1; id <= 3; ++id) world_.host(id).start();
    run(seconds(3));
    write("before");
  }
  void run(Duration length) { world_.run_until(world_.now() + length); }
  void order(Order what, MachineId machine) {
    world_.administrator().order(what, machine);
    run(seconds(5));
  }
  void write(const std::string& value) {
    ASSERT_NE(world_.leader(), 0u);
    RawClient client(world_.schedule(), world_.network(), kFirstClient + clients_++);
    client.dial(world_.host(world_.leader()).address());
    run(milliseconds(100));
    EXPECT_EQ(client.ask("SET k " + value), "+OK\r\n");
  }
  Index applied(MachineId id) const {
    const auto* node = world_.host(id).node();
    return node == nullptr || node->replica() == nullptr ? Index() : node->replica()->applied();
  }

  Nobody nobody_;
  Refusals trace_;
  World world_{{.seed = 5, .spares = 3, .secret = GetParam()},
               nobody_,
               [this](MachineId) -> Trace& { return trace_; }};
  MachineId clients_ = 0;
};

TEST_P(LeftOut, HearsOfTheNewMembersFromThemselves) {
  // It is to keep its place and not to vote: the others are to go on without it.
  order(Order::drain, 1);
  world_.host(1).power_off();
  for (const MachineId id : {4u, 5u, 6u}) {
    world_.host(id).start();
    run(seconds(5));
  }
  order(Order::remove, 2);
  order(Order::remove, 3);
  write("after");
  ASSERT_FALSE(world_.host(2).running() || world_.host(3).running()) << "both have left";

  world_.host(1).start();
  run(seconds(10));
  EXPECT_EQ(applied(1), applied(world_.leader()));
  EXPECT_NE(applied(1), Index());
  // It can be asked.
  RawClient client(world_.schedule(), world_.network(), kFirstClient + clients_++);
  client.dial(world_.host(1).address());
  run(milliseconds(100));
  EXPECT_EQ(client.ask("GET k", 2), "$5\r\nafter\r\n");
}

TEST_P(LeftOut, StillTakesNobodyBackWhoWasRemoved) {
  world_.host(4).start();
  run(seconds(5));
  world_.host(2).power_off();
  world_.host(3).power_off();
  run(milliseconds(100));
  world_.host(3).start();
  run(seconds(3));
  // Its folder does not know that it is out; nobody is left who would tell it.
  order(Order::remove, 2);
  write("after");
  EXPECT_FALSE(trace_.said("node 2 is not a member"));
  world_.host(2).start();
  run(seconds(10));
  EXPECT_TRUE(trace_.said("node 2 is not a member"));
}

INSTANTIATE_TEST_SUITE_P(WithAndWithoutSecret, LeftOut, testing::Bool());

}  // namespace
}  // namespace holdfast::sim
