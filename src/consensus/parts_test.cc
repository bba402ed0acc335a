// The small parts of an engine by themselves: membership, progress, reads, writes.
#include <gtest/gtest.h>

#include "consensus/membership.h"
#include "consensus/progress.h"
#include "consensus/reads.h"
#include "consensus/writes.h"

namespace holdfast::consensus {
namespace {

// ---- Membership ---------------------------------------------------------------------------------

Membership sample_membership() {
  Membership result;
  result.voters = {NodeId(1), NodeId(2), NodeId(300)};
  result.outgoing = {NodeId(2), NodeId(4)};
  result.learners = {NodeId(4), NodeId(9)};
  return result;
}

TEST(Membership, knows_its_nodes) {
  const Membership members = sample_membership();
  EXPECT_TRUE(members.is_voter(NodeId(4))) << "of the outgoing half";
  EXPECT_FALSE(members.is_voter(NodeId(9)));
  EXPECT_TRUE(members.contains(NodeId(9)));
  EXPECT_FALSE(members.contains(NodeId(3)));
  EXPECT_EQ(members.everyone().size(), 5u);
}

TEST(Membership, comes_back_from_bytes) {
  std::string bytes;
  sample_membership().encode(bytes);
  const auto decoded = Membership::decode(bytes);
  ASSERT_TRUE(decoded);
  EXPECT_EQ(*decoded, sample_membership());
  for (std::size_t size = 0; size < bytes.size(); ++size) {
    EXPECT_FALSE(Membership::decode(std::string_view(bytes).substr(0, size)));
  }
  EXPECT_FALSE(Membership::decode(bytes + "x"));
}

TEST(Membership, refuses_what_is_not_canonical) {
  using namespace std::string_literals;
  EXPECT_TRUE(Membership::decode("\0\0\0"s)) << "of a node that has been told nothing";
  EXPECT_FALSE(Membership::decode("\2\2\1\0\0"s)) << "not sorted";
  EXPECT_FALSE(Membership::decode("\2\1\1\0\0"s)) << "twice";
  EXPECT_FALSE(Membership::decode("\1\0\0\0"s)) << "no node";
  EXPECT_FALSE(Membership::decode("\1\1\0\1\1"s)) << "voter and learner";
  EXPECT_FALSE(Membership::decode("\0\1\1\0"s)) << "joint without new voters";
  EXPECT_FALSE(Membership::decode("\xff\xff\xff\xff\x0f\1"s)) << "absurd count";
}

// ---- Window and progress ------------------------------------------------------------------------

TEST(Window, is_full_by_count_or_by_bytes_and_takes_one_of_any_size) {
  Window window(2, 100);
  EXPECT_FALSE(window.full());
  window.add(Index(1), 1000);
  EXPECT_TRUE(window.full());
  window.free_to(Index(1));
  window.add(Index(2), 10);
  EXPECT_FALSE(window.full());
  window.add(Index(3), 10);
  EXPECT_TRUE(window.full());
  window.free_to(Index(2));
  EXPECT_FALSE(window.full());
  EXPECT_EQ(window.bytes(), 10u);
}

Progress progress() { return Progress(NodeId(2), true, Index(6), Window(2, 100), Instant{}); }

TEST(Progress, probes_once_and_replicates_after_an_answer) {
  Progress peer = progress();
  EXPECT_TRUE(peer.may_send());
  peer.on_sent(Index(6), 1);
  EXPECT_FALSE(peer.may_send());
  peer.resume();
  EXPECT_TRUE(peer.may_send());
  EXPECT_TRUE(peer.on_ack(Index(6), Index(1)));
  EXPECT_EQ(peer.state(), Progress::State::replicate);
  EXPECT_EQ(peer.next(), Index(7));
  peer.on_sent(Index(8), 10);
  EXPECT_EQ(peer.next(), Index(9));
  EXPECT_TRUE(peer.may_send());
  peer.on_sent(Index(9), 10);
  EXPECT_FALSE(peer.may_send());
  EXPECT_TRUE(peer.on_ack(Index(8), Index(1)));
  EXPECT_TRUE(peer.may_send());
}

TEST(Progress, old_answers_change_nothing) {
  Progress peer = progress();
  peer.on_ack(Index(6), Index(1));
  EXPECT_FALSE(peer.on_ack(Index(5), Index(1)));
  EXPECT_FALSE(peer.on_refusal(Index(6), Index(0))) << "what is acknowledged stays";
  EXPECT_FALSE(peer.on_refusal(Index(7), Index(0))) << "nothing was asked about 7";
  EXPECT_EQ(peer.match(), Index(6));
}

TEST(Progress, a_refusal_goes_back_and_never_below_what_matches) {
  Progress peer = progress();
  EXPECT_FALSE(peer.on_refusal(Index(3), Index(2))) << "the probe asked about 5";
  EXPECT_TRUE(peer.on_refusal(Index(5), Index(2)));
  EXPECT_EQ(peer.next(), Index(3));
  EXPECT_TRUE(peer.on_refusal(Index(2), Index(9))) << "a guess beyond the question is no help";
  EXPECT_EQ(peer.next(), Index(2));
  peer.on_ack(Index(4), Index(1));
  peer.on_sent(Index(8), 1);
  EXPECT_TRUE(peer.on_refusal(Index(7), Index(0)));
  EXPECT_EQ(peer.next(), Index(5));
  EXPECT_EQ(peer.state(), Progress::State::probe);
}

TEST(Progress, a_snapshot_ends_when_an_answer_reaches_the_log) {
  Progress peer = progress();
  peer.become_snapshot();
  EXPECT_FALSE(peer.may_send());
  EXPECT_FALSE(peer.on_refusal(Index(5), Index(1)));
  peer.on_ack(Index(3), Index(6));
  EXPECT_EQ(peer.state(), Progress::State::snapshot);
  peer.on_ack(Index(5), Index(6));
  EXPECT_EQ(peer.state(), Progress::State::replicate);
  EXPECT_EQ(peer.next(), Index(6));
}

// ---- Reads --------------------------------------------------------------------------------------

TEST(Reads, a_round_confirms_what_came_before_it) {
  Reads reads;
  reads.gather(1, Index(5));
  EXPECT_EQ(reads.begin_round(), 1u);
  reads.gather(2, Index(6));
  std::vector<Readable> ready;
  reads.confirm(1, ready);
  ASSERT_EQ(ready.size(), 1u);
  EXPECT_EQ(ready[0].ticket, 1u);
  EXPECT_TRUE(reads.any_gathered());
  EXPECT_EQ(reads.begin_round(), 2u);
  reads.gather(3, Index(7));
  EXPECT_EQ(reads.begin_round(), 3u);
  ready.clear();
  reads.confirm(3, ready);
  ASSERT_EQ(ready.size(), 2u) << "a later round confirms the earlier ones";
  EXPECT_EQ(ready[0].index, Index(6));
}

TEST(Reads, the_postponed_wait_for_a_commit_and_then_for_a_round) {
  Reads reads;
  reads.postpone(1);
  EXPECT_FALSE(reads.any_gathered());
  reads.gather_postponed(Index(9));
  EXPECT_TRUE(reads.any_gathered());
  reads.begin_round();
  std::vector<Readable> ready;
  reads.confirm(1, ready);
  ASSERT_EQ(ready.size(), 1u);
  EXPECT_EQ(ready[0].index, Index(9));
}

TEST(Reads, refuses_every_kind) {
  Reads reads;
  reads.gather(1, Index(1));
  reads.begin_round();
  reads.gather(2, Index(1));
  reads.postpone(3);
  std::vector<ReadTicket> refused;
  reads.refuse_all(refused);
  EXPECT_EQ(refused, (std::vector<ReadTicket>{1, 2, 3}));
  EXPECT_FALSE(reads.round_under_way());
  EXPECT_FALSE(reads.any_gathered());
}

// ---- Writes -------------------------------------------------------------------------------------

TEST(Writes, complete_in_order_and_all_at_once) {
  Writes writes({}, Index(0));
  writes.issue(Epoch{1, NodeId(1)}, std::nullopt);
  writes.issue(std::nullopt, Index(3));
  const WriteId third = writes.issue(std::nullopt, Index(5));
  writes.complete(1);
  EXPECT_EQ(writes.durable_promise(), (Epoch{1, NodeId(1)}));
  EXPECT_EQ(writes.durable_last(), Index(0));
  writes.complete(third);
  EXPECT_EQ(writes.durable_last(), Index(5));
  EXPECT_FALSE(writes.any_under_way());
}

TEST(Writes, a_completion_does_not_vouch_for_what_was_cut) {
  Writes writes({}, Index(1));
  const WriteId first = writes.issue(std::nullopt, Index(3));
  writes.cut(Index(2));
  const WriteId second = writes.issue(std::nullopt, Index(2));
  writes.complete(first);
  EXPECT_EQ(writes.durable_last(), Index(1));
  writes.complete(second);
  EXPECT_EQ(writes.durable_last(), Index(2));
}

TEST(Writes, what_was_durable_is_not_once_it_is_cut) {
  Writes writes({}, Index(9));
  writes.cut(Index(4));
  EXPECT_EQ(writes.durable_last(), Index(3));
  writes.raise(Index(6));
  EXPECT_EQ(writes.durable_last(), Index(6));
}

TEST(WritesDeathTest, an_unknown_completion_is_a_bug) {
  Writes writes({}, Index(0));
  EXPECT_DEATH(writes.complete(1), "never issued");
}

}  // namespace
}  // namespace holdfast::consensus
