// Situations that trace validation found in CCF's consensus, and its other scenarios, under the
// names they have there.
#include <gtest/gtest.h>

#include "consensus/testing/cluster.h"

namespace holdfast::consensus {
namespace {

using testing::Cluster;
using testing::epoch;
using testing::found;
using testing::Words;

Message vote_request(std::uint64_t from, std::uint64_t to, Epoch at, std::uint64_t last,
                     Epoch last_epoch) {
  Message request;
  request.kind = MessageKind::vote_request;
  request.from = NodeId(from);
  request.to = NodeId(to);
  request.epoch = at;
  request.index = Index(last);
  request.index_epoch = last_epoch;
  return request;
}

// What node `to` has been answered by node `from` to a vote request, newest first.
std::vector<bool> votes_given(const Cluster& cluster, std::uint64_t from, std::uint64_t to) {
  std::vector<bool> granted;
  for (const Message& one : cluster.network()) {
    if (one.kind == MessageKind::vote_reply && one.from == NodeId(from) && one.to == NodeId(to)) {
      granted.push_back(!one.refused);
    }
  }
  return granted;
}

const auto kReplies = [](const Message& one) { return one.kind == MessageKind::append_reply; };

// ---- Votes --------------------------------------------------------------------------------------

TEST(RaftScenariosCcf, pre_vote_double_leader) {
  // Grants of a pre-vote must never be taken for votes: two win the pre-vote at the same time, and
  // the same voters granted both.
  Cluster cluster({.voters = {1, 2, 3, 4, 5}});
  cluster.campaign(1);
  cluster.campaign(2);
  cluster.deliver([](const Message& one) { return one.kind == MessageKind::pre_vote_request; });
  cluster.deliver([](const Message& one) { return one.kind == MessageKind::pre_vote_reply; });
  EXPECT_EQ(cluster.role(1), Role::candidate);
  EXPECT_EQ(cluster.epoch(1), epoch(1, 1));
  EXPECT_EQ(cluster.epoch(2), epoch(1, 2));
  cluster.sync(1);
  cluster.sync(2);
  // Node 1 is asked by 2 and the other way round; the others are asked by both, by 1 first.
  cluster.stabilize();
  EXPECT_EQ(cluster.leader(), 2u) << "of one round the greater node wins";
  EXPECT_EQ(cluster.role(1), Role::follower);
}

TEST(RaftScenariosCcf, former_candidate_double_vote) {
  // A candidate that gave up must not vote for another one under the epoch it promised itself, nor
  // forget its promise by stepping down (CCF#8094).
  Cluster cluster({});
  cluster.campaign(3);
  cluster.deliver([](const Message& one) { return one.to != NodeId(1); });
  cluster.deliver([](const Message& one) { return one.to == NodeId(3); });
  cluster.sync(3);
  ASSERT_EQ(cluster.epoch(3), epoch(1, 3));
  Message refusal;
  refusal.kind = MessageKind::vote_reply;
  refusal.to = NodeId(3);
  refusal.epoch = epoch(1, 3);
  refusal.refused = true;
  for (const auto from : {1u, 2u}) {
    refusal.from = NodeId(from);
    cluster.input(3, Received{refusal});
  }
  EXPECT_EQ(cluster.role(3), Role::follower);
  cluster.drop();
  // A lower node of the same round asks: refused by the promise. A greater one would be granted.
  cluster.input(3, Received{vote_request(2, 3, epoch(1, 2), 0, {})});
  EXPECT_EQ(votes_given(cluster, 3, 2), std::vector<bool>{false});
  EXPECT_EQ(cluster.epoch(3), epoch(1, 3));
  // And votes that come late do not make a leader of one that gave up.
  Message late = refusal;
  late.refused = false;
  cluster.input(3, Received{late});
  EXPECT_EQ(cluster.role(3), Role::follower);
}

TEST(RaftScenariosCcf, a_vote_that_a_crash_could_take_back_is_not_sent) {
  // 1 votes for 3 and crashes before its promise is on the disk. Had the vote left, 1 could now
  // help 2 to lead an epoch below that of 3, beside it.
  Cluster cluster({});
  cluster.input(1, Received{vote_request(3, 1, epoch(5, 3), 0, {})});
  EXPECT_TRUE(votes_given(cluster, 1, 3).empty());
  cluster.crash(1, 0);
  EXPECT_TRUE(cluster.network().empty());
  cluster.restart(1);
  cluster.input(1, Received{vote_request(2, 1, epoch(5, 2), 0, {})});
  cluster.sync(1);
  EXPECT_EQ(votes_given(cluster, 1, 2), std::vector<bool>{true});
}

TEST(RaftScenariosCcf, old_grants_of_a_pre_vote_do_not_count) {
  Cluster cluster({});
  cluster.campaign(1);
  Message grant;
  grant.kind = MessageKind::pre_vote_reply;
  grant.from = NodeId(2);
  grant.to = NodeId(1);
  grant.epoch = epoch(4, 1);
  cluster.input(1, Received{grant});
  EXPECT_EQ(cluster.epoch(1), Epoch{});
}

TEST(RaftScenariosCcf, delayed_vote_requests) {
  // A request of an election long over moves nobody, and is answered so that its sender moves up.
  Cluster cluster({});
  cluster.campaign(2);
  cluster.deliver();
  cluster.deliver();
  cluster.sync(2);
  std::vector<Message> old(cluster.network().begin(), cluster.network().end());
  ASSERT_FALSE(old.empty());
  cluster.stabilize();
  ASSERT_EQ(cluster.leader(), 2u);
  cluster.crash(2);
  cluster.run(seconds(2));
  const auto leader = cluster.leader();
  ASSERT_NE(leader, 0u);
  const Epoch now = cluster.epoch(leader);
  for (const Message& one : old) cluster.input(one.to.value, Received{one});
  EXPECT_EQ(cluster.leader(), leader);
  EXPECT_EQ(cluster.epoch(leader), now);
  cluster.restart(2);
  for (const Message& one : cluster.network()) {
    EXPECT_TRUE(one.kind != MessageKind::vote_reply || one.refused);
  }
}

// ---- Logs that share a prefix -------------------------------------------------------------------

// The leader's log is longer or shorter than the follower's by entries of other epochs; what lies
// behind the entries of a message must not be acknowledged with them.
void suffix_collision(const std::vector<Epoch>& leader_log, const std::vector<Epoch>& other_log) {
  Cluster cluster(
      {.found = {
           {1, found({}, leader_log)}, {2, found({}, other_log)}, {3, found({}, leader_log)}}});
  cluster.isolate(2);
  cluster.campaign(1);
  cluster.stabilize();
  cluster.run(seconds(2), [&] { return cluster.leader() != 0; });
  const auto leader = cluster.leader();
  cluster.stabilize();
  cluster.heal();
  // Nothing beyond the follower's agreement with the leader is ever acknowledged.
  cluster.tamper = [&](Message& one) {
    if (one.kind == MessageKind::append_reply && !one.refused && one.from == NodeId(2)) {
      const auto theirs = cluster.protocol(2).log().epoch_at(one.index);
      const auto ours = cluster.protocol(leader).log().epoch_at(one.index);
      EXPECT_EQ(theirs, ours) << one.index.value;
    }
    return true;
  };
  cluster.run(milliseconds(500));
  EXPECT_EQ(cluster.log_text(2), cluster.log_text(leader));
  EXPECT_EQ(cluster.committed(2), cluster.committed(leader));
}

TEST(RaftScenariosCcf, suffix_collision_1) {
  suffix_collision({epoch(1, 1), epoch(1, 1), epoch(3, 1)},
                   {epoch(1, 1), epoch(1, 1), epoch(2, 2), epoch(2, 2)});
}

TEST(RaftScenariosCcf, suffix_collision_2) {
  suffix_collision({epoch(1, 1), epoch(2, 1), epoch(4, 1), epoch(4, 1)},
                   {epoch(1, 1), epoch(3, 2), epoch(3, 2), epoch(3, 2), epoch(3, 2)});
}

TEST(RaftScenariosCcf, suffix_collision_3) {
  // The same round of two nodes: distinct epochs, and entries of both.
  suffix_collision({epoch(1, 1), epoch(2, 3), epoch(2, 3)},
                   {epoch(1, 1), epoch(2, 2), epoch(2, 2), epoch(2, 2)});
}

TEST(RaftScenariosCcf, follower_rollback_match_index) {
  // An acknowledgement of an earlier epoch must not count when its sender's log has been cut since
  // and the same node leads again.
  Cluster cluster({.voters = {1, 2, 3, 4, 5}});
  cluster.elect(1);
  cluster.propose(1, "a");
  cluster.deliver([](const Message& one) { return one.to == NodeId(2); });
  cluster.sync(2);
  std::vector<Message> old;
  for (const Message& one : cluster.network()) {
    if (kReplies(one)) old.push_back(one);
  }
  ASSERT_EQ(old.size(), 1u);
  cluster.drop();
  // Node 3 leads, with the votes of 4 and 5, and cuts the entry at node 2.
  cluster.isolate(1);
  cluster.run(seconds(3), [&] { return cluster.leader() == 3; });
  cluster.run(milliseconds(300));
  if (cluster.leader() != 3) {
    cluster.input(cluster.leader(), TransferRequested{NodeId(3)});
    cluster.run(milliseconds(300));
  }
  ASSERT_EQ(cluster.leader(), 3u);
  cluster.heal();
  cluster.run(milliseconds(300));
  cluster.input(3, TransferRequested{NodeId(1)});
  cluster.run(milliseconds(300));
  ASSERT_EQ(cluster.leader(), 1u);
  // Whatever happened to entry 2, the old answer changes nothing that the leader knows.
  const auto before = cluster.status(1).peers[0].match;
  for (const Message& one : old) cluster.input(1, Received{one});
  EXPECT_EQ(cluster.status(1).peers[0].match, before);
  cluster.check_log_matching();
}

TEST(RaftScenariosCcf, rollback_safety) {
  // CCF#6016: what a follower acknowledges is what the message named, not where its log ends.
  Cluster cluster({.found = {{1, found({}, {epoch(1, 1), epoch(3, 1)})},
                             {2, found({}, {epoch(1, 1), epoch(2, 2), epoch(2, 2), epoch(2, 2)})},
                             {3, found({}, {epoch(1, 1), epoch(3, 1)})}}});
  Message beat;
  beat.kind = MessageKind::append;
  beat.from = NodeId(1);
  beat.to = NodeId(2);
  beat.epoch = epoch(4, 1);
  beat.index = Index(1);
  beat.index_epoch = epoch(1, 1);
  cluster.input(2, Received{beat});
  cluster.sync(2);
  ASSERT_EQ(cluster.network().size(), 1u);
  EXPECT_EQ(cluster.network().front().index, Index(1));
  EXPECT_EQ(cluster.last(2), 4u) << "nothing contradicts the rest yet";
}

TEST(RaftScenariosCcf, ackuracy) {
  // CCF#5325: the hint of a refusal says how far the logs may agree. Counted as an
  // acknowledgement it would commit entries that nobody else has.
  Cluster cluster(
      {.found = {{1, found({}, {epoch(1, 1), epoch(3, 1), epoch(3, 1), epoch(3, 1)})},
                 {2, found({}, {epoch(1, 1), epoch(2, 2), epoch(2, 2), epoch(2, 2)})},
                 {3, found({}, {epoch(1, 1), epoch(2, 2), epoch(2, 2), epoch(2, 2)})}}});
  // Node 1 asks in vain until the refusals have moved its round up.
  cluster.run(seconds(3), [&] { return cluster.leader() == 1; });
  cluster.drop();
  ASSERT_EQ(cluster.leader(), 1u);
  Message refusal;
  refusal.kind = MessageKind::append_reply;
  refusal.from = NodeId(2);
  refusal.to = NodeId(1);
  refusal.epoch = cluster.epoch(1);
  refusal.refused = true;
  refusal.index = Index(cluster.last(1) - 1);
  refusal.hint = refusal.index;
  refusal.hint_epoch = cluster.epoch(1);
  const auto before = cluster.status(1).peers[0].match;
  cluster.input(1, Received{refusal});
  EXPECT_EQ(cluster.status(1).peers[0].match, before);
}

TEST(RaftScenariosCcf, stuck_after_a_lost_append) {
  // CCF#2803: one lost append must not stop replication for good.
  Cluster cluster({});
  cluster.elect(1);
  cluster.propose(1, "a");
  cluster.drop([](const Message& one) { return one.to == NodeId(2); });
  cluster.propose(1, "b");
  cluster.stabilize();
  EXPECT_EQ(cluster.committed(2), (Words{"a", "b"}));
}

TEST(RaftScenariosCcf, indirect_commit_stale_leader) {
  // A deposed leader learns that its own entry was committed, through a successor that kept it.
  Cluster cluster({});
  cluster.elect(1);
  cluster.propose(1, "a");
  cluster.deliver([](const Message& one) { return one.to == NodeId(2); });
  cluster.sync(1);
  cluster.sync(2);
  cluster.drop();
  cluster.isolate(1);
  cluster.input(2, PeerLiveness{NodeId(1), false});
  cluster.input(3, PeerLiveness{NodeId(1), false});
  cluster.elapse(2, milliseconds(50));
  cluster.stabilize({2, 3});
  ASSERT_EQ(cluster.leader(), 2u);
  EXPECT_EQ(cluster.commit(2), 3u);
  EXPECT_EQ(cluster.commit(1), 1u);
  cluster.heal();
  cluster.run(milliseconds(200));
  EXPECT_EQ(cluster.committed(1), Words{"a"});
  EXPECT_EQ(cluster.role(1), Role::follower);
}

TEST(RaftScenariosCcf, follower_overcommit_partial_verified) {
  // The leader has committed far; a follower that has verified a part commits that part, though
  // its log is longer.
  Cluster cluster(
      {.found = {{2, found({}, {epoch(1, 1), epoch(2, 2), epoch(2, 2), epoch(2, 2)})}}});
  Message append;
  append.kind = MessageKind::append;
  append.from = NodeId(1);
  append.to = NodeId(2);
  append.epoch = epoch(3, 1);
  append.index = Index(0);
  append.commit = Index(4);
  Entry first;
  first.index = Index(1);
  first.epoch = epoch(1, 1);
  first.kind = EntryKind::batch;
  first.payload = SharedBytes(std::string("e1"));
  first.content = content_checksum(GroupId(0), first.index, first.kind, "e1");
  append.entries = {first};
  // Only the engine alone can be asked this: no real leader has committed anything here.
  ProtocolOptions options;
  options.self = NodeId(2);
  auto engine =
      make_protocol(options, {{}, {{}, {}, testing::voters({1, 2, 3})}, cluster.disk(2).entries},
                    Instant{}, Prng(1));
  Effects effects;
  engine->step(Instant{}, Received{append}, effects);
  engine->check_invariants();
  EXPECT_EQ(engine->commit(), Index(1));
  EXPECT_EQ(engine->status().last, Index(4));
}

// ---- Links that work in one direction -----------------------------------------------------------

TEST(RaftScenariosCcf, check_quorum_012_0) {
  // The leader is heard but hears nothing: it must make room.
  Cluster cluster({});
  cluster.elect(1);
  cluster.cut_link(2, 1);
  cluster.cut_link(3, 1);
  cluster.run(milliseconds(2500));
  ASSERT_NE(cluster.leader(), 0u);
  EXPECT_NE(cluster.leader(), 1u);
  EXPECT_NE(cluster.role(1), Role::leader);
  EXPECT_FALSE(cluster.propose(cluster.leader(), "a").refusal);
  cluster.run(milliseconds(100));
  EXPECT_EQ(cluster.committed(cluster.leader()), Words{"a"});
}

TEST(RaftScenariosCcf, check_quorum_0_012) {
  // The leader hears but is not heard.
  Cluster cluster({});
  cluster.elect(1);
  cluster.cut_link(1, 2);
  cluster.cut_link(1, 3);
  cluster.run(milliseconds(2500));
  ASSERT_NE(cluster.leader(), 0u);
  EXPECT_NE(cluster.leader(), 1u);
  EXPECT_FALSE(cluster.propose(cluster.leader(), "a").refusal);
  cluster.run(milliseconds(100));
  EXPECT_EQ(cluster.committed(cluster.leader()), Words{"a"});
}

}  // namespace
}  // namespace holdfast::consensus
