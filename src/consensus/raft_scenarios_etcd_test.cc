// Situations that other implementations have learned from, named as etcd's raft names them.
#include <gtest/gtest.h>

#include "consensus/testing/cluster.h"
#include "consensus/testing/printing.h"

namespace holdfast::consensus {
namespace {

using testing::Cluster;
using testing::ClusterOptions;
using testing::epoch;
using testing::found;
using testing::Words;

Message message(MessageKind kind, std::uint64_t from, std::uint64_t to, Epoch epoch) {
  Message result;
  result.kind = kind;
  result.from = NodeId(from);
  result.to = NodeId(to);
  result.epoch = epoch;
  return result;
}

Entry batch_entry(std::uint64_t index, Epoch at, std::string_view payload) {
  Entry result;
  result.index = Index(index);
  result.epoch = at;
  result.kind = EntryKind::batch;
  result.payload = SharedBytes(std::string(payload));
  result.content = content_checksum(GroupId(0), result.index, result.kind, payload);
  return result;
}

const auto kAlways = [](const Message&) { return true; };

// ---- Writes -------------------------------------------------------------------------------------

TEST(RaftScenariosEtcd, async_storage_writes_append_aba_race) {
  // Index 2 is written under 1.1, overwritten under 2.3 and overwritten again by the first entry,
  // all while the first write is under way.
  Cluster cluster({.voters = {1, 2, 3}});
  cluster.elect(1);
  const auto append = [&](Epoch leader, const std::vector<Entry>& entries) {
    Message one = message(MessageKind::append, leader.node.value, 1, leader);
    one.index = Index(1);
    one.index_epoch = epoch(1, 1);
    one.entries = entries;
    cluster.input(1, Received{one});
  };
  cluster.propose(1, "a");
  append(epoch(2, 3), {batch_entry(2, epoch(2, 3), "b")});
  append(epoch(3, 2), {batch_entry(2, epoch(1, 1), "a"), batch_entry(3, epoch(3, 2), "c")});
  ASSERT_EQ(cluster.writes_under_way(1), 3u);
  cluster.sync(1, 1);
  EXPECT_EQ(cluster.status(1).durable, Index(1));
  cluster.sync(1, 1);
  EXPECT_EQ(cluster.status(1).durable, Index(1));
  EXPECT_EQ(cluster.count(MessageKind::append_reply), 1u);  // to 3, who asked under 2.3
  cluster.sync(1, 1);
  EXPECT_EQ(cluster.status(1).durable, Index(3));
}

TEST(RaftScenariosEtcd, durable_index_rolls_back_on_truncation) {
  // ClickHouse#102629. What was durable is cut: until its place is written nobody may be told of
  // it.
  Cluster cluster({.voters = {1, 2, 3}});
  cluster.elect(1);
  cluster.propose(1, "a");
  cluster.propose(1, "b");
  cluster.sync(1, 2);
  ASSERT_EQ(cluster.status(1).durable, Index(3));
  Message one = message(MessageKind::append, 3, 1, epoch(2, 3));
  one.index = Index(1);
  one.index_epoch = epoch(1, 1);
  one.entries = {batch_entry(2, epoch(2, 3), "x")};
  cluster.input(1, Received{one});
  EXPECT_EQ(cluster.status(1).durable, Index(1));
  EXPECT_EQ(cluster.count(MessageKind::append_reply), 0u);
  cluster.sync(1, 1);
  EXPECT_EQ(cluster.status(1).durable, Index(2));
  EXPECT_EQ(cluster.count(MessageKind::append_reply), 1u);
}

// ---- Elections ----------------------------------------------------------------------------------

TEST(RaftScenariosEtcd, TestFreeStuckCandidateWithCheckQuorum) {
  // A candidate with a higher epoch than everyone else's is ignored by voters that hear the leader.
  // The leader's next message frees it: the answer moves the leader up.
  Cluster cluster({.found = {{3, found(epoch(5, 3), {})}}});
  cluster.isolate(3);
  cluster.elect(1);
  EXPECT_EQ(cluster.epoch(1), epoch(1, 1));
  cluster.heal();
  Message request = message(MessageKind::vote_request, 3, 2, epoch(6, 3));
  request.index = Index(9);
  request.index_epoch = epoch(5, 3);
  cluster.input(2, Received{request});
  EXPECT_EQ(cluster.epoch(2), epoch(1, 1)) << "ignoring includes the epoch";
  cluster.elapse(1, milliseconds(50));
  cluster.stabilize();
  EXPECT_EQ(cluster.role(1), Role::follower);
  EXPECT_GE(cluster.epoch(1), epoch(5, 3));
  cluster.run(seconds(3));
  ASSERT_NE(cluster.leader(), 0u);
  EXPECT_EQ(cluster.status(3).leader, NodeId(cluster.leader()));
}

TEST(RaftScenariosEtcd, TestDisruptiveFollower) {
  // A follower that campaigns because it heard nothing for a while does not depose a leader that
  // the others hear.
  Cluster cluster({});
  cluster.elect(1);
  cluster.cut_link(1, 3);
  cluster.run(seconds(3));
  EXPECT_EQ(cluster.leader(), 1u);
  EXPECT_EQ(cluster.epoch(1), epoch(1, 1));
  EXPECT_EQ(cluster.role(3), Role::candidate);
  cluster.heal();
  cluster.run(milliseconds(200));
  EXPECT_EQ(cluster.role(3), Role::follower);
  EXPECT_EQ(cluster.leader(), 1u);
}

TEST(RaftScenariosEtcd, TestDisruptiveFollowerPreVote) {
  // The same with a log that has fallen behind: refused for its log too, and no epoch is raised.
  Cluster cluster({});
  cluster.elect(1);
  cluster.isolate(3);
  cluster.propose(1, "a");
  cluster.propose(1, "b");
  cluster.run(seconds(1));
  cluster.heal();
  cluster.campaign(3);
  cluster.run(milliseconds(300));
  EXPECT_EQ(cluster.leader(), 1u);
  EXPECT_EQ(cluster.epoch(1), epoch(1, 1));
  EXPECT_EQ(cluster.committed(3), (Words{"a", "b"}));
}

TEST(RaftScenariosEtcd, TestPreVoteMigrationCanCompleteElection) {
  // Node 3 has promised more than the others and has the shorter log. Nodes 2 and 3 alone still
  // elect a leader: the refusal tells node 2 how far node 3's epoch is.
  Cluster cluster({.found = {{1, found(epoch(2, 1), {epoch(2, 1), epoch(2, 1)})},
                             {2, found(epoch(2, 1), {epoch(2, 1), epoch(2, 1)})},
                             {3, found(epoch(4, 3), {epoch(2, 1)})}}});
  cluster.crash(1);
  cluster.run(seconds(4));
  EXPECT_EQ(cluster.leader(), 2u);
  EXPECT_GT(cluster.epoch(2), epoch(4, 3));
  EXPECT_EQ(cluster.status(3).leader, NodeId(2));
}

TEST(RaftScenariosEtcd, TestPreVoteMigrationWithFreeStuckPreCandidate) {
  // One that has promised more than the epoch of a healthy leader follows again: whoever it asks
  // answers, and the leader's messages are answered by it.
  Cluster cluster({.found = {{3, found(epoch(4, 3), {})}}});
  cluster.isolate(3);
  cluster.elect(1);
  cluster.heal();
  cluster.run(seconds(2));
  ASSERT_NE(cluster.leader(), 0u);
  EXPECT_GT(cluster.epoch(cluster.leader()), epoch(4, 3));
  for (const auto node : cluster.nodes()) {
    EXPECT_EQ(cluster.status(node).leader, NodeId(cluster.leader()));
  }
}

TEST(RaftScenariosEtcd, TestNodeWithSmallerTermCanCompleteElection) {
  // Node 3 was away for two elections. When the leader dies it can still win, with its epoch moved
  // up by a refusal.
  Cluster cluster({});
  cluster.isolate(3);
  cluster.elect(1);
  cluster.crash(1);
  cluster.restart(1);
  cluster.run(seconds(2));
  const auto leader = cluster.leader();
  ASSERT_TRUE(leader == 1 || leader == 2);
  cluster.heal();
  cluster.run(milliseconds(300));
  EXPECT_EQ(cluster.status(3).last, cluster.status(leader).last);
  cluster.crash(leader);
  const auto other = leader == 1 ? 2u : 1u;
  cluster.input(3, PeerLiveness{NodeId(leader), false});
  cluster.input(other, PeerLiveness{NodeId(leader), false});
  cluster.elapse(3, milliseconds(50));
  cluster.stabilize();
  EXPECT_EQ(cluster.leader(), 3u);
}

// ---- Replication --------------------------------------------------------------------------------

TEST(RaftScenariosEtcd, TestFastLogRejection) {
  // One refusal is enough, whoever has the entries that the other lacks.
  struct Case {
    std::vector<Epoch> leader;
    std::vector<Epoch> follower;
  };
  const auto e = [](std::uint64_t round) { return epoch(round, 2); };
  const std::vector<Case> cases = {
      {{e(1), e(2), e(2), e(4), e(4), e(4), e(4)}, {e(1), e(2), e(2), e(3), e(3), e(3), e(3)}},
      {{e(1), e(2), e(2), e(3), e(4), e(4), e(4), e(5)},
       {e(1), e(2), e(2), e(3), e(3), e(3), e(3)}},
      {{e(1), e(1), e(1), e(1)}, {e(1)}},
      {{e(1), e(3), e(3), e(3), e(3)}, {e(1), e(2), e(2)}},
      {{e(1), e(1), e(1), e(5), e(5)}, {e(1), e(1), e(1), e(4), e(4), e(4), e(4), e(4), e(4)}},
      {{e(1), e(1), e(1), e(1), e(1), e(6)}, {e(1), e(1), e(2), e(2), e(2), e(2), e(2), e(2)}},
  };
  for (const Case& one : cases) {
    Cluster cluster({.voters = {1, 2, 3},
                     .found = {{1, found({}, one.leader)},
                               {2, found({}, one.follower)},
                               {3, found({}, one.leader)}}});
    cluster.isolate(2);
    cluster.run(seconds(2), [&] { return cluster.leader() != 0; });
    const auto leader = cluster.leader();
    cluster.stabilize();
    cluster.heal();
    int refusals = 0;
    cluster.tamper = [&](Message& sent) {
      if (sent.kind == MessageKind::append_reply && sent.refused) ++refusals;
      return true;
    };
    cluster.run(milliseconds(400));
    EXPECT_EQ(cluster.log_text(2), cluster.log_text(leader));
    // In the last case both sides have an epoch that the other lacks: one step each.
    EXPECT_LE(refusals, 3);
    EXPECT_GE(refusals, 1);
  }
}

TEST(RaftScenariosEtcd, TestLogReplicationWithReorderedMessage) {
  Cluster cluster({});
  cluster.elect(1);
  cluster.propose(1, "a");
  cluster.propose(1, "b");
  cluster.propose(1, "c");
  // The last first: refused; then everything that the refusal brings about, then the rest.
  const auto to_2 = [](const Message& one) { return one.to == NodeId(2); };
  std::size_t last = 0;
  for (std::size_t i = 0; i < cluster.network().size(); ++i) {
    if (to_2(cluster.network()[i])) last = i;
  }
  cluster.deliver_nth(last, true);
  cluster.deliver([](const Message& one) { return one.to == NodeId(1); });
  EXPECT_EQ(cluster.last(2), 1u);
  cluster.stabilize();
  EXPECT_EQ(cluster.committed(2), (Words{"a", "b", "c"}));
  EXPECT_EQ(cluster.committed(1), (Words{"a", "b", "c"}));
}

TEST(RaftScenariosEtcd, TestUncommittedEntryLimit) {
  ClusterOptions options;
  options.protocol.uncommitted_bytes = 10;
  Cluster cluster(options);
  cluster.elect(1);
  cluster.isolate(1);
  // The first always passes, or a large one never would.
  EXPECT_FALSE(cluster.propose(1, "twelve bytes").refusal);
  EXPECT_EQ(cluster.propose(1, "x").refusal, ProposalRefusal::too_much_pending);
  EXPECT_EQ(cluster.last(1), 2u);
  cluster.heal();
  cluster.run(milliseconds(200));
  EXPECT_EQ(cluster.commit(1), 2u);
  EXPECT_FALSE(cluster.propose(1, "12345").refusal);
  EXPECT_FALSE(cluster.propose(1, "12345").refusal);
  EXPECT_EQ(cluster.propose(1, "1").refusal, ProposalRefusal::too_much_pending);
  // Nothing is counted twice, and nothing is forgotten.
  cluster.stabilize();
  EXPECT_FALSE(cluster.propose(1, "1").refusal);
}

TEST(RaftScenariosEtcd, TestRawNodeBoundedLogGrowthWithPartition) {
  // A leader without followers, asked without end, keeps a bounded log.
  ClusterOptions options;
  options.protocol.uncommitted_bytes = 1000;
  Cluster cluster(options);
  cluster.elect(1);
  cluster.isolate(1);
  int accepted = 0;
  for (int i = 0; i < 1000; ++i) {
    if (!cluster.propose(1, std::string(100, 'x')).refusal) ++accepted;
    if (i % 100 == 0) cluster.sync(1);
  }
  EXPECT_EQ(accepted, 10);
  EXPECT_LE(cluster.protocol(1).log().bytes(), 1000u);
}

// ---- Reads --------------------------------------------------------------------------------------

TEST(RaftScenariosEtcd, TestReadOnlyForNewLeader) {
  // A leader that has not committed in its epoch may be behind what its predecessor had committed.
  Cluster cluster({});
  cluster.elect(1);
  cluster.propose(1, "a");
  cluster.stabilize();
  cluster.propose(1, "b");
  cluster.deliver([](const Message& one) { return one.to == NodeId(2); });
  cluster.sync(2);
  cluster.sync(1);
  cluster.deliver([](const Message& one) { return one.to == NodeId(1); });
  EXPECT_EQ(cluster.commit(1), 3u);
  EXPECT_EQ(cluster.commit(2), 2u);
  cluster.crash(1);
  cluster.drop();
  for (const auto node : {2u, 3u}) cluster.input(node, PeerLiveness{NodeId(1), false});
  cluster.campaign(2);
  while (cluster.role(2) != Role::leader) {
    if (!cluster.deliver_one()) {
      cluster.sync(2);
      cluster.sync(3);
    }
  }
  cluster.read(2, 1);
  EXPECT_TRUE(cluster.take_readable(2).empty());
  cluster.stabilize();
  const auto readable = cluster.take_readable(2);
  ASSERT_EQ(readable.size(), 1u);
  EXPECT_GE(readable[0].index, Index(3));
}

TEST(RaftScenariosEtcd, TestReadOnlyOptionLease) {
  // With a lease a leader answers without asking anybody, at what it has committed; a follower does
  // not answer at all. (etcd's followers pass the question on; here the host does that.)
  Cluster cluster({});
  EXPECT_TRUE(cluster.protocol(1).guarantees().lease_reads);
  cluster.elect(1);
  cluster.read(1, 1, ReadMode::lease);
  cluster.stabilize();
  EXPECT_EQ(cluster.take_readable(1).size(), 1u);
  for (ReadTicket ticket = 2; ticket < 6; ++ticket) {
    for (int i = 0; i < 10; ++i) cluster.propose(1, "x");
    cluster.stabilize();
    cluster.read(1, ticket, ReadMode::lease);
    EXPECT_TRUE(cluster.network().empty());
    const auto readable = cluster.take_readable(1);
    ASSERT_EQ(readable.size(), 1u);
    EXPECT_EQ(readable[0].index.value, cluster.commit(1));
    EXPECT_EQ(readable[0].mode, ReadMode::lease);
    cluster.read(2, ticket, ReadMode::lease);
    EXPECT_EQ(cluster.take_refused(2), std::vector<ReadTicket>{ticket});
  }
}

TEST(RaftScenariosEtcd, TestReadOnlyOptionLeaseWithoutCheckQuorum) {
  // etcd answers by a lease for ever if nothing makes the leader give up. Here a lease ends by
  // itself: a leader that cannot ask a quorum answers none.
  Cluster cluster({});
  cluster.elect(1);
  cluster.read(1, 1, ReadMode::lease);
  cluster.stabilize();
  EXPECT_EQ(cluster.take_readable(1).size(), 1u);
  cluster.isolate(1);
  cluster.elapse(1, milliseconds(300));
  EXPECT_EQ(cluster.role(1), Role::leader);
  cluster.read(1, 2, ReadMode::lease);
  cluster.stabilize();
  EXPECT_TRUE(cluster.take_readable(1).empty());
  cluster.run(seconds(1));
  EXPECT_EQ(cluster.take_refused(1), std::vector<ReadTicket>{2});
}

TEST(RaftScenariosEtcd, TestReadOnlyDuplicateRequest) {
  // A host that asks twice under one name gets two answers, and repeated replies bring no third.
  Cluster cluster({});
  cluster.elect(1);
  cluster.read(1, 5);
  cluster.read(1, 5);
  cluster.elapse(1, milliseconds(1));
  for (int i = 0; i < 20; ++i) cluster.deliver_nth(0, true);
  cluster.stabilize();
  EXPECT_EQ(cluster.take_readable(1).size(), 2u);
}

TEST(RaftScenariosEtcd, TestReadOnlyWithLearner) {
  // A learner's answer confirms nothing, and a learner serves no reads of its own.
  Cluster cluster({.voters = {1, 2, 3}, .learners = {4}});
  cluster.elect(1);
  cluster.isolate(2);
  cluster.isolate(3);
  cluster.read(1, 1);
  cluster.stabilize();
  EXPECT_TRUE(cluster.take_readable(1).empty());
  cluster.read(4, 2);
  EXPECT_EQ(cluster.take_refused(4), std::vector<ReadTicket>{2});
  cluster.heal();
  cluster.elapse(1, milliseconds(60));
  cluster.stabilize();
  EXPECT_EQ(cluster.take_readable(1).size(), 1u);
}

TEST(RaftScenariosEtcd, read_during_a_transfer_waits_for_a_quorum) {
  // openraft#1747: reads must not be served on the strength of a lease once leadership is on its
  // way out. The source, deposed without knowing it, answers nothing.
  Cluster cluster({});
  cluster.elect(1);
  cluster.read(1, 9, ReadMode::lease);
  cluster.stabilize();
  cluster.read(1, 10, ReadMode::lease);
  EXPECT_EQ(cluster.take_readable(1).size(), 2u);
  cluster.input(1, TransferRequested{NodeId(2)});
  cluster.deliver([](const Message& one) { return one.kind == MessageKind::campaign_now; });
  cluster.isolate(1);
  cluster.stabilize();
  EXPECT_EQ(cluster.role(2), Role::leader);
  EXPECT_EQ(cluster.role(1), Role::leader);
  cluster.propose(2, "new");
  cluster.stabilize();
  cluster.read(1, 1, ReadMode::lease);
  cluster.run(seconds(1));
  EXPECT_TRUE(cluster.take_readable(1).empty());
  EXPECT_EQ(cluster.take_refused(1), std::vector<ReadTicket>{1});
}

TEST(RaftScenariosEtcd, stale_commit_claims_are_bounded_by_what_matches) {
  // scylladb#10578: a message that proves nothing about the log must not move the commit index
  // beyond it.
  Cluster cluster({});
  cluster.elect(1);
  Message beat = message(MessageKind::heartbeat, 1, 2, cluster.epoch(1));
  beat.commit = Index(100);
  cluster.input(2, Received{beat});
  EXPECT_EQ(cluster.commit(2), cluster.last(2));
  cluster.drop(kAlways);
}

}  // namespace
}  // namespace holdfast::consensus
