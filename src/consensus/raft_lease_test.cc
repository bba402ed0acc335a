// Leases (decision 0018): a leader that answers by one is the only one who could, whatever becomes
// of messages, connections, processes and orders, as long as clocks keep within their bound.
#include <gtest/gtest.h>

#include "consensus/leases.h"
#include "consensus/testing/cluster.h"

namespace holdfast::consensus {
namespace {

using testing::Cluster;
using testing::ClusterOptions;

constexpr Duration kPromise = milliseconds(300);
constexpr Duration kLease = milliseconds(240);

bool by_lease(Cluster& cluster, std::uint64_t node) {
  static ReadTicket ticket = 1000;
  cluster.read(node, ++ticket, ReadMode::lease);
  bool answered = false;
  for (const Readable& one : cluster.take_readable(node)) {
    answered = answered || (one.ticket == ticket && one.mode == ReadMode::lease);
  }
  return answered;
}

// Node 1 leads and has a lease that has just begun; nothing is on its way.
void give_lease(Cluster& cluster) {
  cluster.elect(1);
  ASSERT_FALSE(by_lease(cluster, 1));
  cluster.stabilize();
  ASSERT_TRUE(by_lease(cluster, 1));
  ASSERT_TRUE(cluster.network().empty());
}

void lose_connections_to(Cluster& cluster, std::uint64_t node) {
  for (const auto other : cluster.nodes()) {
    if (other != node) cluster.input(other, PeerLiveness{NodeId(node), false});
  }
}

bool one_leads(const Cluster& cluster, std::uint64_t one, std::uint64_t other) {
  return cluster.role(one) == Role::leader || cluster.role(other) == Role::leader;
}

// ---- The leader ---------------------------------------------------------------------------------

TEST(RaftLease, ends_before_the_promise_does) {
  Cluster cluster({});
  give_lease(cluster);
  cluster.isolate(1);
  EXPECT_EQ(lease_of(kPromise), kLease);
  cluster.elapse(1, kLease - nanoseconds(1));
  EXPECT_TRUE(by_lease(cluster, 1));
  cluster.elapse(1, nanoseconds(1));
  EXPECT_FALSE(by_lease(cluster, 1));
}

TEST(RaftLease, is_counted_from_when_it_was_asked_for) {
  Cluster cluster({});
  cluster.elect(1);
  EXPECT_FALSE(by_lease(cluster, 1));
  // Heartbeats of the meantime are lost: what the answers promise is as old as their question.
  cluster.elapse(1, milliseconds(200), [&] { return cluster.network().size() > 2; });
  cluster.elapse(1, milliseconds(150));
  std::size_t n = 0;
  cluster.drop([&](const Message&) { return ++n > 2; });
  cluster.stabilize({1, 2, 3});
  const Instant until = cluster.status(1).lease_until;
  ASSERT_TRUE(by_lease(cluster, 1));
  cluster.isolate(1);
  cluster.elapse(1, kLease - milliseconds(200) - nanoseconds(1));
  EXPECT_TRUE(by_lease(cluster, 1));
  cluster.elapse(1, nanoseconds(1));
  EXPECT_FALSE(by_lease(cluster, 1)) << until.ns;
}

TEST(RaftLease, time_counts_that_a_process_was_stopped) {
  Cluster cluster({});
  give_lease(cluster);
  // Its timers take this for little: it goes on leading, and has to ask again.
  cluster.jump(1, seconds(10));
  EXPECT_EQ(cluster.role(1), Role::leader);
  EXPECT_FALSE(by_lease(cluster, 1));
}

TEST(RaftLease, is_kept_up_while_reads_come_and_not_much_longer) {
  Cluster cluster({});
  give_lease(cluster);
  for (int i = 0; i < 100; ++i) {
    cluster.run(milliseconds(40));
    EXPECT_TRUE(by_lease(cluster, 1)) << i;
  }
  cluster.run(kPromise * kLeasesOutliveReads + milliseconds(100));
  for (int i = 0; i < 4; ++i) {
    cluster.elapse(1, milliseconds(50));
    for (const Message& one : cluster.network()) EXPECT_EQ(one.lease_ms, 0u);
    cluster.stabilize();
  }
  cluster.run(kPromise);
  EXPECT_FALSE(by_lease(cluster, 1));
}

TEST(RaftLease, needs_an_entry_of_the_own_epoch) {
  // A new leader that is promised everything still does not know how far others had committed.
  Cluster cluster({});
  cluster.elect(1);
  cluster.propose(1, "a");
  cluster.stabilize();
  cluster.campaign(2);
  lose_connections_to(cluster, 1);
  while (cluster.role(2) != Role::leader) {
    if (!cluster.deliver_one()) {
      for (const auto node : cluster.nodes()) cluster.sync(node);
    }
  }
  EXPECT_FALSE(by_lease(cluster, 2));
  cluster.elapse(2, milliseconds(60));
  cluster.deliver([](const Message& one) { return one.kind == MessageKind::heartbeat; });
  cluster.deliver([](const Message& one) { return one.kind == MessageKind::heartbeat_reply; });
  EXPECT_FALSE(by_lease(cluster, 2));
  cluster.stabilize();
  EXPECT_TRUE(by_lease(cluster, 2));
}

TEST(RaftLease, is_void_from_the_order_to_campaign_on) {
  Cluster cluster({});
  give_lease(cluster);
  cluster.input(1, TransferRequested{NodeId(2)});
  EXPECT_EQ(cluster.count(MessageKind::campaign_now), 1u);
  EXPECT_FALSE(by_lease(cluster, 1));
  // The order is lost, and the transfer given up: it could still arrive. So there are no leases any
  // more under this epoch, however many promises there are.
  cluster.drop([](const Message& one) { return one.kind == MessageKind::campaign_now; });
  cluster.stabilize();
  cluster.run(seconds(2));
  EXPECT_EQ(cluster.role(1), Role::leader);
  EXPECT_FALSE(cluster.propose(1, "a").refusal);
  cluster.stabilize();
  EXPECT_FALSE(by_lease(cluster, 1));
  EXPECT_EQ(cluster.status(1).lease_until, Instant{});
}

TEST(RaftLease, stands_until_the_order_is_sent) {
  // The target lacks an entry: nothing has been ordered yet.
  Cluster cluster({});
  give_lease(cluster);
  cluster.cut_link(1, 2);
  cluster.propose(1, "a");
  cluster.stabilize();
  cluster.input(1, TransferRequested{NodeId(2)});
  EXPECT_EQ(cluster.count(MessageKind::campaign_now), 0u);
  EXPECT_TRUE(by_lease(cluster, 1));
}

TEST(RaftLease, rests_on_voters_alone) {
  Cluster cluster({.voters = {1, 2, 3}, .learners = {4, 5}});
  cluster.elect(1);
  cluster.isolate(2);
  cluster.isolate(3);
  EXPECT_FALSE(by_lease(cluster, 1));
  cluster.stabilize();
  EXPECT_FALSE(by_lease(cluster, 1));
}

TEST(RaftLease, needs_both_halves_of_a_joint_membership) {
  Cluster cluster({.voters = {1, 2, 3}, .learners = {4, 5, 6, 7}});
  give_lease(cluster);
  cluster.elapse(1, milliseconds(60));
  cluster.stabilize();
  ASSERT_FALSE(cluster.change(1, testing::voters({1, 4, 5, 6, 7})).refusal);
  // Learners have promised as well.
  EXPECT_TRUE(by_lease(cluster, 1));
  cluster.drop();
  for (const std::uint64_t node : {4, 5, 6, 7}) cluster.isolate(node);
  cluster.elapse(1, kLease);
  EXPECT_FALSE(by_lease(cluster, 1));
  cluster.stabilize();
  EXPECT_FALSE(by_lease(cluster, 1)) << "a majority of the old half has promised, none of the new";
}

TEST(RaftLease, lasts_as_long_as_what_was_promised_and_no_longer_than_asked) {
  Cluster cluster({});
  cluster.elect(1);
  EXPECT_FALSE(by_lease(cluster, 1));
  Message reply = cluster.network().back();
  reply.kind = MessageKind::heartbeat_reply;
  std::swap(reply.from, reply.to);
  // A voter with a shorter election time-out promises less.
  reply.lease_ms = 100;
  cluster.input(1, Received{reply});
  EXPECT_TRUE(by_lease(cluster, 1));
  const Instant until = cluster.status(1).lease_until;
  reply.lease_ms = 1'000'000;
  cluster.input(1, Received{reply});
  EXPECT_EQ(cluster.status(1).lease_until - until, kLease - milliseconds(80));
  // None, as those of an older program; and to a question that was never asked.
  cluster.elapse(1, kLease);
  reply.lease_ms = 0;
  cluster.input(1, Received{reply});
  reply.lease_ms = 300;
  reply.read_round += 1'000'000;
  cluster.input(1, Received{reply});
  EXPECT_FALSE(by_lease(cluster, 1));
}

TEST(RaftLease, of_one_voter_is_his_own_leadership) {
  Cluster cluster({.voters = {1}});
  cluster.elect(1);
  EXPECT_TRUE(by_lease(cluster, 1));
  cluster.crash(1);
  cluster.restart(1);
  cluster.elect(1);
  EXPECT_TRUE(by_lease(cluster, 1));
}

TEST(RaftLease, reads_that_want_a_quorum_ask_one) {
  Cluster cluster({});
  give_lease(cluster);
  cluster.read(1, 5);
  EXPECT_TRUE(cluster.take_readable(1).empty());
  cluster.stabilize();
  EXPECT_EQ(cluster.take_readable(1).size(), 1u);
}

// ---- The voter ----------------------------------------------------------------------------------

TEST(RaftLease, a_promise_outlives_the_connection) {
  Cluster cluster({});
  give_lease(cluster);
  cluster.isolate(1);
  lose_connections_to(cluster, 1);
  // Both know that the leader is gone, and neither campaigns, nor votes, before its time.
  for (const std::uint64_t node : {2, 3}) cluster.elapse(node, kPromise - nanoseconds(1));
  cluster.stabilize();
  EXPECT_EQ(cluster.role(2), Role::follower);
  EXPECT_EQ(cluster.role(3), Role::follower);
  cluster.run(milliseconds(60), [&] { return one_leads(cluster, 2, 3); });
  EXPECT_TRUE(one_leads(cluster, 2, 3)) << "then they need not wait for their time-outs";
}

TEST(RaftLease, a_promise_outlives_the_epoch) {
  Cluster cluster({});
  give_lease(cluster);
  cluster.isolate(1);
  // Somebody says, in an answer to nothing, that there is a later epoch: the leader is forgotten.
  Message stray;
  stray.kind = MessageKind::append_reply;
  stray.refused = true;
  stray.from = NodeId(3);
  stray.to = NodeId(2);
  stray.epoch = {7, NodeId(3)};
  cluster.input(2, Received{stray});
  EXPECT_EQ(cluster.epoch(2), (Epoch{7, NodeId(3)}));
  stray.kind = MessageKind::vote_request;
  stray.refused = false;
  stray.epoch = {8, NodeId(3)};
  stray.index = Index(100);
  stray.index_epoch = {7, NodeId(3)};
  cluster.input(2, Received{stray});
  cluster.sync(2);
  EXPECT_EQ(cluster.epoch(2), (Epoch{7, NodeId(3)})) << "not even the epoch is taken notice of";
  EXPECT_EQ(cluster.count(MessageKind::vote_reply), 0u);
  cluster.elapse(2, kPromise);
  cluster.drop();
  cluster.input(2, Received{stray});
  cluster.sync(2);
  EXPECT_EQ(cluster.count(MessageKind::vote_reply), 1u);
}

TEST(RaftLease, a_pre_vote_that_comes_too_early_is_answered_in_time) {
  Cluster cluster({});
  give_lease(cluster);
  cluster.crash(1);
  lose_connections_to(cluster, 1);
  cluster.campaign(3);  // its clock is far ahead
  cluster.stabilize();
  EXPECT_EQ(cluster.role(3), Role::candidate);
  EXPECT_EQ(cluster.count(MessageKind::pre_vote_reply), 0u);
  cluster.elapse(2, kPromise - nanoseconds(1));
  EXPECT_EQ(cluster.count(MessageKind::pre_vote_reply), 0u);
  cluster.elapse(2, nanoseconds(1));
  cluster.stabilize();
  EXPECT_EQ(cluster.role(3), Role::leader);
}

TEST(RaftLease, who_starts_again_elects_nobody_for_a_while) {
  Cluster cluster({.lease_reads = true});
  give_lease(cluster);
  cluster.isolate(1);
  cluster.crash(2);
  cluster.restart(2);
  cluster.crash(3);
  cluster.restart(3);
  // The clock of one runs ahead by far; the other's decides.
  cluster.elapse(3, seconds(3));
  cluster.elapse(2, kPromise - nanoseconds(1));
  cluster.stabilize();
  EXPECT_NE(cluster.role(3), Role::leader);
  EXPECT_NE(cluster.role(2), Role::leader);
  cluster.elapse(2, nanoseconds(1));
  cluster.stabilize();
  cluster.run(seconds(1), [&] { return one_leads(cluster, 2, 3); });
  EXPECT_TRUE(one_leads(cluster, 2, 3));
}

TEST(RaftLease, the_leader_s_order_overrules_promises) {
  Cluster cluster({.voters = {1, 2, 3, 4, 5}, .lease_reads = true});
  give_lease(cluster);
  // Also of a voter that has just started again and does not know to whom it has promised.
  cluster.crash(4);
  cluster.restart(4);
  cluster.isolate(5);
  cluster.crash(3);
  cluster.input(1, TransferRequested{NodeId(2)});
  cluster.stabilize();
  EXPECT_EQ(cluster.role(2), Role::leader);
}

TEST(RaftLease, an_old_order_does_not_overrule_promises_to_another_leader) {
  // Epochs of one round are ordered by node: the candidate of an order that came very late may be
  // above the leader that was elected meanwhile.
  Cluster cluster({});
  cluster.elect(1);
  cluster.input(1, TransferRequested{NodeId(3)});
  std::optional<Message> order;
  for (const Message& one : cluster.network()) {
    if (one.kind == MessageKind::campaign_now) order = one;
  }
  ASSERT_TRUE(order);
  cluster.drop();
  cluster.isolate(3);
  cluster.crash(1);
  cluster.restart(1);
  cluster.elapse(2, seconds(1));
  cluster.run(seconds(5), [&] { return one_leads(cluster, 1, 2); });
  const std::uint64_t leader = cluster.role(1) == Role::leader ? 1 : 2;
  ASSERT_EQ(cluster.role(leader), Role::leader);
  const std::uint64_t voter = 3 - leader;
  ASSERT_EQ(cluster.epoch(leader).round, order->epoch.round + 1);
  cluster.stabilize();
  EXPECT_FALSE(by_lease(cluster, leader));
  cluster.stabilize();
  ASSERT_TRUE(by_lease(cluster, leader));
  cluster.isolate(leader);

  cluster.input(3, Received{*order});
  cluster.sync(3);
  ASSERT_GT(cluster.epoch(3), cluster.epoch(leader));
  Message request;
  for (const Message& one : cluster.network()) {
    if (one.kind == MessageKind::vote_request && one.to == NodeId(voter)) request = one;
  }
  ASSERT_TRUE(request.transfer);
  request.index = Index(100);  // as if its log were good enough
  request.index_epoch = cluster.epoch(leader);
  cluster.drop();
  cluster.input(voter, Received{request});
  cluster.sync(voter);
  EXPECT_EQ(cluster.count(MessageKind::vote_reply), 0u);
  EXPECT_TRUE(by_lease(cluster, leader));
}

TEST(RaftLease, who_recovers_promises_nothing) {
  Cluster cluster({});
  cluster.elect(1);
  cluster.propose(1, "a");
  cluster.stabilize();
  cluster.crash(3);
  cluster.lose_log(3);
  cluster.restart(3);
  cluster.isolate(2);
  EXPECT_FALSE(by_lease(cluster, 1));
  cluster.deliver([](const Message& one) { return one.kind == MessageKind::heartbeat; });
  for (const Message& one : cluster.network()) {
    EXPECT_EQ(one.kind == MessageKind::heartbeat_reply ? one.lease_ms : 0, 0u);
  }
  cluster.deliver([](const Message& one) { return one.kind == MessageKind::heartbeat_reply; });
  EXPECT_FALSE(by_lease(cluster, 1));
}

// ---- When rounds left ---------------------------------------------------------------------------

TEST(RoundTimes, know_when_a_round_left_or_an_earlier_one) {
  RoundTimes times;
  EXPECT_FALSE(times.sent_at(1));
  times.add(3, Instant{milliseconds(100).ns}, kPromise);
  times.add(4, Instant{milliseconds(101).ns}, kPromise);  // too soon to be worth noting
  times.add(9, Instant{milliseconds(200).ns}, kPromise);
  EXPECT_FALSE(times.sent_at(2));
  EXPECT_EQ(times.sent_at(3)->ns, milliseconds(100).ns);
  EXPECT_EQ(times.sent_at(4)->ns, milliseconds(100).ns);
  EXPECT_EQ(times.sent_at(8)->ns, milliseconds(100).ns);
  EXPECT_EQ(times.sent_at(9)->ns, milliseconds(200).ns);
  times.add(20, Instant{milliseconds(450).ns}, kPromise);
  EXPECT_FALSE(times.sent_at(8)) << "so old that no lease could come of it";
}

TEST(RoundTimes, are_few_however_many_rounds_there_are) {
  RoundTimes times;
  for (std::int64_t i = 0; i < 100'000; ++i) {
    times.add(static_cast<std::uint64_t>(i), Instant{microseconds(10 * i).ns}, kPromise);
    ASSERT_LE(times.size(), 65u);
  }
}

}  // namespace
}  // namespace holdfast::consensus
