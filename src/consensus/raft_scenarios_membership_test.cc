// Changes of membership, in situations and under names of CCF, etcd and Ongaro's correction of 2015.
#include <gtest/gtest.h>

#include <algorithm>
#include <vector>

#include "consensus/testing/cluster.h"

namespace holdfast::consensus {
namespace {

using testing::Cluster;
using testing::ClusterOptions;

using Nodes = std::vector<std::uint64_t>;

void sync_all(Cluster& cluster) {
  for (const auto node : cluster.nodes()) {
    if (cluster.up(node)) cluster.sync(node);
  }
}

bool among(const Nodes& nodes, std::uint64_t node) {
  return std::find(nodes.begin(), nodes.end(), node) != nodes.end();
}

// Nobody of one side hears anybody of the other.
void split(Cluster& cluster, const Nodes& one, const Nodes& other) {
  for (const auto a : one) {
    for (const auto b : other) {
      cluster.cut_link(a, b);
      cluster.cut_link(b, a);
    }
  }
}

// The voters are `wanted` and nobody else, for good, and the group works.
void expect_settled(Cluster& cluster, const Nodes& wanted) {
  cluster.run(seconds(5), [&] {
    const auto leader = cluster.leader();
    return leader != 0 && among(wanted, leader) && cluster.status(leader).membership.outgoing.empty();
  });
  const auto leader = cluster.leader();
  ASSERT_TRUE(among(wanted, leader)) << leader;
  cluster.stabilize();
  EXPECT_FALSE(cluster.propose(leader, "after").refusal);
  cluster.run(milliseconds(200));
  const Status status = cluster.status(leader);
  EXPECT_EQ(status.membership.voters, testing::voters(wanted).voters);
  EXPECT_TRUE(status.membership.outgoing.empty());
  EXPECT_LE(status.membership_index, status.commit);
  for (const auto node : wanted) EXPECT_EQ(cluster.commit(node), status.last.value) << node;
  cluster.check_log_matching();
}

// ---- CCF: reconfig_01_elX_YZ --------------------------------------------------------------------

// Nodes 1 and 2 are replaced by `to` while one after the other is elected: node 1 has the joint
// membership on its disk, those in `have_it` as well, and it starts again. Our numbers are CCF's
// plus one.
void reconfigure(const Nodes& to, const Nodes& have_it, std::uint64_t elected, bool longer) {
  Cluster cluster({.voters = {1, 2}, .learners = {3, 4}});
  cluster.elect(1);
  cluster.run(milliseconds(200));
  ASSERT_FALSE(cluster.change(1, testing::voters(to)).refusal);
  cluster.deliver([&](const Message& one) { return among(have_it, one.to.value); });
  sync_all(cluster);
  cluster.drop();
  if (longer) {
    // What it has besides makes it the only one that all could vote for.
    cluster.propose(1, "suffix");
    cluster.drop();
  }
  cluster.crash(1, longer ? 1 : 0);
  cluster.restart(1);
  ASSERT_FALSE(cluster.status(1).membership.outgoing.empty());
  // They hear of it, and campaign in this order.
  for (const std::uint64_t node : {2, 3, 4}) cluster.input(node, PeerLiveness{NodeId(1), false});
  cluster.drop();
  if (longer) {
    cluster.campaign(3);
    cluster.stabilize();
    EXPECT_NE(cluster.role(3), Role::leader) << "node 1 has more";
  }
  cluster.campaign(elected);
  // Until it leads it has ended nothing.
  while (cluster.role(elected) != Role::leader) {
    if (cluster.deliver_one()) continue;
    sync_all(cluster);
    ASSERT_FALSE(cluster.network().empty()) << "node " << elected << " is not elected";
  }
  EXPECT_FALSE(cluster.status(elected).membership.outgoing.empty());
  const Index own = cluster.status(elected).last;
  cluster.stabilize();
  const Index ended = cluster.status(elected).membership_index;
  EXPECT_GT(ended, own) << "the change ends behind an entry of the new leader's own epoch";
  expect_settled(cluster, to);
  for (const std::uint64_t node : {1, 2}) {
    EXPECT_TRUE(among(to, node) || cluster.role(node) != Role::leader) << node;
  }
}

TEST(RaftScenariosCcf, reconfig_01_el0_12) { reconfigure({2, 3}, {2, 3}, 1, true); }
TEST(RaftScenariosCcf, reconfig_01_el0_23) { reconfigure({3, 4}, {3}, 1, true); }
TEST(RaftScenariosCcf, reconfig_01_el1_12) { reconfigure({2, 3}, {2, 3}, 2, false); }
TEST(RaftScenariosCcf, reconfig_01_el2_12) { reconfigure({2, 3}, {3}, 3, false); }
TEST(RaftScenariosCcf, reconfig_01_el2_23) { reconfigure({3, 4}, {3}, 3, false); }

// Without an election in between (reconfig_0_1, reconfig_01_12, reconfig_01_23).
TEST(RaftScenariosCcf, reconfig_without_an_election) {
  const std::vector<std::pair<Nodes, Nodes>> steps = {{{1}, {2}}, {{1, 2}, {2, 3}}, {{1, 2}, {3, 4}}};
  for (const auto& [from, to] : steps) {
    ClusterOptions options{.voters = from};
    for (const auto node : to) {
      if (!among(from, node)) options.learners.push_back(node);
    }
    Cluster cluster(options);
    cluster.elect(1);
    cluster.run(milliseconds(200));
    ASSERT_FALSE(cluster.change(1, testing::voters(to)).refusal);
    expect_settled(cluster, to);
  }
}

// ---- Ongaro's three cases -----------------------------------------------------------------------

// "bug in single-server membership changes", raft-dev, 2015: of four voters node 1 begins one change,
// which only those on its side have; another leader begins a sibling of it, and the majorities of the
// two new memberships need have nobody in common. Both could commit. Here neither does: a leader
// begins nothing before an entry of its own epoch is committed, and then both halves have to agree.
void siblings(const Nodes& first, const Nodes& second, bool first_entry_commits) {
  const Nodes its_side = {1, 2, 5};
  const Nodes other_side = {3, 4, 6};
  Cluster cluster({.voters = {1, 2, 3, 4}, .learners = {5, 6}});
  cluster.elect(1);
  cluster.run(milliseconds(200));
  ASSERT_FALSE(cluster.change(1, testing::voters(first)).refusal);
  cluster.deliver([](const Message& one) { return one.to == NodeId(5); });
  sync_all(cluster);
  cluster.drop();
  const Index before = cluster.newest_commit();

  // Node 3 is elected by those who have not heard of that change.
  split(cluster, {1, 5}, {2, 3, 4, 6});
  for (const std::uint64_t node : {2, 3, 4}) cluster.input(node, PeerLiveness{NodeId(1), false});
  cluster.campaign(3);
  while (cluster.role(3) != Role::leader) {
    if (!cluster.deliver_one()) sync_all(cluster);
  }
  EXPECT_EQ(cluster.change(3, testing::voters(second)).refusal, ChangeRefusal::too_early);
  if (first_entry_commits) {
    cluster.stabilize();
    EXPECT_GT(cluster.newest_commit(), before);
    ASSERT_FALSE(cluster.change(3, testing::voters(second)).refusal);
  }
  // Then it has only the majority of the membership that it wants.
  cluster.drop();
  cluster.heal();
  split(cluster, its_side, other_side);
  const Index agreed = cluster.newest_commit();
  for (int i = 0; i < 20; ++i) {
    if (cluster.role(3) == Role::leader && !first_entry_commits) {
      EXPECT_TRUE(cluster.change(3, testing::voters(second)).refusal);
    }
    cluster.run(milliseconds(100));
    EXPECT_EQ(cluster.newest_commit(), agreed) << "one side has committed by itself";
  }
  EXPECT_NE(cluster.leader(), 1u) << "its majority of the other membership does not elect it";

  cluster.heal();
  cluster.run(seconds(5), [&] {
    const auto leader = cluster.leader();
    return leader != 0 && cluster.newest_commit() > agreed && cluster.commit(1) == cluster.commit(3) &&
           cluster.status(leader).membership.outgoing.empty();
  });
  const auto leader = cluster.leader();
  ASSERT_NE(leader, 0u);
  EXPECT_GT(cluster.newest_commit(), agreed);
  EXPECT_TRUE(cluster.status(leader).membership.outgoing.empty());
  cluster.check_log_matching();
}

TEST(RaftScenariosOngaro, single_server_one_add_and_one_remove) {
  for (const bool commits : {false, true}) siblings({1, 2, 3, 4, 5}, {2, 3, 4}, commits);
}
TEST(RaftScenariosOngaro, single_server_two_adds) {
  for (const bool commits : {false, true}) siblings({1, 2, 3, 4, 5}, {1, 2, 3, 4, 6}, commits);
}
TEST(RaftScenariosOngaro, single_server_two_removes) {
  for (const bool commits : {false, true}) siblings({1, 2, 4}, {2, 3, 4}, commits);
}

// ---- etcd: confchange ---------------------------------------------------------------------------

TEST(RaftScenariosEtcd, joint_safety) {
  Cluster cluster({.voters = {1, 2, 3}, .learners = {4}});
  cluster.elect(1);
  cluster.run(milliseconds(200));
  EXPECT_EQ(cluster.change(1, testing::voters({})).refusal, ChangeRefusal::invalid);
  Membership half_way = testing::voters({1, 2});
  half_way.outgoing = {NodeId(1), NodeId(2), NodeId(3)};
  EXPECT_EQ(cluster.change(1, half_way).refusal, ChangeRefusal::invalid) << "who asks names the end";
  ASSERT_FALSE(cluster.change(1, testing::voters({1, 2, 4})).refusal);
  EXPECT_EQ(cluster.change(1, testing::voters({1, 2, 3})).refusal, ChangeRefusal::under_way);
  EXPECT_EQ(cluster.change(1, testing::voters({1, 2, 4})).refusal, ChangeRefusal::under_way);
  expect_settled(cluster, {1, 2, 4});
}

TEST(RaftScenariosEtcd, joint_idempotency) {
  Cluster cluster({});
  cluster.elect(1);
  cluster.run(milliseconds(200));
  const std::uint64_t last = cluster.last(1);
  const MembershipChange same = cluster.change(1, testing::voters({1, 2, 3}));
  EXPECT_FALSE(same.refusal);
  EXPECT_EQ(cluster.last(1), last) << "nothing to do, nothing appended";
  const MembershipChange once = cluster.change(1, testing::voters({1, 2}));
  ASSERT_FALSE(once.refusal);
  cluster.stabilize();
  const std::uint64_t then = cluster.last(1);
  const MembershipChange again = cluster.change(1, testing::voters({1, 2}));
  EXPECT_FALSE(again.refusal);
  EXPECT_GT(again.index, once.index) << "of the entry that ended it";
  EXPECT_EQ(cluster.last(1), then);
}

TEST(RaftScenariosEtcd, joint_learners_next) {
  // A voter that is to learn from now on still votes, until the joint membership is left.
  Cluster cluster({});
  cluster.elect(1);
  cluster.run(milliseconds(200));
  Membership target = testing::voters({1, 2});
  target.learners = {NodeId(3)};
  ASSERT_FALSE(cluster.change(1, target).refusal);
  EXPECT_TRUE(cluster.status(1).membership.is_voter(NodeId(3)));
  cluster.deliver([](const Message& one) { return one.to == NodeId(3); });
  EXPECT_EQ(cluster.role(3), Role::follower);
  cluster.stabilize();
  EXPECT_EQ(cluster.status(1).membership, target);
  cluster.run(milliseconds(200));
  EXPECT_EQ(cluster.role(3), Role::learner);
  EXPECT_EQ(cluster.commit(3), cluster.commit(1));
}

TEST(RaftScenariosEtcd, simple_promote_demote) {
  Cluster cluster({.voters = {1, 2}, .learners = {3}});
  cluster.elect(1);
  for (int i = 0; i < 3; ++i) {
    cluster.run(milliseconds(200));
    ASSERT_FALSE(cluster.change(1, testing::voters({1, 2, 3})).refusal);
    expect_settled(cluster, {1, 2, 3});
    Membership target = testing::voters({1, 2});
    target.learners = {NodeId(3)};
    ASSERT_FALSE(cluster.change(1, target).refusal);
    cluster.run(milliseconds(200));
    EXPECT_EQ(cluster.status(1).membership, target);
    EXPECT_EQ(cluster.role(3), Role::learner);
  }
}

TEST(RaftScenariosEtcd, zero) {
  // There is no node 0.
  Cluster cluster({});
  cluster.elect(1);
  cluster.run(milliseconds(200));
  EXPECT_EQ(cluster.change(1, testing::voters({0, 1, 2})).refusal, ChangeRefusal::invalid);
  Membership target = testing::voters({1, 2, 3});
  target.learners = {NodeId(0)};
  EXPECT_EQ(cluster.change(1, target).refusal, ChangeRefusal::invalid);
}

// ---- etcd: replace_leader and remove_leader, _stepdown ------------------------------------------

TEST(RaftScenariosEtcd, confchange_v2_replace_leader_transfer_inside_joint) {
  // Leadership moves while both halves have to agree: whoever has it then ends the change.
  Cluster cluster({.voters = {1, 2, 3}, .learners = {4}});
  cluster.elect(1);
  cluster.run(milliseconds(200));
  ASSERT_FALSE(cluster.change(1, testing::voters({2, 3, 4})).refusal);
  cluster.input(1, TransferRequested{NodeId(4)});
  // The target learns that it is a voter with the entry itself, and campaigns when it has it.
  while (cluster.role(4) != Role::leader && (cluster.deliver_one() || !cluster.network().empty() ||
                                             cluster.writes_under_way(4) != 0)) {
    if (cluster.network().empty()) sync_all(cluster);
  }
  expect_settled(cluster, {2, 3, 4});
  EXPECT_EQ(cluster.leader(), 4u);
}

TEST(RaftScenariosEtcd, confchange_v2_replace_leader_stepdown) {
  // The leader is out, and the order to take over is lost: it gives up, and does not come back.
  Cluster cluster({.voters = {1, 2, 3}, .learners = {4}});
  cluster.tamper = [](Message& one) { return one.kind != MessageKind::campaign_now; };
  cluster.elect(1);
  cluster.run(milliseconds(200));
  ASSERT_FALSE(cluster.change(1, testing::voters({2, 3, 4})).refusal);
  cluster.stabilize();
  EXPECT_EQ(cluster.role(1), Role::leader);
  cluster.run(milliseconds(310));
  EXPECT_NE(cluster.role(1), Role::leader);
  expect_settled(cluster, {2, 3, 4});
}

TEST(RaftScenariosEtcd, confchange_v1_remove_leader_stepdown) {
  Cluster cluster({});
  cluster.tamper = [](Message& one) { return one.kind != MessageKind::campaign_now; };
  cluster.elect(1);
  cluster.run(milliseconds(200));
  ASSERT_FALSE(cluster.change(1, testing::voters({2, 3})).refusal);
  cluster.run(milliseconds(310));
  EXPECT_NE(cluster.role(1), Role::leader);
  expect_settled(cluster, {2, 3});
}

// ---- TigerBeetle --------------------------------------------------------------------------------

TEST(RaftScenariosTigerBeetle, a_new_primary_lagging_behind_the_checkpoint_forfeits) {
  // Node 3 lacks what the others have and no longer keep: it cannot be elected, campaigns in vain
  // without raising anybody's epoch, and whoever refuses it is elected soon.
  Cluster cluster({});
  cluster.elect(1);
  cluster.isolate(3);
  for (int i = 0; i < 5; ++i) cluster.propose(1, "x");
  cluster.stabilize();
  cluster.run(milliseconds(100));
  for (const std::uint64_t node : {1, 2}) cluster.compact(node, cluster.commit(node));
  cluster.crash(1);
  cluster.heal();
  cluster.drop();
  const Epoch epoch = cluster.epoch(2);
  cluster.input(2, PeerLiveness{NodeId(1), false});
  cluster.input(3, PeerLiveness{NodeId(1), false});
  cluster.campaign(3);
  cluster.stabilize();
  EXPECT_NE(cluster.role(3), Role::leader);
  EXPECT_EQ(cluster.epoch(2), epoch);
  cluster.run(milliseconds(60));
  EXPECT_EQ(cluster.role(2), Role::leader);
}

TEST(RaftScenariosTigerBeetle, recovery_in_an_idle_cluster) {
  // Nobody writes anything: who has lost its log becomes whole all the same.
  Cluster cluster({});
  cluster.elect(1);
  cluster.propose(1, "a");
  cluster.run(milliseconds(200));
  cluster.crash(3);
  cluster.lose_log(3);
  cluster.restart(3);
  EXPECT_TRUE(cluster.status(3).recovering);
  const std::uint64_t last = cluster.last(1);
  cluster.run(seconds(2));
  EXPECT_FALSE(cluster.status(3).recovering);
  EXPECT_EQ(cluster.last(1), last);
  EXPECT_EQ(cluster.commit(3), last);
}

}  // namespace
}  // namespace holdfast::consensus
