// News that waits for company: of commits, for entries to travel with; of reads, for the round under
// way (ProtocolOptions::commit_notice, read_round_pause).
#include <gtest/gtest.h>

#include "consensus/testing/cluster.h"

namespace holdfast::consensus {
namespace {

using testing::Cluster;
using testing::ClusterOptions;

constexpr Duration kNotice = milliseconds(2);
constexpr Duration kPause = microseconds(300);

Cluster unhurried() {
  ClusterOptions options;
  options.protocol.commit_notice = kNotice;
  options.protocol.read_round_pause = kPause;
  return Cluster(options);
}

bool to_three(const Message& message) { return message.to == NodeId(3); }

// Node 1 leads, everybody knows all there is, and nothing is on its way.
void settle(Cluster& cluster) {
  cluster.elect(1);
  cluster.run(milliseconds(200));
  ASSERT_EQ(cluster.commit(3), cluster.last(1));
  ASSERT_TRUE(cluster.network().empty());
}

TEST(RaftPace, the_news_of_a_commit_waits_no_longer_than_it_may) {
  Cluster cluster = unhurried();
  settle(cluster);
  const std::uint64_t before = cluster.commit(3);
  cluster.propose(1, "a");
  cluster.stabilize();
  ASSERT_EQ(cluster.commit(1), before + 1);
  EXPECT_EQ(cluster.commit(3), before);  // it waits for an entry
  cluster.elapse(1, kNotice - nanoseconds(1));
  EXPECT_TRUE(cluster.network().empty());
  cluster.elapse(1, nanoseconds(1));
  cluster.stabilize();
  EXPECT_EQ(cluster.commit(2), before + 1);
  EXPECT_EQ(cluster.commit(3), before + 1);
}

TEST(RaftPace, the_next_entry_brings_the_news_and_no_message_is_sent_for_it) {
  Cluster cluster = unhurried();
  settle(cluster);
  cluster.propose(1, "a");
  cluster.stabilize();
  cluster.propose(1, "b");
  EXPECT_EQ(cluster.count(MessageKind::append), 2u);
  cluster.stabilize();
  EXPECT_EQ(cluster.commit(3), cluster.commit(1) - 1);
  // When the time of the first is over it is known; the second waits as long as any.
  cluster.elapse(1, kNotice);
  EXPECT_EQ(cluster.count(MessageKind::append), 0u);
  cluster.elapse(1, kNotice);
  EXPECT_EQ(cluster.count(MessageKind::append), 2u);
}

TEST(RaftPace, whoever_missed_the_entry_with_the_news_hears_it_all_the_same) {
  Cluster cluster = unhurried();
  settle(cluster);
  cluster.propose(1, "a");
  cluster.stabilize();
  cluster.propose(1, "b");
  cluster.drop(to_three);
  cluster.stabilize();
  cluster.run(milliseconds(200));
  EXPECT_EQ(cluster.commit(3), cluster.commit(1));
}

TEST(RaftPace, what_somebody_waits_for_elsewhere_is_told_at_once) {
  Cluster cluster = unhurried();
  settle(cluster);
  cluster.propose(1, "a");
  cluster.input(1, Propose{.payload = SharedBytes(std::string("b")), .waited_for_elsewhere = true});
  cluster.stabilize();
  EXPECT_EQ(cluster.commit(3), cluster.commit(1));
  cluster.propose(1, "c");
  cluster.stabilize();
  EXPECT_EQ(cluster.commit(3), cluster.commit(1) - 1);
}

TEST(RaftPace, reads_gather_while_a_round_is_under_way_and_its_answer_begins_theirs) {
  Cluster cluster = unhurried();
  settle(cluster);
  cluster.read(1, 1);
  EXPECT_EQ(cluster.count(MessageKind::heartbeat), 2u);
  cluster.elapse(1, microseconds(100));
  cluster.read(1, 2);
  cluster.elapse(1, microseconds(100));
  cluster.read(1, 3);
  EXPECT_EQ(cluster.count(MessageKind::heartbeat), 2u);  // no round of their own yet
  cluster.deliver();
  cluster.deliver_one();
  // Confirmed: the first. What came after its round began is not answered by it.
  const auto first = cluster.take_readable(1);
  ASSERT_EQ(first.size(), 1u);
  EXPECT_EQ(first[0].ticket, 1u);
  EXPECT_EQ(cluster.count(MessageKind::heartbeat), 2u);  // of one round for both
  cluster.stabilize();
  const auto others = cluster.take_readable(1);
  ASSERT_EQ(others.size(), 2u);
  EXPECT_EQ(others[0].ticket, 2u);
  EXPECT_EQ(others[1].ticket, 3u);
}

TEST(RaftPace, reads_do_not_wait_long_for_a_round_that_nobody_answers) {
  Cluster cluster = unhurried();
  settle(cluster);
  cluster.read(1, 1);
  cluster.drop();
  cluster.elapse(1, microseconds(100));
  cluster.read(1, 2);
  cluster.elapse(1, microseconds(199));
  EXPECT_TRUE(cluster.network().empty());
  cluster.elapse(1, microseconds(1));
  EXPECT_EQ(cluster.count(MessageKind::heartbeat), 2u);
  cluster.stabilize();
  EXPECT_EQ(cluster.take_readable(1).size(), 2u);
}

}  // namespace
}  // namespace holdfast::consensus
