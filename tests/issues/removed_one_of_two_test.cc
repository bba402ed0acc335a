// One of two nodes that was removed started again: since its folder knew one node only, the other, it
// took itself for that one, alone, and stayed at its address as a node that nobody knows. Found by the
// simulator: members_wiped, seed 19.
#include <gtest/gtest.h>

#include <string>

#include "base/trace.h"
#include "sim/world.h"

namespace holdfast::sim {
namespace {

struct Deaths final : HostObserver {
  void on_turn(MachineId) override {}
  void on_death(MachineId, const std::string& why) override { words = why; }
  std::string words;
};

TEST(RemovedOneOfTwo, DoesNotStartAgain) {
  Deaths deaths;
  NoTrace trace;
  World world({.seed = 6, .nodes = 1, .spares = 1}, deaths,
              [&trace](MachineId) -> Trace& { return trace; });
  const auto run = [&world](Duration length) { world.run_until(world.now() + length); };
  world.host(1).start();
  run(seconds(3));
  world.host(2).start();
  run(seconds(5));
  world.administrator().order(Order::remove, 1);
  run(seconds(8));
  ASSERT_FALSE(world.host(1).running());
  ASSERT_EQ(world.leader(), 2u);

  deaths.words.clear();
  world.host(1).start();
  run(seconds(1));
  EXPECT_FALSE(world.host(1).running());
  EXPECT_NE(deaths.words.find("removed from the cluster"), std::string::npos) << deaths.words;
}

}  // namespace
}  // namespace holdfast::sim
