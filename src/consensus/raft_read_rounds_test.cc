// Whom a read round asks: no more voters than it needs, as long as those answer
// (ProtocolOptions::read_round_patience, decision 0035).
#include <gtest/gtest.h>

#include <set>

#include "consensus/testing/cluster.h"

namespace holdfast::consensus {
namespace {

using testing::Cluster;
using testing::ClusterOptions;
using testing::node_id;

constexpr Duration kPause = microseconds(300);
constexpr Duration kPatience = milliseconds(2);

using Nodes = std::set<std::uint64_t>;

Cluster sparing(std::vector<std::uint64_t> voters = {1, 2, 3}, std::vector<std::uint64_t> learners = {}) {
  ClusterOptions options;
  options.voters = std::move(voters);
  options.learners = std::move(learners);
  options.protocol.read_round_pause = kPause;
  options.protocol.read_round_patience = kPatience;
  return Cluster(options);
}

Cluster::Filter between(std::uint64_t a, std::uint64_t b) {
  return [a, b](const Message& message) {
    return (message.from == node_id(a) && message.to == node_id(b)) ||
           (message.from == node_id(b) && message.to == node_id(a));
  };
}

// Who has a heartbeat on its way.
Nodes asked(const Cluster& cluster) {
  Nodes nodes;
  for (const Message& message : cluster.network()) {
    if (message.kind == MessageKind::heartbeat) nodes.insert(message.to.value);
  }
  return nodes;
}

// Node 1 leads, nothing is on its way, and a round of everybody, just after a heartbeat, has been
// confirmed first by `quick`.
void settle(Cluster& cluster, const std::vector<std::uint64_t>& quick) {
  cluster.elect(1);
  cluster.run(milliseconds(200));
  while (cluster.network().empty()) cluster.elapse(1, milliseconds(1));
  cluster.stabilize();
  cluster.read(1, 1);
  Nodes others;
  for (const NodeId node : cluster.status(1).membership.everyone()) others.insert(node.value);
  others.erase(1);
  ASSERT_EQ(asked(cluster), others);
  for (const std::uint64_t node : quick) {
    while (cluster.deliver_one(between(1, node))) {
    }
  }
  ASSERT_EQ(cluster.take_readable(1).size(), 1u);
  cluster.stabilize();
}

TEST(RaftReadRounds, a_round_asks_who_confirmed_the_last_one_first_and_nobody_else) {
  Cluster cluster = sparing();
  settle(cluster, {3});
  cluster.read(1, 2);
  EXPECT_EQ(asked(cluster), Nodes{3});
  cluster.stabilize();
  EXPECT_EQ(cluster.take_readable(1).size(), 1u);
}

TEST(RaftReadRounds, of_five_nodes_two_are_asked_and_of_learners_none) {
  Cluster cluster = sparing({1, 2, 3, 4, 5}, {7});
  settle(cluster, {5, 3});
  cluster.read(1, 2);
  EXPECT_EQ(asked(cluster), (Nodes{3, 5}));
  cluster.stabilize();
  EXPECT_EQ(cluster.take_readable(1).size(), 1u);
}

TEST(RaftReadRounds, whoever_is_silent_for_as_long_as_patience_lasts_is_not_waited_for) {
  Cluster cluster = sparing();
  settle(cluster, {3});
  cluster.read(1, 2);
  cluster.drop();
  cluster.elapse(1, kPatience - nanoseconds(1));
  EXPECT_EQ(asked(cluster), Nodes{});
  cluster.elapse(1, nanoseconds(1));
  EXPECT_EQ(asked(cluster), (Nodes{2, 3}));
  cluster.drop(between(1, 3));
  cluster.stabilize();
  EXPECT_EQ(cluster.take_readable(1).size(), 1u);
  // Once is enough.
  cluster.read(1, 3);
  EXPECT_EQ(asked(cluster), Nodes{2});
}

TEST(RaftReadRounds, answers_to_earlier_rounds_keep_patience) {
  Cluster cluster = sparing();
  settle(cluster, {3});
  cluster.read(1, 2);
  cluster.elapse(1, kPatience - microseconds(100));
  cluster.read(1, 3);
  ASSERT_EQ(cluster.count(MessageKind::heartbeat), 2u);  // of two rounds, to 3
  cluster.deliver_one();
  cluster.deliver_one(
      [](const Message& message) { return message.kind == MessageKind::heartbeat_reply; });
  ASSERT_EQ(cluster.take_readable(1).size(), 1u);
  cluster.elapse(1, kPatience - nanoseconds(1));
  EXPECT_EQ(asked(cluster), Nodes{3});
  cluster.elapse(1, nanoseconds(1));
  EXPECT_EQ(asked(cluster), (Nodes{2, 3}));
}

TEST(RaftReadRounds, patience_that_is_over_when_the_next_read_comes_makes_one_round_of_everybody) {
  Cluster cluster = sparing();
  settle(cluster, {3});
  cluster.read(1, 2);
  cluster.drop();
  cluster.elapse(1, kPatience - nanoseconds(1));
  cluster.input(1, ReadRequest{.ticket = 3});  // begins a round of 3
  EXPECT_EQ(asked(cluster), Nodes{3});
  cluster.drop();
  cluster.elapse(1, nanoseconds(1));
  EXPECT_EQ(asked(cluster), (Nodes{2, 3}));
  EXPECT_EQ(cluster.count(MessageKind::heartbeat), 2u);
  cluster.stabilize();
  EXPECT_EQ(cluster.take_readable(1).size(), 2u);
}

TEST(RaftReadRounds, who_is_known_to_be_gone_is_not_waited_for_at_all) {
  Cluster cluster = sparing();
  settle(cluster, {3});
  cluster.input(1, PeerLiveness{.node = node_id(3), .alive = false});
  cluster.drop();
  cluster.read(1, 2);
  EXPECT_TRUE(asked(cluster).contains(2));
  cluster.stabilize({1, 2});
  EXPECT_EQ(cluster.take_readable(1).size(), 1u);
}

TEST(RaftReadRounds, nor_who_goes_while_he_is_asked) {
  Cluster cluster = sparing();
  settle(cluster, {3});
  cluster.read(1, 2);
  ASSERT_EQ(asked(cluster), Nodes{3});
  cluster.drop();
  cluster.input(1, PeerLiveness{.node = node_id(3), .alive = false});
  cluster.elapse(1, nanoseconds(1));
  EXPECT_EQ(asked(cluster), (Nodes{2, 3}));
  EXPECT_EQ(cluster.count(MessageKind::heartbeat), 2u);
  cluster.stabilize({1, 2});
  EXPECT_EQ(cluster.take_readable(1).size(), 1u);
}

TEST(RaftReadRounds, after_each_heartbeat_everybody_is_asked_once_so_who_is_quicker_now_shows) {
  Cluster cluster = sparing();
  settle(cluster, {3});
  while (cluster.network().empty()) cluster.elapse(1, milliseconds(1));
  cluster.stabilize();
  cluster.read(1, 2);
  ASSERT_EQ(asked(cluster), (Nodes{2, 3}));
  while (cluster.deliver_one(between(1, 2))) {
  }
  ASSERT_EQ(cluster.take_readable(1).size(), 1u);
  cluster.stabilize();
  cluster.read(1, 3);
  EXPECT_EQ(asked(cluster), Nodes{2});
}

TEST(RaftReadRounds, a_heartbeat_under_reads_asks_everybody_at_once) {
  Cluster cluster = sparing();
  settle(cluster, {3});
  cluster.elapse(1, ProtocolOptions{}.heartbeat_interval - milliseconds(1));
  cluster.read(1, 2);
  ASSERT_EQ(asked(cluster), Nodes{3});
  cluster.drop();
  cluster.elapse(1, milliseconds(1));
  EXPECT_EQ(asked(cluster), (Nodes{2, 3}));
  cluster.stabilize();
  EXPECT_EQ(cluster.take_readable(1).size(), 1u);
}

TEST(RaftReadRounds, whoever_needs_a_round_of_everybody_gets_one) {
  Cluster cluster = sparing({1, 2, 3}, {7});
  settle(cluster, {3});
  cluster.input(1, ReadRequest{.ticket = 2, .of_everybody = true});
  EXPECT_EQ(asked(cluster), (Nodes{2, 3, 7}));
  cluster.stabilize();
  EXPECT_EQ(cluster.take_readable(1).size(), 1u);
  // Also if it has to wait for the one under way.
  cluster.read(1, 3);
  cluster.input(1, ReadRequest{.ticket = 4, .of_everybody = true});
  ASSERT_EQ(asked(cluster), Nodes{2});
  cluster.deliver();
  cluster.deliver_one();
  EXPECT_EQ(asked(cluster), (Nodes{2, 3, 7}));
}

TEST(RaftReadRounds, a_leader_that_is_enough_by_itself_asks_learners_only_if_it_is_told_to) {
  Cluster cluster = sparing({1}, {2});
  cluster.run(milliseconds(200), [&] { return cluster.role(1) == Role::leader; });
  cluster.run(milliseconds(60));
  cluster.stabilize();
  cluster.read(1, 1);  // the heartbeat's
  cluster.stabilize();
  cluster.read(1, 2);
  EXPECT_EQ(asked(cluster), Nodes{});
  cluster.input(1, ReadRequest{.ticket = 3, .of_everybody = true});
  EXPECT_EQ(asked(cluster), Nodes{2});
  EXPECT_EQ(cluster.take_readable(1).size(), 3u);
}

TEST(RaftReadRounds, leases_are_asked_of_everybody) {
  Cluster cluster = sparing();
  settle(cluster, {3});
  cluster.read(1, 2, ReadMode::lease);
  EXPECT_EQ(asked(cluster), (Nodes{2, 3}));
}

TEST(RaftReadRounds, those_who_remain_are_asked_once_who_was_asked_first_is_no_member) {
  Cluster cluster = sparing();
  settle(cluster, {3});
  cluster.change(1, testing::voters({1, 2}));
  cluster.stabilize({1, 2});
  ASSERT_EQ(cluster.status(1).membership, testing::voters({1, 2}));
  cluster.drop();
  cluster.read(1, 2);
  EXPECT_TRUE(asked(cluster).contains(2));  // and 3, who hears that he has left
  cluster.stabilize({1, 2});
  EXPECT_EQ(cluster.take_readable(1).size(), 1u);
}

TEST(RaftReadRounds, of_a_joint_membership_both_halves_are_asked) {
  Cluster cluster = sparing({1, 2, 3}, {4, 5});
  settle(cluster, {3});
  const auto no_news = [](const Message& message) { return message.kind == MessageKind::append; };
  cluster.change(1, testing::voters({1, 4, 5}));
  ASSERT_FALSE(cluster.status(1).membership.outgoing.empty());
  cluster.drop(no_news);
  cluster.read(1, 2);
  EXPECT_EQ(asked(cluster), (Nodes{2, 3, 4, 5}));  // 3 is enough for the old half only
  while (cluster.deliver_one(between(1, 3))) {
  }
  EXPECT_TRUE(cluster.take_readable(1).empty());
  while (cluster.deliver_one(between(1, 5))) {
  }
  EXPECT_EQ(cluster.take_readable(1).size(), 1u);
}

TEST(RaftReadRounds, the_next_leader_asks_everybody_first) {
  Cluster cluster = sparing({1, 2, 3}, {7});
  settle(cluster, {3});
  cluster.isolate(1);
  cluster.run(seconds(3));
  cluster.heal();
  cluster.run(milliseconds(200));
  cluster.stabilize();
  const std::uint64_t leader = cluster.leader();
  ASSERT_NE(leader, 1u);
  Nodes others = {1, 2, 3, 7};
  others.erase(leader);
  cluster.read(leader, 2);
  EXPECT_EQ(asked(cluster), others);
}

}  // namespace
}  // namespace holdfast::consensus
