// A record from another node that this build would never make must not be able to stop the leader,
// nor get into the log, where it would stop every replica at every start.

#include <gtest/gtest.h>

#include "replica/command_record.h"
#include "sim/clients.h"
#include "sim/cluster.h"

namespace holdfast::sim {
namespace {

Node* leader_of(Cluster& cluster) {
  const Instant end = cluster.schedule().now() + seconds(5);
  while (cluster.schedule().now() < end && cluster.schedule().step()) {
    for (auto& node : cluster.nodes()) {
      if (node->replica().role() == consensus::Role::leader) return node.get();
    }
  }
  return nullptr;
}

TEST(ForgedRecord, IsRefusedAndHarmsNobody) {
  Clients clients(0, 1);
  Cluster cluster(1, 3, clients);
  clients.attach(cluster);
  for (auto& node : cluster.nodes()) node->start();
  Node* leader = leader_of(cluster);
  ASSERT_NE(leader, nullptr);
  const NodeId other(leader->id() == NodeId(1) ? 2 : 1);
  const Origin stranger{other, Incarnation(99), ConnectionId(1), 1};
  const auto submit = [&](std::uint8_t flags, std::vector<std::vector<std::string_view>> commands,
                          bool write) {
    replica::CommandRecord record;
    record.flags = flags;
    record.origin = stranger;
    record.commands = std::move(commands);
    std::string bytes;
    replica::encode_record(record, bytes);
    return leader->replica().submit(bytes, write, Epoch{});
  };
  using replica::Accepted;
  EXPECT_EQ(submit(0, {{"_DURABLE", "5"}}, true), Accepted::not_leader);
  EXPECT_EQ(submit(0, {{"_REVISIONS", "k"}}, true), Accepted::not_leader);
  EXPECT_EQ(submit(0, {{"SET", "a", "b"}}, false), Accepted::not_leader);
  EXPECT_EQ(submit(0, {{"NOSUCH"}}, true), Accepted::not_leader);
  EXPECT_EQ(submit(0, {{"PING"}}, false), Accepted::not_leader);
  EXPECT_EQ(submit(0, {{"SET", "a"}}, true), Accepted::not_leader);
  EXPECT_EQ(submit(0, {}, true), Accepted::not_leader);
  EXPECT_EQ(submit(0, {{"GET", "a"}, {"GET", "b"}}, false), Accepted::not_leader);
  EXPECT_EQ(submit(replica::kTransaction, {{"ONCE", "id"}, {"GET", "a"}}, false),
            Accepted::not_leader);
  EXPECT_EQ(leader->replica().submit("nonsense", true, Epoch{}), Accepted::not_leader);
  EXPECT_EQ(submit(0, {{"_DURABLE", "5"}}, false), Accepted::yes);
  EXPECT_EQ(submit(0, {{"SET", "a", "b"}}, true), Accepted::yes);
  EXPECT_EQ(submit(replica::kTransaction, {{"ONCE", "id"}, {"SET", "a", "b"}}, true),
            Accepted::yes);
  leader->handle([] {});
  const Instant end = cluster.schedule().now() + seconds(2);
  while (cluster.schedule().now() < end && cluster.schedule().step()) {
  }
  for (auto& node : cluster.nodes()) EXPECT_EQ(node->replica().keyspace().size(), 1u);
}

}  // namespace
}  // namespace holdfast::sim
