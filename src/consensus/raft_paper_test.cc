// One test for each claim of the paper (Ongaro and Ousterhout, "In Search of an Understandable
// Consensus Algorithm", extended version); the section is in the name. Where etcd's
// raft_paper_test.go has the claim too, its name follows.
#include <gtest/gtest.h>

#include <set>

#include "consensus/testing/cluster.h"

namespace holdfast::consensus {
namespace {

using testing::Cluster;
using testing::epoch;
using testing::found;
using testing::Words;

Message append(std::uint64_t to, Epoch at, std::uint64_t index, Epoch index_epoch) {
  Message message;
  message.kind = MessageKind::append;
  message.from = at.node;
  message.to = NodeId(to);
  message.epoch = at;
  message.index = Index(index);
  message.index_epoch = index_epoch;
  return message;
}

// ---- 5.1 ----------------------------------------------------------------------------------------

TEST(RaftPaper, s51_a_higher_term_is_taken_over_TestUpdateTermFromMessage) {
  for (const auto node : {1u, 2u, 3u}) {
    Cluster cluster({});
    cluster.elect(1);
    if (node == 3) cluster.campaign(3);
    const std::uint64_t other = node == 2 ? 3 : 2;
    cluster.input(node, Received{append(node, epoch(7, other), 0, {})});
    EXPECT_EQ(cluster.epoch(node), epoch(7, other));
    EXPECT_EQ(cluster.role(node), Role::follower);
  }
}

TEST(RaftPaper, s51_a_stale_term_is_rejected_TestRejectStaleTermMessage) {
  Cluster cluster({});
  cluster.elect(1);
  cluster.crash(1);
  cluster.run(seconds(2));
  const auto leader = cluster.leader();
  const auto other = leader == 2 ? 3u : 2u;
  const auto log = cluster.log_text(other);
  cluster.drop();
  cluster.input(other, Received{append(other, epoch(1, 1), 0, {})});
  EXPECT_EQ(cluster.log_text(other), log);
  ASSERT_EQ(cluster.network().size(), 1u);
  EXPECT_TRUE(cluster.network().front().refused);
  EXPECT_EQ(cluster.network().front().epoch, cluster.epoch(other));
}

// ---- 5.2 ----------------------------------------------------------------------------------------

TEST(RaftPaper, s52_servers_start_as_followers_TestStartAsFollower) {
  Cluster cluster({});
  for (const auto node : cluster.nodes()) EXPECT_EQ(cluster.role(node), Role::follower);
}

TEST(RaftPaper, s52_a_leader_sends_heartbeats_at_intervals_TestLeaderBcastBeat) {
  Cluster cluster({});
  cluster.elect(1);
  cluster.elapse(1, milliseconds(49));
  EXPECT_EQ(cluster.count(MessageKind::heartbeat), 0u);
  cluster.elapse(1, milliseconds(1));
  EXPECT_EQ(cluster.count(MessageKind::heartbeat), 2u);
}

TEST(RaftPaper, s52_silence_starts_an_election_TestFollowerStartElection) {
  Cluster cluster({});
  cluster.elapse(1, milliseconds(600));
  EXPECT_EQ(cluster.role(1), Role::candidate);
  EXPECT_EQ(cluster.count(MessageKind::pre_vote_request) % 2, 0u);
}

TEST(RaftPaper, s52_a_candidate_starts_a_new_election_TestCandidateStartNewElection) {
  Cluster cluster({});
  cluster.isolate(1);
  cluster.elapse(1, milliseconds(600));
  cluster.drop();
  cluster.elapse(1, milliseconds(600));
  EXPECT_GE(cluster.count(MessageKind::pre_vote_request), 2u);
}

TEST(RaftPaper, s52_a_majority_elects_in_one_round_TestLeaderElectionInOneRoundRPC) {
  // How many of the others grant or refuse, and whether that makes a leader.
  struct Case {
    std::vector<std::uint64_t> nodes;
    std::size_t granted;
    bool leads;
  };
  const std::vector<Case> cases = {{{1}, 0, true},
                                   {{1, 2, 3}, 2, true},
                                   {{1, 2, 3}, 1, true},
                                   {{1, 2, 3}, 0, false},
                                   {{1, 2, 3, 4, 5}, 4, true},
                                   {{1, 2, 3, 4, 5}, 2, true},
                                   {{1, 2, 3, 4, 5}, 1, false},
                                   {{1, 2, 3, 4, 5}, 0, false}};
  for (const Case& one : cases) {
    Cluster cluster({.voters = one.nodes});
    std::size_t left = one.granted;
    cluster.tamper = [&](Message& message) {
      if (message.kind != MessageKind::vote_request) return true;
      if (left == 0) return false;
      --left;
      return true;
    };
    cluster.campaign(1);
    cluster.stabilize();
    EXPECT_EQ(cluster.role(1) == Role::leader, one.leads) << one.nodes.size() << one.granted;
  }
}

TEST(RaftPaper, s52_one_vote_per_term_TestFollowerVote) {
  // The term is (round, node): under one promise there is one candidate to vote for, and a lower
  // one of the same round comes too late.
  Cluster cluster({});
  Message request;
  request.kind = MessageKind::vote_request;
  request.to = NodeId(1);
  const auto vote = [&](std::uint64_t from) {
    request.from = NodeId(from);
    request.epoch = epoch(1, from);
    cluster.input(1, Received{request});
    cluster.sync(1);
    const bool granted = !cluster.network().back().refused;
    return granted;
  };
  EXPECT_TRUE(vote(2));
  EXPECT_TRUE(vote(2)) << "asked again, the same answer";
  EXPECT_TRUE(vote(3));
  EXPECT_FALSE(vote(2));
}

TEST(RaftPaper, s52_a_candidate_yields_to_a_leader_TestCandidateFallback) {
  Cluster cluster({});
  cluster.elect(2);
  cluster.campaign(1);
  EXPECT_EQ(cluster.role(1), Role::candidate);
  cluster.input(1, Received{append(1, cluster.epoch(2), 1, epoch(1, 2))});
  EXPECT_EQ(cluster.role(1), Role::follower);
  EXPECT_EQ(cluster.status(1).leader, NodeId(2));
}

TEST(RaftPaper, s52_election_timeouts_are_random_TestFollowerElectionTimeoutRandomized) {
  std::set<std::int64_t> waits;
  for (std::uint64_t seed = 1; seed <= 50; ++seed) {
    Cluster cluster({.seed = seed});
    std::int64_t passed = 0;
    while (cluster.role(1) == Role::follower) {
      cluster.elapse(1, milliseconds(1));
      ++passed;
    }
    EXPECT_GE(passed, 300);
    EXPECT_LE(passed, 600);
    waits.insert(passed);
  }
  EXPECT_GT(waits.size(), 30u);
}

TEST(RaftPaper, s52_split_votes_are_resolved_TestFollowersElectionTimeoutNonconflict) {
  // Both ask at once: of one round the greater node wins, without another time-out.
  Cluster cluster({});
  cluster.campaign(1);
  cluster.campaign(2);
  cluster.stabilize();
  EXPECT_NE(cluster.leader(), 0u);
}

// ---- 5.3 ----------------------------------------------------------------------------------------

TEST(RaftPaper, s53_the_leader_appends_and_replicates_TestLeaderStartReplication) {
  Cluster cluster({});
  cluster.elect(1);
  const auto proposed = cluster.propose(1, "a");
  EXPECT_EQ(proposed.index, Index(2));
  EXPECT_EQ(cluster.commit(1), 1u);
  ASSERT_EQ(cluster.count(MessageKind::append), 2u);
  EXPECT_EQ(cluster.network().front().index, Index(1));
  EXPECT_EQ(cluster.network().front().entries.size(), 1u);
}

TEST(RaftPaper, s53_a_majority_commits_TestLeaderCommitEntry) {
  Cluster cluster({});
  cluster.elect(1);
  cluster.propose(1, "a");
  cluster.deliver([](const Message& one) { return one.to == NodeId(2); });
  cluster.sync(2);
  cluster.deliver([](const Message& one) { return one.to == NodeId(1); });
  EXPECT_EQ(cluster.commit(1), 1u);
  cluster.sync(1);
  EXPECT_EQ(cluster.commit(1), 2u);
}

TEST(RaftPaper, s53_how_many_acknowledge_TestLeaderAcknowledgeCommit) {
  const std::vector<std::uint64_t> five = {1, 2, 3, 4, 5};
  for (std::size_t others = 0; others < 5; ++others) {
    Cluster cluster({.voters = five});
    cluster.elect(1);
    for (std::uint64_t node = 2 + others; node <= 5; ++node) cluster.isolate(node);
    cluster.propose(1, "a");
    cluster.stabilize();
    EXPECT_EQ(cluster.commit(1), others >= 2 ? 2u : 1u) << others;
  }
}

TEST(RaftPaper, s53_earlier_entries_commit_too_TestLeaderCommitPrecedingEntries) {
  const auto log = found({}, {epoch(1, 2), epoch(2, 2)});
  Cluster cluster({.found = {{1, log}, {2, log}, {3, log}}});
  cluster.elect(1);
  EXPECT_EQ(cluster.commit(1), 3u);
  EXPECT_EQ(cluster.committed(1), (Words{"e1", "e2"}));
}

TEST(RaftPaper, s53_followers_commit_what_the_leader_has_TestFollowerCommitEntry) {
  Cluster cluster({});
  cluster.elect(1);
  cluster.propose(1, "a");
  cluster.propose(1, "b");
  cluster.stabilize();
  EXPECT_EQ(cluster.committed(2), (Words{"a", "b"}));
  EXPECT_EQ(cluster.committed(3), (Words{"a", "b"}));
}

TEST(RaftPaper, s53_a_follower_refuses_a_gap_TestFollowerCheckMsgApp) {
  const auto log = found({}, {epoch(1, 2), epoch(2, 2)});
  struct Case {
    std::uint64_t index;
    Epoch at;
    bool refused;
  };
  for (const Case& one :
       {Case{0, {}, false}, Case{1, epoch(1, 2), false}, Case{2, epoch(2, 2), false},
        Case{1, epoch(2, 2), true}, Case{3, epoch(3, 2), true}}) {
    Cluster cluster({.found = {{1, log}}});
    cluster.input(1, Received{append(1, epoch(5, 2), one.index, one.at)});
    cluster.sync(1);
    EXPECT_EQ(cluster.network().back().refused, one.refused) << one.index;
    EXPECT_EQ(cluster.network().back().index, Index(one.index));
  }
}

TEST(RaftPaper, s53_conflicts_are_overwritten_and_nothing_else_TestFollowerAppendEntries) {
  const auto log = found({}, {epoch(1, 2), epoch(2, 2), epoch(2, 2)});
  Cluster cluster({.found = {{1, log}, {2, log}}});
  // A repetition of what is there, shorter than the log: nothing is cut.
  Message old = append(1, epoch(5, 2), 0, {});
  old.entries = {cluster.disk(2).entries[0], cluster.disk(2).entries[1]};
  cluster.input(1, Received{old});
  EXPECT_EQ(cluster.last(1), 3u);
  // An entry of another epoch: it and what follows is replaced.
  Message other = append(1, epoch(5, 2), 1, epoch(1, 2));
  Entry entry;
  entry.index = Index(2);
  entry.epoch = epoch(4, 2);
  entry.content = content_checksum(GroupId(0), entry.index, entry.kind, "");
  other.entries = {entry};
  cluster.input(1, Received{other});
  EXPECT_EQ(cluster.log_text(1), "[1:1.2 \"e1\", 2:4.2 noop]");
}

TEST(RaftPaper, s53_the_leader_brings_any_log_to_its_own_TestLeaderSyncFollowerLog) {
  // Figure 7, (a) to (f).
  const auto e = [](const std::vector<std::uint64_t>& rounds) {
    std::vector<Epoch> epochs;
    for (const auto round : rounds) epochs.push_back(epoch(round, 1));
    return epochs;
  };
  const auto leader_log = found(epoch(8, 1), e({1, 1, 1, 4, 4, 5, 5, 6, 6, 6}));
  const std::vector<std::vector<Epoch>> others = {
      e({1, 1, 1, 4, 4, 5, 5, 6, 6}),
      e({1, 1, 1, 4}),
      e({1, 1, 1, 4, 4, 5, 5, 6, 6, 6, 6}),
      e({1, 1, 1, 4, 4, 5, 5, 6, 6, 6, 7, 7}),
      e({1, 1, 1, 4, 4, 4, 4}),
      e({1, 1, 1, 2, 2, 2, 3, 3, 3, 3, 3}),
  };
  for (std::size_t i = 0; i < others.size(); ++i) {
    // Of three, the third votes for the leader whatever the second has.
    Cluster cluster({.found = {{1, leader_log}, {2, found({}, others[i])}, {3, found({}, {})}}});
    cluster.isolate(2);
    cluster.elect(1);
    cluster.heal();
    cluster.run(milliseconds(300));
    EXPECT_EQ(cluster.log_text(2), cluster.log_text(1)) << "case " << i;
    EXPECT_EQ(cluster.commit(2), cluster.commit(1)) << "case " << i;
  }
}

// ---- 5.4 ----------------------------------------------------------------------------------------

TEST(RaftPaper, s541_requests_tell_the_last_entry_TestVoteRequest) {
  const auto log = found(epoch(2, 3), {epoch(1, 3), epoch(2, 3)});
  Cluster cluster({.found = {{1, log}, {2, log}, {3, log}}});
  cluster.campaign(1);
  for (const Message& one : cluster.network()) {
    EXPECT_EQ(one.index, Index(2));
    EXPECT_EQ(one.index_epoch, epoch(2, 3));
  }
}

TEST(RaftPaper, s541_voters_with_a_better_log_refuse_TestVoter) {
  struct Case {
    std::vector<Epoch> ours;
    std::uint64_t index;
    Epoch at;
    bool granted;
  };
  const Epoch one = epoch(1, 3);
  const Epoch two = epoch(2, 3);
  for (const Case& test :
       {Case{{one}, 1, one, true}, Case{{one}, 2, one, true}, Case{{one, one}, 1, one, false},
        Case{{one}, 1, two, true}, Case{{one, one}, 1, two, true}, Case{{two}, 1, one, false},
        Case{{two}, 2, one, false}, Case{{one, two}, 1, one, false},
        // The round is equal, the node decides: these are two epochs.
        Case{{epoch(1, 3)}, 5, epoch(1, 2), false}}) {
    Cluster cluster({.found = {{1, found({}, test.ours)}}});
    Message request;
    request.kind = MessageKind::vote_request;
    request.from = NodeId(2);
    request.to = NodeId(1);
    request.epoch = epoch(9, 2);
    request.index = Index(test.index);
    request.index_epoch = test.at;
    cluster.input(1, Received{request});
    cluster.sync(1);
    EXPECT_EQ(!cluster.network().back().refused, test.granted);
  }
}

TEST(RaftPaper,
     s542_only_the_own_term_commits_by_counting_TestLeaderOnlyCommitsLogFromCurrentTerm) {
  // Figure 8: entries of earlier epochs on a majority are not committed until one of the leader's
  // own is.
  const auto log = found({}, {epoch(1, 1), epoch(2, 1)});
  Cluster cluster({.found = {{1, log}, {2, log}, {3, log}}});
  cluster.campaign(1);
  while (cluster.role(1) != Role::leader) {
    if (!cluster.deliver_one()) {
      for (const auto node : cluster.nodes()) cluster.sync(node);
    }
  }
  cluster.drop();
  Message ack;
  ack.kind = MessageKind::append_reply;
  ack.to = NodeId(1);
  ack.epoch = cluster.epoch(1);
  for (const auto from : {2u, 3u}) {
    ack.from = NodeId(from);
    ack.index = Index(2);
    cluster.input(1, Received{ack});
  }
  EXPECT_EQ(cluster.commit(1), 0u);
  cluster.run(milliseconds(200));
  EXPECT_EQ(cluster.commit(1), 3u);
}

// ---- 5.5, 5.6 and 8 -----------------------------------------------------------------------------

TEST(RaftPaper, s55_requests_may_be_repeated) {
  Cluster cluster({});
  cluster.elect(1);
  cluster.propose(1, "a");
  for (int i = 0; i < 6; ++i) cluster.deliver_nth(0, true);
  cluster.stabilize();
  EXPECT_EQ(cluster.committed(2), Words{"a"});
  EXPECT_EQ(cluster.last(2), 2u);
}

TEST(RaftPaper, s56_a_process_that_was_stopped_deposes_nobody) {
  // Broadcast time and election time-outs are measured while running: ten seconds of sleep are not
  // ten seconds of silence.
  Cluster cluster({});
  cluster.elect(1);
  cluster.elapse(2, milliseconds(50));
  cluster.jump(2, seconds(10));
  EXPECT_EQ(cluster.role(2), Role::follower);
  cluster.jump(1, seconds(10));
  EXPECT_EQ(cluster.role(1), Role::leader);
}

TEST(RaftPaper, s8_a_new_leader_commits_an_entry_of_its_own_at_once) {
  Cluster cluster({});
  cluster.elect(1);
  EXPECT_EQ(cluster.log_text(2), "[1:1.1 noop]");
  EXPECT_EQ(cluster.commit(1), 1u);
}

TEST(RaftPaper, s8_a_deposed_leader_serves_no_stale_read) {
  Cluster cluster({});
  cluster.elect(1);
  cluster.isolate(1);
  for (const auto node : {2u, 3u}) cluster.input(node, PeerLiveness{NodeId(1), false});
  cluster.elapse(2, milliseconds(50));
  cluster.stabilize({2, 3});
  ASSERT_EQ(cluster.leader(), 2u);
  cluster.propose(2, "new");
  cluster.stabilize({2, 3});
  ASSERT_EQ(cluster.role(1), Role::leader) << "it does not know yet";
  cluster.read(1, 1);
  cluster.stabilize();
  EXPECT_TRUE(cluster.take_readable(1).empty());
}

}  // namespace
}  // namespace holdfast::consensus
