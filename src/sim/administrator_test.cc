#include "sim/administrator.h"

#include <gtest/gtest.h>

#include <memory>
#include <string>

#include "base/trace.h"
#include "commands/roster.h"
#include "replica/replica.h"
#include "sim/fault.h"
#include "sim/world.h"

namespace holdfast::sim {
namespace {

struct Nobody final : HostObserver {
  void on_turn(MachineId) override {}
  void on_death(MachineId, const std::string&) override {}  // removed nodes end
};

class AdministratorTest : public testing::Test {
 protected:
  void begin(std::uint32_t nodes, std::uint32_t spares = 0) {
    world_ = std::make_unique<World>(WorldOptions{.seed = 4, .nodes = nodes, .spares = spares},
                                     nobody_, [this](MachineId) -> Trace& { return trace_; });
    for (MachineId id = 1; id <= nodes; ++id) world_->host(id).start();
    run(seconds(4));
    ASSERT_NE(world_->leader(), 0u);
  }
  void run(Duration length) { world_->run_until(world_->now() + length); }
  Administrator& administrator() { return world_->administrator(); }
  void order(Order what, MachineId machine, Duration length = seconds(5)) {
    administrator().order(what, machine);
    run(length);
  }
  void inflict(const std::string& text) {
    const auto fault = Fault::parse("0ms " + text);
    ASSERT_TRUE(fault.ok()) << text;
    sim::inflict(*fault, *world_);
  }
  // "1 active, 2 draining": as the leader has it.
  std::string nodes() const {
    const auto& keyspace = world_->host(world_->leader()).node()->replica()->keyspace();
    const std::string* text = keyspace.setting(commands::Roster::kSetting);
    const auto roster = commands::Roster::decode(text == nullptr ? "" : *text);
    std::string names;
    for (const auto& one : roster->nodes) {
      names += fmt::format("{}{} {}", names.empty() ? "" : ", ", one.node, name_of(one.state));
    }
    return names;
  }
  MachineId follower() const { return world_->leader() == 1 ? 2 : 1; }

  Nobody nobody_;
  NoTrace trace_;
  std::unique_ptr<World> world_;
};

TEST_F(AdministratorTest, HasANodeTakenOutRestedAndWokenUp) {
  begin(3);
  order(Order::drain, 1);
  EXPECT_EQ(nodes(), "1 draining, 2 active, 3 active");
  EXPECT_FALSE(administrator().at_peace());
  EXPECT_NE(world_->leader(), 1u);
  order(Order::undrain, 1);
  EXPECT_EQ(nodes(), "1 active, 2 active, 3 active");
  EXPECT_TRUE(administrator().at_peace());
  order(Order::remove, 3, seconds(8));
  EXPECT_EQ(nodes(), "1 active, 2 active");
  EXPECT_FALSE(world_->host(3).running());
}

TEST_F(AdministratorTest, AsksUntilSomebodyLeadsAndThenGivesUp) {
  begin(3);
  const MachineId node = follower();
  for (MachineId id = 1; id <= 3; ++id) {
    if (id != node) inflict(fmt::format("pause {} 4000ms", id));
  }
  administrator().order(Order::drain, node);
  run(seconds(2));
  EXPECT_FALSE(administrator().idle());
  run(seconds(8));
  EXPECT_TRUE(administrator().idle());
  EXPECT_NE(nodes().find(fmt::format("{} draining", node)), std::string::npos) << nodes();

  administrator().order(Order::undrain, node);
  for (MachineId id = 1; id <= 3; ++id) world_->host(id).kill();
  run(seconds(12));
  EXPECT_TRUE(administrator().idle()) << "nobody carries it out";
  administrator().order(Order::undrain, node);
  EXPECT_TRUE(administrator().idle()) << "nobody leads: no list says what is to be done";
}

TEST_F(AdministratorTest, NeverTakesOutTheLastNodeThatHasItsFolder) {
  begin(3);
  administrator().order(Order::remove, 1);
  administrator().order(Order::remove, 2);
  administrator().order(Order::remove, 3);
  run(seconds(12));
  EXPECT_EQ(nodes(), "3 active");
}

TEST_F(AdministratorTest, LeavesTheDataToNoNodeWhoseDiskWillFail) {
  begin(3);
  administrator().rely_on_none_of({1});
  order(Order::remove, 3, seconds(8));
  EXPECT_EQ(nodes(), "1 active, 2 active");
  order(Order::remove, 2, seconds(8));
  EXPECT_EQ(nodes(), "1 active, 2 active");
  order(Order::remove, 1, seconds(8));
  EXPECT_EQ(nodes(), "2 active");
}

TEST_F(AdministratorTest, DoesNotCountANodeWhoseDiskIsLost) {
  begin(3);
  order(Order::remove, 3, seconds(8));
  const MachineId lost = follower();
  const MachineId left = world_->leader();
  world_->host(lost).power_off();
  world_->host(lost).disk().wipe();
  order(Order::remove, left);
  EXPECT_EQ(nodes(), "1 active, 2 active");
}

TEST_F(AdministratorTest, TidiesUpWhatIsLostAndWakesWhoRests) {
  begin(3);
  const MachineId resting = world_->leader();
  order(Order::drain, resting);
  const MachineId lost = world_->leader() == 1 || resting == 1 ? 6 - resting - world_->leader() : 1;
  world_->host(lost).power_off();
  world_->host(lost).disk().wipe();
  administrator().tidy();
  run(seconds(12));
  EXPECT_EQ(nodes().find("draining"), std::string::npos) << nodes();
  EXPECT_EQ(nodes().find(fmt::format("{} ", lost)), std::string::npos) << nodes();
  EXPECT_TRUE(administrator().at_peace());
}

// ---- The bound of renew: a disk is lost for good ------------------------------------------------

class Renew : public AdministratorTest {
 protected:
  // Whether the machine has lost its disk by this.
  bool renews(MachineId machine) {
    const auto before = world_->host(machine).disk().wipes();
    inflict(fmt::format("renew {}", machine));
    return world_->host(machine).disk().wipes() != before;
  }
};

TEST_F(Renew, MakesTheMachineANewNodes) {
  begin(3);
  const MachineId node = follower();
  ASSERT_TRUE(renews(node));
  EXPECT_FALSE(world_->host(node).running());
  inflict(fmt::format("join {}", node));
  run(seconds(3));
  EXPECT_EQ(nodes(), "1 active, 2 active, 3 active") << "its address is still the lost node's";
  order(Order::remove, node, seconds(12));
  EXPECT_NE(nodes().find("4 active"), std::string::npos) << nodes();
}

TEST_F(Renew, TakesNoDiskThatTheOthersNeed) {
  begin(1);
  EXPECT_FALSE(renews(1)) << "the only one";
  begin(3);
  const MachineId node = follower();
  ASSERT_TRUE(renews(node));
  run(seconds(1));
  for (MachineId id = 1; id <= 3; ++id) {
    EXPECT_TRUE(id == node || !renews(id)) << "two of three are needed: " << id;
  }
}

TEST_F(Renew, TakesNoneWhileAnotherIsDownOrNobodyLeads) {
  begin(3);
  const MachineId node = follower();
  const MachineId other = 6 - node - world_->leader();
  world_->host(other).kill();
  EXPECT_FALSE(renews(node)) << "what the dead process bore in mind cannot be seen";
  world_->host(other).start();
  run(seconds(2));
  inflict("isolate 1,2,3");
  run(seconds(3));
  ASSERT_EQ(world_->leader(), 0u);
  EXPECT_FALSE(renews(node)) << "nobody leads";
}

TEST_F(Renew, TakesNoneWhileNodesComeAndGo) {
  begin(3);
  const MachineId node = follower();
  administrator().order(Order::drain, world_->leader());
  EXPECT_FALSE(renews(node)) << "an order is under way";
  run(seconds(5));
  EXPECT_FALSE(renews(node)) << "one rests";
}

}  // namespace
}  // namespace holdfast::sim
