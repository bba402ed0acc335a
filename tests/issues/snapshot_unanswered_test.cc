// The receiver of a snapshot tells the sender that it has stored it over a link of its own. While
// that link was down the word was lost, and the leader waited for it for 30 s, sending the follower
// nothing else: no service meanwhile if the follower was needed for a majority. Found by the
// simulator: seed 70482 of tests/scenarios/five_for_good.txt.
#include <fmt/format.h>
#include <gtest/gtest.h>

#include <string>

#include "base/test_rounds.h"
#include "nobody.h"
#include "replica/replica.h"
#include "sim/raw_client.h"
#include "sim/world.h"

namespace holdfast::sim {
namespace {

class Story {
 public:
  explicit Story(std::uint64_t seed)
      : world_({.seed = seed, .snapshot_after_bytes = 8000},
               nobody_, [this](MachineId) -> Trace& { return trace_; }) {
    for (MachineId id = 1; id <= world_.nodes(); ++id) world_.host(id).start();
    while (world_.leader() == 0 && world_.now() < Instant{} + seconds(20)) run(milliseconds(10));
    leader_ = world_.leader();
    follower_ = leader_ == 1 ? 2 : 1;
    client_.dial(world_.host(leader_).address());
    run(seconds(3));
  }
  // Whether a follower whose word reaches nobody for a while is soon up to date again.
  bool follower_comes_back() {
    for (MachineId id = 1; id <= 3; ++id) {
      if (id != follower_) world_.network().cut(follower_, id);
    }
    write(60);  // more than the leader keeps in its log
    run(seconds(4));
    world_.network().heal();
    for (int i = 0; i < 50; ++i) {
      run(milliseconds(100));
      write(1);
    }
    EXPECT_EQ(world_.leader(), leader_);
    run(seconds(1));
    return applied(follower_) == applied(leader_);
  }

 private:
  void run(Duration length) { world_.run_until(world_.now() + length); }
  void write(int count) {
    for (int i = 0; i < count; ++i) {
      ASSERT_EQ(client_.ask(fmt::format("SET k{} {}", i, std::string(500, 'x'))), "+OK\r\n");
    }
  }
  Index applied(MachineId id) { return world_.host(id).node()->replica()->applied(); }

  NobodyIfAllLive nobody_;
  NoTrace trace_;
  World world_;
  MachineId leader_ = 0;
  MachineId follower_ = 0;
  RawClient client_{world_.schedule(), world_.network(), kFirstClient};
};

TEST(UnansweredSnapshot, IsNotWaitedForWhenTheReceiverIsBack) {
  for (std::uint64_t seed = 1; seed <= rounds(20); ++seed) {
    EXPECT_TRUE(Story(seed).follower_comes_back()) << seed;
  }
}

}  // namespace
}  // namespace holdfast::sim
