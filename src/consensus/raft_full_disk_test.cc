// A follower whose disk is full says so in its replies, and its host leaves out what finds no room: it is
// tried with little, gets what it does take, and everything when there is room again.
#include <gtest/gtest.h>

#include "consensus/testing/cluster.h"

namespace holdfast::consensus {
namespace {

using testing::Cluster;
using testing::ClusterOptions;

constexpr Duration kApart = milliseconds(5);  // writes

class RaftFullDisk : public ::testing::Test {
 protected:
  RaftFullDisk() {
    cluster_.tamper = [this](Message& message) {
      const bool reply =
          message.kind == MessageKind::append_reply || message.kind == MessageKind::heartbeat_reply;
      if (reply && ends_.contains(message.from)) message.no_room = true;
      if (message.kind != MessageKind::append) return true;
      const auto end = ends_.find(message.to);
      if (end == ends_.end()) return true;
      if (!message.entries.empty()) ++tried_;
      while (!message.entries.empty() && message.entries.back().index > end->second) {
        message.entries.pop_back();
      }
      return true;
    };
    cluster_.elect(1);
    cluster_.run(milliseconds(200));
  }
  // From now on the node takes only so many entries more.
  void fill(std::uint64_t node, std::uint64_t entries) {
    ends_[NodeId(node)] = Index(cluster_.last(node) + entries);
  }
  void write_for(Duration length, std::size_t bytes) {
    for (Duration passed; passed < length; passed = passed + kApart) {
      cluster_.propose(cluster_.leader(), std::string(bytes, 'x'));
      cluster_.read(cluster_.leader(), ++reads_);  // each has a round, and each round is a heartbeat
      cluster_.run(kApart);
    }
  }

  Cluster cluster_{ClusterOptions{}};
  std::map<NodeId, Index> ends_;  // of the logs of those whose disks are full
  ReadTicket reads_ = 0;
  int tried_ = 0;                 // appends with entries that were sent to them
};

TEST_F(RaftFullDisk, is_tried_once_a_heartbeat) {
  fill(3, 0);
  write_for(seconds(1), 100);
  EXPECT_EQ(cluster_.commit(1), cluster_.last(1));
  EXPECT_EQ(cluster_.role(1), Role::leader);
  const Duration interval = ProtocolOptions().heartbeat_interval;
  EXPECT_LE(tried_, 1000 / interval.ms() + 3) << "and what was sent before it had said so";
  EXPECT_GE(tried_, 1000 / interval.ms() - 3);
}

TEST_F(RaftFullDisk, gets_everything_when_there_is_room_again) {
  const std::uint64_t had = cluster_.last(3);
  fill(3, 0);
  write_for(milliseconds(500), 1000);
  ASSERT_EQ(cluster_.last(3), had);
  ends_.clear();
  cluster_.run(milliseconds(300));
  EXPECT_EQ(cluster_.last(3), cluster_.last(1));
  EXPECT_EQ(cluster_.commit(3), cluster_.commit(1));
}

TEST_F(RaftFullDisk, gets_what_it_has_room_for_without_waiting_for_heartbeats) {
  cluster_.isolate(3);
  write_for(seconds(1), 30 << 10);
  cluster_.heal();
  const std::uint64_t had = cluster_.last(3);
  fill(3, 100);
  cluster_.run(milliseconds(250));
  EXPECT_EQ(cluster_.last(3), had + 100);
}

// What was under way has room everywhere, or the new leader's own first entry would never be committed.
TEST_F(RaftFullDisk, a_new_leader_of_full_disks_confirms_reads) {
  cluster_.propose(1, "under way");
  cluster_.drop();
  fill(2, 10);
  fill(3, 10);
  cluster_.crash(1);
  cluster_.run(seconds(3), [&] { return cluster_.leader() > 1; });
  const std::uint64_t leader = cluster_.leader();
  ASSERT_GT(leader, 1u);
  cluster_.read(leader, 7);
  cluster_.run(milliseconds(200));
  EXPECT_EQ(cluster_.take_readable(leader).size(), 1u);
}

}  // namespace
}  // namespace holdfast::consensus
