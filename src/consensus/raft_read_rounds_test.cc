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

// Node 1 leads, nothing is on its way, and a round has been confirmed first by `quick`.
void settle(Cluster& cluster, const std::vector<std::uint64_t>& quick) {
  cluster.elect(1);
  cluster.run(milliseconds(200));
  ASSERT_TRUE(cluster.network().empty());
  cluster.read(1, 1);
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

TEST(RaftReadRounds, once_everybody_has_been_asked_so_is_everybody_in_the_next_round) {
  Cluster cluster = sparing();
  settle(cluster, {3});
  cluster.read(1, 2);
  cluster.drop();
  cluster.elapse(1, kPatience);
  EXPECT_EQ(asked(cluster), (Nodes{2, 3}));
  cluster.drop();
  cluster.elapse(1, microseconds(100));
  cluster.read(1, 3);
  cluster.elapse(1, kPause);
  EXPECT_EQ(asked(cluster), (Nodes{2, 3}));
  cluster.stabilize();
  EXPECT_EQ(cluster.take_readable(1).size(), 2u);
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

TEST(RaftReadRounds, a_heartbeat_under_reads_asks_everybody_and_shows_who_is_quicker_now) {
  Cluster cluster = sparing();
  settle(cluster, {3});
  // Until just before a heartbeat is due, so that patience outlasts it.
  while (cluster.network().empty()) cluster.elapse(1, milliseconds(1));
  cluster.stabilize();
  cluster.elapse(1, ProtocolOptions{}.heartbeat_interval - milliseconds(1));
  cluster.read(1, 2);
  ASSERT_EQ(asked(cluster), Nodes{3});
  cluster.elapse(1, milliseconds(1));
  EXPECT_EQ(asked(cluster), (Nodes{2, 3}));
  cluster.drop(between(1, 3));  // late
  cluster.stabilize();
  EXPECT_EQ(cluster.take_readable(1).size(), 1u);
  cluster.read(1, 3);
  EXPECT_EQ(asked(cluster), Nodes{2});
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
  cluster.run(seconds(3));
  ASSERT_EQ(cluster.status(1).membership, testing::voters({1, 2}));
  cluster.stabilize();
  cluster.read(1, 2);
  EXPECT_EQ(asked(cluster), Nodes{2});
  cluster.stabilize();
  EXPECT_EQ(cluster.take_readable(1).size(), 1u);
}

TEST(RaftReadRounds, the_next_leader_asks_everybody_first) {
  Cluster cluster = sparing();
  settle(cluster, {3});
  cluster.isolate(1);
  cluster.run(seconds(3));
  cluster.heal();
  cluster.run(milliseconds(200));
  cluster.stabilize();
  const std::uint64_t leader = cluster.leader();
  ASSERT_NE(leader, 1u);
  Nodes others = {1, 2, 3};
  others.erase(leader);
  cluster.read(leader, 2);
  EXPECT_EQ(asked(cluster), others);
}

}  // namespace
}  // namespace holdfast::consensus
