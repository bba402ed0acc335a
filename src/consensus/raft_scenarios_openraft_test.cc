// Situations from openraft's issues and tests, under the names they have there.
#include <gtest/gtest.h>

#include "consensus/testing/cluster.h"

namespace holdfast::consensus {
namespace {

using testing::Cluster;
using testing::ClusterOptions;
using testing::epoch;
using testing::found;
using testing::Words;

// ---- Elections ----------------------------------------------------------------------------------

TEST(RaftScenariosOpenraft, t14_one_way_isolation) {
  // A node that cannot hear, but is heard, never disturbs: its pre-votes are refused.
  Cluster cluster({});
  cluster.elect(1);
  cluster.cut_link(1, 3);
  cluster.cut_link(2, 3);
  cluster.run(seconds(3));
  EXPECT_EQ(cluster.leader(), 1u);
  EXPECT_EQ(cluster.epoch(1), epoch(1, 1));
  cluster.propose(1, "a");
  cluster.run(milliseconds(100));
  EXPECT_EQ(cluster.committed(1), Words{"a"});
  cluster.heal();
  cluster.run(milliseconds(200));
  EXPECT_EQ(cluster.committed(3), Words{"a"});
  EXPECT_EQ(cluster.epoch(1), epoch(1, 1));
}

TEST(RaftScenariosOpenraft, issue_1796_prevote_cross_cohort) {
  // Nodes 1 and 2 have the longest log and an old epoch; 3 and 4 the highest epoch and a short log;
  // 5 is down. Neither side can win until the refusals have carried the higher epoch across.
  const auto longer = found(epoch(3, 1), {epoch(1, 1), epoch(3, 1), epoch(3, 1)});
  const auto higher = found(epoch(9, 4), {epoch(1, 1)});
  Cluster cluster(
      {.voters = {1, 2, 3, 4, 5}, .found = {{1, longer}, {2, longer}, {3, higher}, {4, higher}}});
  cluster.crash(5);
  cluster.run(seconds(4), [&] { return cluster.leader() != 0; });
  ASSERT_TRUE(cluster.leader() == 1 || cluster.leader() == 2) << cluster.leader();
  EXPECT_GT(cluster.epoch(cluster.leader()), epoch(9, 4));
  cluster.run(milliseconds(300));
  EXPECT_EQ(cluster.committed(4).size(), 3u);
}

// ---- Replication --------------------------------------------------------------------------------

TEST(RaftScenariosOpenraft, t99_issue_584_replication_state_reverted) {
  // A late refusal, of before the peer had caught up, must not take back what it acknowledged.
  Cluster cluster({});
  cluster.elect(1);
  cluster.propose(1, "a");
  cluster.propose(1, "b");
  cluster.stabilize();
  Message refusal;
  refusal.kind = MessageKind::append_reply;
  refusal.from = NodeId(2);
  refusal.to = NodeId(1);
  refusal.epoch = cluster.epoch(1);
  refusal.refused = true;
  refusal.index = Index(2);
  refusal.hint = Index(0);
  cluster.input(1, Received{refusal});
  EXPECT_EQ(cluster.status(1).peers[0].match, Index(3));
  EXPECT_TRUE(cluster.network().empty());
}

TEST(RaftScenariosOpenraft, t62_follower_clear_restart_recover) {
  // A node with an empty log behind the old promise catches up from the first entry. (A node that
  // lost its disk is a new node, and never comes back under its old id.)
  Cluster cluster({});
  cluster.isolate(3);
  cluster.elect(1);
  for (int i = 0; i < 5; ++i) cluster.propose(1, "x");
  cluster.stabilize();
  cluster.crash(3);
  cluster.restart(3);
  cluster.heal();
  cluster.run(milliseconds(200));
  EXPECT_EQ(cluster.committed(3), cluster.committed(1));
  EXPECT_EQ(cluster.commit(3), cluster.commit(1));
}

TEST(RaftScenariosOpenraft, t33_snapshot_delete_conflict_logs) {
  // A follower's uncommitted entries contradict the snapshot: they go, also those behind it.
  std::vector<Epoch> strange(7, epoch(2, 3));
  strange[0] = epoch(1, 1);
  const auto common = found({}, {epoch(1, 1), epoch(3, 1)});
  Cluster cluster({.found = {{1, common}, {2, common}, {3, found({}, strange)}}});
  cluster.isolate(3);
  cluster.run(seconds(2), [&] { return cluster.leader() != 0; });
  const auto leader = cluster.leader();
  cluster.propose(leader, "a");
  cluster.stabilize();
  cluster.compact(leader, cluster.commit(leader));
  cluster.heal();
  cluster.run(milliseconds(200));
  ASSERT_EQ(cluster.take_snapshot_wishes(leader), std::vector<NodeId>{NodeId(3)});
  cluster.send_snapshot(leader, 3);
  cluster.stabilize();
  ASSERT_TRUE(cluster.installing(3));
  cluster.install(3);
  cluster.input(leader, SnapshotSent{NodeId(3), true});
  EXPECT_EQ(cluster.last(3), cluster.commit(leader));
  cluster.propose(leader, "b");
  cluster.run(milliseconds(100));
  EXPECT_EQ(cluster.committed(3), cluster.committed(leader));
  cluster.crash(3);
  cluster.restart(3);
  cluster.run(milliseconds(200));
  EXPECT_EQ(cluster.committed(3), cluster.committed(leader));
}

TEST(RaftScenariosOpenraft, issue_1808_stale_membership_after_snapshot) {
  // The membership of a snapshot replaces one in the log that was never committed.
  Membership stale = testing::voters({3, 4, 5});
  testing::Found strange = found({}, {epoch(1, 1), epoch(1, 1)});
  strange.entries.emplace_back(epoch(2, 3), stale);
  const auto common = found({}, {epoch(1, 1), epoch(3, 1), epoch(3, 1)});
  Cluster cluster({.found = {{1, common}, {2, common}, {3, strange}}});
  EXPECT_EQ(cluster.status(3).membership, stale);
  cluster.isolate(3);
  cluster.run(seconds(2), [&] { return cluster.leader() != 0; });
  const auto leader = cluster.leader();
  cluster.stabilize();
  cluster.compact(leader, cluster.commit(leader));
  cluster.heal();
  cluster.run(milliseconds(200));
  cluster.send_snapshot(leader, 3);
  cluster.stabilize();
  cluster.install(3);
  EXPECT_EQ(cluster.status(3).membership, testing::voters({1, 2, 3}));
}

TEST(RaftScenariosOpenraft, membership_goes_with_the_entry_that_is_cut) {
  testing::Found strange = found({}, {epoch(1, 1)});
  strange.entries.emplace_back(epoch(2, 3), testing::voters({3, 4, 5}));
  const auto common = found({}, {epoch(1, 1), epoch(3, 1)});
  Cluster cluster({.found = {{1, common}, {2, common}, {3, strange}}});
  EXPECT_EQ(cluster.status(3).membership, testing::voters({3, 4, 5}));
  cluster.isolate(3);
  cluster.run(milliseconds(500), [&] { return cluster.leader() == 1 || cluster.leader() == 2; });
  cluster.stabilize();
  cluster.heal();
  Message append;
  append.kind = MessageKind::append;
  append.from = NodeId(1);
  append.to = NodeId(3);
  append.epoch = epoch(90, 1);
  append.index = Index(1);
  append.index_epoch = epoch(1, 1);
  Entry noop;
  noop.index = Index(2);
  noop.epoch = epoch(90, 1);
  noop.content = content_checksum(GroupId(0), noop.index, noop.kind, "");
  append.entries = {noop};
  cluster.input(3, Received{append});
  EXPECT_EQ(cluster.status(3).membership, testing::voters({1, 2, 3}));
}

TEST(RaftScenariosOpenraft, t90_issue_1892_inconsistent_snapshot) {
  // A snapshot that is older than what was committed here is not installed; one that the log
  // contains only moves the commit index.
  Cluster cluster({});
  cluster.elect(1);
  cluster.propose(1, "a");
  cluster.propose(1, "b");
  cluster.stabilize();
  cluster.compact(1, 2);
  cluster.send_snapshot(1, 3);
  cluster.stabilize();
  EXPECT_FALSE(cluster.installing(3));
  EXPECT_EQ(cluster.commit(3), 3u);
  EXPECT_EQ(cluster.status(3).first, Index(1));
}

TEST(RaftScenariosOpenraft, t90_issue_1892_a_snapshot_older_than_ones_own_is_not_installed) {
  Cluster cluster({});
  cluster.elect(1);
  cluster.propose(1, "a");
  cluster.propose(1, "b");
  cluster.stabilize();
  cluster.compact(1, 2);
  cluster.compact(3, 3);
  cluster.send_snapshot(1, 3);
  cluster.stabilize();
  EXPECT_FALSE(cluster.installing(3));
  EXPECT_EQ(cluster.status(3).first, Index(4));
}

TEST(RaftScenariosOpenraft, while_a_snapshot_is_installed_nothing_is_appended) {
  Cluster cluster({});
  cluster.elect(1);
  cluster.isolate(3);
  for (int i = 0; i < 5; ++i) cluster.propose(1, "x");
  cluster.stabilize();
  cluster.compact(1, 4);
  cluster.heal();
  cluster.elapse(1, milliseconds(60));
  cluster.stabilize();
  cluster.send_snapshot(1, 3);
  cluster.stabilize();
  ASSERT_TRUE(cluster.installing(3));
  const auto last = cluster.last(3);
  cluster.input(1, SnapshotSent{NodeId(3), true});
  cluster.propose(1, "y");
  cluster.run(milliseconds(200));
  EXPECT_EQ(cluster.last(3), last);
  // Nor does it campaign, though it votes.
  cluster.crash(1);
  cluster.run(seconds(2));
  EXPECT_EQ(cluster.leader(), 2u);
  cluster.install(3);
  cluster.run(milliseconds(300));
  EXPECT_EQ(cluster.committed(3), cluster.committed(2));
}

// ---- Restarts -----------------------------------------------------------------------------------

TEST(RaftScenariosOpenraft, t50_leader_restart_cluster_committed_not_restored) {
  // A group of one that restarts knows its log, and commits it again with an entry of a new epoch.
  Cluster cluster({.voters = {1}});
  cluster.run(milliseconds(100));
  cluster.propose(1, "a");
  cluster.run(milliseconds(100));
  const Epoch before = cluster.epoch(1);
  cluster.crash(1);
  cluster.restart(1);
  EXPECT_EQ(cluster.commit(1), 0u);
  cluster.run(milliseconds(100));
  EXPECT_EQ(cluster.role(1), Role::leader);
  EXPECT_GT(cluster.epoch(1), before) << "an epoch is never used twice";
  EXPECT_EQ(cluster.committed(1), Words{"a"});
}

TEST(RaftScenariosOpenraft, t90_issue_920_non_voter_leader_restart) {
  // A node that the log says is no voter starts as a learner, whatever it was. It cannot know that
  // this was ever committed, so it asks for votes when it hears nobody (thesis 4.2.2: it may be the
  // only one who has the entry), but is not counted, and in the end the voter leads.
  testing::Found log = found(epoch(2, 1), {epoch(1, 1)});
  Membership without = testing::voters({2});
  without.learners = {NodeId(1)};
  log.entries.emplace_back(epoch(2, 1), without);
  Cluster cluster({.voters = {1, 2}, .found = {{1, log}, {2, log}}});
  EXPECT_EQ(cluster.role(1), Role::learner);
  cluster.elapse(1, seconds(3));
  EXPECT_NE(cluster.role(1), Role::leader) << "its own vote is no majority";
  cluster.run(seconds(2));
  EXPECT_EQ(cluster.leader(), 2u);
  EXPECT_EQ(cluster.role(1), Role::learner);
  cluster.elapse(1, seconds(3));
  EXPECT_EQ(cluster.role(1), Role::learner) << "it knows by now that the entry is committed";
}

TEST(RaftScenariosOpenraft, a_restarted_candidate_does_not_use_its_epoch_again) {
  // hashicorp/raft#661: term and vote are one record here, so a crash leaves both or none.
  Cluster cluster({});
  cluster.campaign(1);
  cluster.deliver();
  cluster.deliver();
  ASSERT_EQ(cluster.epoch(1), epoch(1, 1));
  cluster.crash(1, 0);
  cluster.restart(1);
  EXPECT_EQ(cluster.epoch(1), Epoch{}) << "not durable, hence not sent either";
  EXPECT_EQ(cluster.count(MessageKind::vote_request), 0u);
  cluster.campaign(1);
  cluster.deliver();
  cluster.deliver();
  cluster.crash(1, 1);
  cluster.restart(1);
  cluster.campaign(1);
  cluster.stabilize();
  EXPECT_EQ(cluster.epoch(1), epoch(2, 1));
}

}  // namespace
}  // namespace holdfast::consensus
