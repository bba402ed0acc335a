// Who is to lead last lets others campaign first, and leads when nobody else can.
#include <gtest/gtest.h>

#include "consensus/testing/cluster.h"

namespace holdfast::consensus {
namespace {

using testing::Cluster;

TEST(RaftPriority, others_are_elected_first) {
  for (std::uint64_t seed = 1; seed <= 50; ++seed) {
    Cluster cluster({.last_to_lead = {3}, .seed = seed});
    cluster.run(seconds(3), [&] { return cluster.leader() != 0; });
    EXPECT_NE(cluster.leader(), 3u) << seed;
    EXPECT_NE(cluster.leader(), 0u) << seed;
    // Known to be gone, or only silent.
    const std::uint64_t leader = cluster.leader();
    cluster.crash(leader);
    if (seed % 2 == 0) {
      for (const std::uint64_t node : {3 - leader, std::uint64_t{3}}) {
        cluster.input(node, PeerLiveness{NodeId(leader), false});
      }
    }
    cluster.run(seconds(3), [&] { return cluster.leader() != 0; });
    EXPECT_EQ(cluster.leader(), 3 - leader) << seed;
  }
}

TEST(RaftPriority, it_leads_if_only_its_log_will_do) {
  // Node 2 lacks what node 1 and node 3 have, and node 1 is gone.
  Cluster cluster({.last_to_lead = {3}});
  cluster.elect(1);
  cluster.isolate(2);
  cluster.propose(1, "a");
  cluster.stabilize();
  cluster.crash(1);
  cluster.heal();
  cluster.run(seconds(5), [&] { return cluster.role(3) == Role::leader; });
  EXPECT_EQ(cluster.role(3), Role::leader);
}

TEST(RaftPriority, it_leads_if_all_are_to_lead_last) {
  Cluster cluster({.last_to_lead = {1, 2, 3}});
  cluster.run(seconds(5), [&] { return cluster.leader() != 0; });
  EXPECT_NE(cluster.leader(), 0u);
}

TEST(RaftPriority, alone_it_does_not_wait) {
  Cluster cluster({.voters = {1}, .last_to_lead = {1}});
  cluster.run(milliseconds(20));
  EXPECT_EQ(cluster.leader(), 1u);
}

TEST(RaftPriority, an_order_is_obeyed_at_once) {
  Cluster cluster({.last_to_lead = {3}});
  cluster.elect(1);
  cluster.input(1, TransferRequested{NodeId(3)});
  cluster.stabilize();
  EXPECT_EQ(cluster.leader(), 3u);
}

}  // namespace
}  // namespace holdfast::consensus
