// Handing over leadership, in the situations and under the names of etcd's raft_test.go.
#include <gtest/gtest.h>

#include "consensus/testing/cluster.h"

namespace holdfast::consensus {
namespace {

using testing::Cluster;
using testing::ClusterOptions;

void transfer(Cluster& cluster, std::uint64_t from, std::uint64_t to) {
  cluster.input(from, TransferRequested{NodeId(to)});
}

std::size_t orders(const Cluster& cluster) { return cluster.count(MessageKind::campaign_now); }

TEST(RaftScenariosTransfer, TestLeaderTransferToUpToDateNode) {
  Cluster cluster({});
  cluster.elect(1);
  transfer(cluster, 1, 2);
  cluster.stabilize();
  EXPECT_EQ(cluster.leader(), 2u);
  EXPECT_EQ(cluster.role(1), Role::follower);
  cluster.propose(2, "a");
  cluster.stabilize();
  transfer(cluster, 2, 1);
  cluster.stabilize();
  EXPECT_EQ(cluster.leader(), 1u);
}

TEST(RaftScenariosTransfer, TestLeaderTransferToUpToDateNodeFromFollower) {
  // Only a leader can hand over; a host that knows better asks there.
  Cluster cluster({});
  cluster.elect(1);
  transfer(cluster, 2, 2);
  transfer(cluster, 2, 3);
  cluster.stabilize();
  EXPECT_EQ(cluster.leader(), 1u);
  EXPECT_FALSE(cluster.propose(1, "a").refusal);
}

TEST(RaftScenariosTransfer, TestLeaderTransferWithCheckQuorum) {
  // Everyone has just heard the leader, and would ignore any other candidate.
  Cluster cluster({.voters = {1, 2, 3, 4, 5}});
  cluster.elect(1);
  cluster.elapse(1, milliseconds(60));
  cluster.stabilize();
  transfer(cluster, 1, 2);
  cluster.stabilize();
  EXPECT_EQ(cluster.leader(), 2u);
}

TEST(RaftScenariosTransfer, TestLeaderTransferToSlowFollower) {
  Cluster cluster({});
  cluster.elect(1);
  cluster.isolate(3);
  cluster.propose(1, "a");
  cluster.stabilize();
  cluster.heal();
  transfer(cluster, 1, 3);
  EXPECT_EQ(orders(cluster), 0u) << "it would lose";
  cluster.run(milliseconds(100));
  EXPECT_EQ(cluster.leader(), 3u);
  EXPECT_EQ(cluster.committed(3), std::vector<std::string>{"a"});
}

TEST(RaftScenariosTransfer, TestLeaderTransferAfterSnapshot) {
  Cluster cluster({});
  cluster.elect(1);
  cluster.isolate(3);
  cluster.propose(1, "a");
  cluster.stabilize();
  cluster.compact(1, 2);
  cluster.heal();
  cluster.elapse(1, milliseconds(60));
  cluster.stabilize();
  ASSERT_EQ(cluster.take_snapshot_wishes(1), std::vector<NodeId>{NodeId(3)});
  transfer(cluster, 1, 3);
  cluster.stabilize();
  EXPECT_EQ(cluster.leader(), 1u);
  // The answer to the snapshot shows that it has everything, and that is the moment.
  cluster.send_snapshot(1, 3);
  cluster.stabilize();
  cluster.install(3);
  cluster.stabilize();
  EXPECT_EQ(cluster.leader(), 3u);
}

TEST(RaftScenariosTransfer, TestLeaderTransferToSelf) {
  Cluster cluster({});
  cluster.elect(1);
  transfer(cluster, 1, 1);
  EXPECT_FALSE(cluster.propose(1, "a").refusal);
  cluster.stabilize();
  EXPECT_EQ(cluster.leader(), 1u);
}

TEST(RaftScenariosTransfer, TestLeaderTransferToNonExistingNode) {
  Cluster cluster({});
  cluster.elect(1);
  transfer(cluster, 1, 9);
  EXPECT_FALSE(cluster.propose(1, "a").refusal);
  EXPECT_EQ(orders(cluster), 0u);
}

TEST(RaftScenariosTransfer, TestLeaderTransferToLearner) {
  Cluster cluster({.voters = {1}, .learners = {2}});
  cluster.elect(1);
  transfer(cluster, 1, 2);
  EXPECT_FALSE(cluster.propose(1, "a").refusal);
  // Nor is it chosen when nobody is named.
  transfer(cluster, 1, 0);
  EXPECT_FALSE(cluster.propose(1, "b").refusal);
  EXPECT_EQ(orders(cluster), 0u);
}

TEST(RaftScenariosTransfer, TestLeaderTransferTimeout) {
  Cluster cluster({});
  cluster.elect(1);
  cluster.isolate(3);
  cluster.propose(1, "a");
  cluster.stabilize();
  transfer(cluster, 1, 3);
  cluster.run(milliseconds(250));
  EXPECT_EQ(cluster.propose(1, "b").refusal, ProposalRefusal::handing_over);
  cluster.run(milliseconds(100));
  EXPECT_EQ(cluster.leader(), 1u);
  EXPECT_FALSE(cluster.propose(1, "b").refusal);
}

TEST(RaftScenariosTransfer, TestLeaderTransferIgnoreProposal) {
  Cluster cluster({});
  cluster.elect(1);
  cluster.isolate(3);
  cluster.propose(1, "a");
  cluster.stabilize();
  transfer(cluster, 1, 3);
  const auto last = cluster.last(1);
  EXPECT_EQ(cluster.propose(1, "b").refusal, ProposalRefusal::handing_over);
  EXPECT_EQ(cluster.last(1), last);
}

TEST(RaftScenariosTransfer, TestLeaderTransferReceiveHigherTermVote) {
  // Another candidate, elected meanwhile, ends the attempt with everything else.
  Cluster cluster({});
  cluster.elect(1);
  cluster.isolate(3);
  cluster.propose(1, "a");
  cluster.stabilize();
  transfer(cluster, 1, 3);
  Message request;
  request.kind = MessageKind::append_reply;
  request.from = NodeId(2);
  request.to = NodeId(1);
  request.epoch = {9, NodeId(2)};
  request.refused = true;
  cluster.input(1, Received{request});
  EXPECT_EQ(cluster.role(1), Role::follower);
  EXPECT_EQ(cluster.propose(1, "b").refusal, ProposalRefusal::not_leader);
}

TEST(RaftScenariosTransfer, TestLeaderTransferRemoveNode) {
  // Changes of membership come later; a transfer to a node that the log has removed is refused by
  // the membership in force, whatever the one before it said.
  testing::Found log;
  log.entries = {{Epoch{1, NodeId(1)}, std::nullopt},
                 {Epoch{1, NodeId(1)}, testing::voters({1, 2})}};
  Cluster cluster({.voters = {1, 2, 3}, .found = {{1, log}, {2, log}}});
  cluster.elect(1);
  transfer(cluster, 1, 3);
  EXPECT_FALSE(cluster.propose(1, "a").refusal);
  EXPECT_EQ(orders(cluster), 0u);
}

TEST(RaftScenariosTransfer, TestLeaderTransferDemoteNode) {
  testing::Found log;
  Membership demoted = testing::voters({1, 2});
  demoted.learners = {NodeId(3)};
  log.entries = {{Epoch{1, NodeId(1)}, std::nullopt}, {Epoch{1, NodeId(1)}, demoted}};
  Cluster cluster({.voters = {1, 2, 3}, .found = {{1, log}, {2, log}}});
  cluster.elect(1);
  transfer(cluster, 1, 3);
  EXPECT_FALSE(cluster.propose(1, "a").refusal);
  EXPECT_EQ(orders(cluster), 0u);
}

TEST(RaftScenariosTransfer, TestLeaderTransferBack) {
  // Asked to keep leadership while handing it over, a leader keeps it.
  Cluster cluster({});
  cluster.elect(1);
  cluster.isolate(3);
  cluster.propose(1, "a");
  cluster.stabilize();
  transfer(cluster, 1, 3);
  transfer(cluster, 1, 1);
  EXPECT_FALSE(cluster.propose(1, "b").refusal);
}

TEST(RaftScenariosTransfer, TestLeaderTransferSecondTransferToAnotherNode) {
  Cluster cluster({});
  cluster.elect(1);
  cluster.isolate(3);
  cluster.propose(1, "a");
  cluster.stabilize();
  transfer(cluster, 1, 3);
  transfer(cluster, 1, 2);
  cluster.stabilize();
  EXPECT_EQ(cluster.leader(), 2u);
}

TEST(RaftScenariosTransfer, TestLeaderTransferSecondTransferToSameNode) {
  // The second request does not give the first one more time.
  Cluster cluster({});
  cluster.elect(1);
  cluster.isolate(3);
  cluster.propose(1, "a");
  cluster.stabilize();
  transfer(cluster, 1, 3);
  cluster.run(milliseconds(200));
  transfer(cluster, 1, 3);
  cluster.run(milliseconds(150));
  EXPECT_FALSE(cluster.propose(1, "b").refusal);
}

TEST(RaftScenariosTransfer, the_furthest_voter_is_chosen_if_none_is_named) {
  Cluster cluster({.voters = {1, 2, 3, 4, 5}});
  cluster.elect(1);
  cluster.isolate(2);
  cluster.isolate(3);
  cluster.propose(1, "a");
  cluster.run(milliseconds(400));
  transfer(cluster, 1, 0);
  cluster.stabilize();
  EXPECT_TRUE(cluster.leader() == 4 || cluster.leader() == 5) << cluster.leader();
}

TEST(RaftScenariosTransfer, a_dead_target_ends_the_attempt_at_once) {
  Cluster cluster({});
  cluster.elect(1);
  cluster.isolate(3);
  cluster.propose(1, "a");
  cluster.stabilize();
  transfer(cluster, 1, 3);
  cluster.input(1, PeerLiveness{NodeId(3), false});
  EXPECT_FALSE(cluster.propose(1, "b").refusal);
}

TEST(RaftScenariosTransfer, entries_in_flight_do_not_let_the_target_lose) {
  // redpanda#2606: the order must not leave while newer entries are on their way.
  Cluster cluster({});
  cluster.elect(1);
  cluster.propose(1, "a");
  cluster.propose(1, "b");
  transfer(cluster, 1, 2);
  EXPECT_EQ(orders(cluster), 0u);
  cluster.stabilize();
  EXPECT_EQ(cluster.leader(), 2u);
  EXPECT_EQ(cluster.committed(2), (std::vector<std::string>{"a", "b"}));
}

TEST(RaftScenariosTransfer, the_old_leaders_heartbeat_does_not_stop_the_target) {
  // RedisLabs/raft#88.
  Cluster cluster({});
  cluster.elect(1);
  transfer(cluster, 1, 2);
  cluster.deliver([](const Message& one) { return one.kind == MessageKind::campaign_now; });
  cluster.elapse(1, milliseconds(60));
  cluster.deliver([](const Message& one) { return one.kind == MessageKind::heartbeat; });
  EXPECT_EQ(cluster.role(2), Role::candidate);
  cluster.stabilize();
  EXPECT_EQ(cluster.leader(), 2u);
}

}  // namespace
}  // namespace holdfast::consensus
