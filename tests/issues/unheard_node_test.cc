// A node that hears the leader and is not heard by it went on forwarding into nothing: each command
// of its clients was answered with UNKNOWN, seconds later, for as long as that lasted.
#include <gtest/gtest.h>

#include <initializer_list>
#include <string>
#include <string_view>

#include "base/trace.h"
#include "nobody.h"
#include "sim/raw_client.h"
#include "sim/world.h"

namespace holdfast::sim {
namespace {

struct CutLinks final : Trace {
  bool enabled(Level) const override { return true; }
  void write(Level, std::string_view event, std::initializer_list<Field>) override {
    if (event == "link cut") ++cuts;
  }
  int cuts = 0;
};

class UnheardNode : public testing::Test {
 protected:
  UnheardNode() {
    for (MachineId id = 1; id <= world_.nodes(); ++id) world_.host(id).start();
    while (world_.leader() == 0 && world_.now() < Instant{} + seconds(20)) run(milliseconds(10));
    leader_ = world_.leader();
    node_ = leader_ == 1 ? 2 : 1;
    client_.dial(world_.host(node_).address());
    run(seconds(3));
  }
  void run(Duration length) { world_.run_until(world_.now() + length); }

  NobodyIfAllLive nobody_;
  CutLinks trace_;
  World world_{{.seed = 7}, nobody_, [this](MachineId) -> Trace& { return trace_; }};
  MachineId leader_ = 0;
  MachineId node_ = 0;
  RawClient client_{world_.schedule(), world_.network(), kFirstClient};
};

TEST_F(UnheardNode, SaysThatNothingWasDone) {
  ASSERT_NE(leader_, 0u);
  EXPECT_EQ(client_.ask("SET k before"), "+OK\r\n");
  world_.network().cut(node_, leader_);
  run(seconds(4));
  ASSERT_EQ(world_.leader(), leader_) << "the others do not need this node";
  for (int i = 0; i < 3; ++i) {
    const std::string reply = client_.ask("SET k lost");
    EXPECT_EQ(reply.substr(0, 10), "-NOLEADER ") << reply;
  }

  world_.network().heal();
  run(seconds(4));
  EXPECT_EQ(client_.ask("SET k after"), "+OK\r\n");
}

TEST_F(UnheardNode, NoLinkIsCutWhileAllIsWell) {
  run(seconds(60));
  EXPECT_EQ(client_.ask("SET k v"), "+OK\r\n");
  EXPECT_EQ(trace_.cuts, 0);
}

}  // namespace
}  // namespace holdfast::sim
