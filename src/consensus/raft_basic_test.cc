// The first things first: groups of one and three elect, replicate, commit, read and recover.
#include <gtest/gtest.h>

#include <algorithm>
#include <cstdio>

#include "consensus/testing/cluster.h"

namespace holdfast::consensus {
namespace {

using testing::Cluster;
using testing::Words;

TEST(RaftBasic, a_group_of_one_leads_and_commits_after_its_own_sync) {
  Cluster cluster({.voters = {1}});
  cluster.input(1, Tick{});
  EXPECT_EQ(cluster.role(1), Role::candidate);
  cluster.sync(1, 1);
  EXPECT_EQ(cluster.role(1), Role::leader);
  EXPECT_EQ(cluster.commit(1), 0u);
  cluster.sync(1);
  EXPECT_EQ(cluster.commit(1), 1u);

  EXPECT_FALSE(cluster.propose(1, "a").refusal);
  EXPECT_EQ(cluster.commit(1), 1u);
  cluster.sync(1);
  EXPECT_EQ(cluster.committed(1), Words{"a"});
  cluster.read(1, 7);
  ASSERT_EQ(cluster.take_readable(1).size(), 1u);
}

TEST(RaftBasic, three_elect_replicate_and_commit) {
  Cluster cluster({});
  cluster.elect(1);
  EXPECT_EQ(cluster.commit(3), 1u);
  cluster.propose(1, "a");
  cluster.propose(1, "b");
  cluster.stabilize();
  for (const auto node : cluster.nodes()) {
    EXPECT_EQ(cluster.committed(node), (Words{"a", "b"})) << node;
    EXPECT_EQ(cluster.status(node).leader, NodeId(1));
  }
  cluster.check_log_matching();
}

TEST(RaftBasic, time_alone_elects_a_leader_and_keeps_it) {
  Cluster cluster({});
  cluster.run(seconds(2));
  const auto leader = cluster.leader();
  ASSERT_NE(leader, 0u);
  const Epoch epoch = cluster.epoch(leader);
  cluster.run(seconds(5));
  EXPECT_EQ(cluster.leader(), leader);
  EXPECT_EQ(cluster.epoch(leader), epoch);
}

TEST(RaftBasic, a_new_leader_takes_over_and_the_old_one_follows) {
  Cluster cluster({});
  cluster.elect(1);
  cluster.propose(1, "a");
  cluster.stabilize();
  cluster.crash(1);
  cluster.run(seconds(2));
  const auto leader = cluster.leader();
  ASSERT_NE(leader, 0u);
  cluster.propose(leader, "b");
  cluster.run(seconds(1));
  cluster.restart(1);
  cluster.run(seconds(1));
  EXPECT_EQ(cluster.committed(1), (Words{"a", "b"}));
  EXPECT_EQ(cluster.status(1).leader, NodeId(leader));
}

TEST(RaftBasic, the_news_of_a_dead_leader_brings_the_next_one_at_once) {
  Cluster cluster({});
  cluster.elect(1);
  cluster.crash(1);
  cluster.input(2, PeerLiveness{NodeId(1), false});
  cluster.input(3, PeerLiveness{NodeId(1), false});
  cluster.run(milliseconds(100));
  EXPECT_NE(cluster.leader(), 0u);
}

// Virtual milliseconds from the leader's death to the next one's first commit, without the network.
std::int64_t failover_ms(std::uint64_t seed, bool known) {
  Cluster cluster({.seed = seed});
  cluster.elect(1);
  cluster.propose(1, "a");
  cluster.run(milliseconds(200));
  cluster.crash(1);
  for (const auto node : {2u, 3u}) {
    if (known) cluster.input(node, PeerLiveness{NodeId(1), false});
  }
  std::int64_t passed = 0;
  const auto before = cluster.newest_commit();
  while (cluster.newest_commit() == before && passed < 10000) {
    cluster.run(milliseconds(5));
    passed += 5;
  }
  return passed;
}

TEST(RaftBasic, failover_keeps_its_budget) {
  std::int64_t worst_known = 0;
  std::int64_t worst_silent = 0;
  for (std::uint64_t seed = 1; seed <= 100; ++seed) {
    worst_known = std::max(worst_known, failover_ms(seed, true));
    worst_silent = std::max(worst_silent, failover_ms(seed, false));
  }
  std::printf("worst of 100: %lld ms when the death is known, %lld ms when it is only silence\n",
              static_cast<long long>(worst_known), static_cast<long long>(worst_silent));
  EXPECT_LE(worst_known, 100);
  EXPECT_LE(worst_silent, 700);
}

}  // namespace
}  // namespace holdfast::consensus
