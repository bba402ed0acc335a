#include "server/departures.h"

#include <gtest/gtest.h>

#include <string>
#include <vector>

#include "replica/command_record.h"

namespace holdfast::server {
namespace {

const Origin kSelf{NodeId(1), Incarnation(9), {}, 0};

struct Leader {
  Departures departures;
  std::vector<std::string> said;
  std::uint64_t last_request = 0;
  std::int64_t cluster_ms = 777;
  bool takes = true;

  void turn(std::int64_t ms, std::uint64_t epoch = 1) {
    departures.on_turn_end({.now = Instant{} + milliseconds(ms),
                            .epoch = Epoch{epoch, NodeId(1)},
                            .self = kSelf,
                            .cluster_time = [this] { return ClusterTime{cluster_ms}; },
                            .submit = [this](std::string_view record) { return take(record); }});
  }
  bool take(std::string_view record) {
    if (!takes) return false;
    replica::CommandRecord decoded;
    EXPECT_TRUE(replica::decode_record(record, decoded).ok());
    std::string words;
    for (const auto word : decoded.commands.at(0)) {
      words += (words.empty() ? "" : " ") + std::string(word);
    }
    said.push_back(words);
    last_request = decoded.origin.request;
    EXPECT_EQ(decoded.origin.connection, Departures::kConnection);
    return true;
  }
  void add(std::uint64_t node, std::uint64_t incarnation, bool ended, std::int64_t due_ms) {
    departures.add(NodeId(node), Incarnation(incarnation), ended, Instant{} + milliseconds(due_ms));
  }
};

using Words = std::vector<std::string>;

TEST(Departures, SaidOnceAfterTheGrace) {
  Leader leader;
  leader.add(2, 5, true, 1000);
  EXPECT_EQ(leader.departures.wake_at(Epoch{1, NodeId(1)}), Instant{} + milliseconds(1000));
  leader.turn(999);
  EXPECT_TRUE(leader.said.empty());
  leader.cluster_ms = 1776;
  leader.turn(1000);
  leader.turn(5000);
  EXPECT_EQ(leader.said, (Words{"_NODE.GONE 2 5 777"})) << "since the leader knew";
  EXPECT_EQ(leader.departures.wake_at(Epoch{1, NodeId(1)}), Instant::never());
}

TEST(Departures, SaidAgainIfItWasNotDoneOrUnderANewEpoch) {
  Leader leader;
  leader.takes = false;
  leader.add(2, 5, true, 0);
  leader.turn(1);
  leader.takes = true;
  leader.turn(2);
  EXPECT_TRUE(leader.said.empty()) << "refused: a pause first";
  leader.turn(100);
  EXPECT_EQ(leader.said.size(), 1U);
  leader.departures.on_outcome(leader.last_request, replica::Verdict::not_done);
  leader.turn(101);
  EXPECT_EQ(leader.said.size(), 2U);
  leader.departures.on_outcome(leader.last_request, replica::Verdict::answered);
  leader.turn(102);
  EXPECT_EQ(leader.said.size(), 2U);
  leader.turn(103, 2);
  EXPECT_EQ(leader.said.size(), 3U);
}

TEST(Departures, OneThatComesBackHasNotGone) {
  Leader leader;
  leader.add(2, 5, true, 1000);
  leader.departures.forget(NodeId(2), Incarnation(5));
  leader.turn(2000);
  EXPECT_TRUE(leader.said.empty());
  // A later process of the node does not save the waiters of the one before.
  leader.add(2, 5, true, 1000);
  leader.departures.forget(NodeId(2), Incarnation(6));
  leader.turn(2000);
  EXPECT_EQ(leader.said, (Words{"_NODE.GONE 2 5 777"}));
}

// A process that was only stopped goes on, and tells its clients of what was granted meanwhile.
TEST(Departures, OneThatIsOnlySilentKeepsWhatItWasGranted) {
  Leader leader;
  leader.add(2, 5, false, 0);
  leader.turn(1);
  EXPECT_EQ(leader.said, (Words{"_NODE.GONE 2 5 9223372036854775807"}));
  leader.add(2, 5, false, 0);
  leader.turn(2);
  EXPECT_EQ(leader.said.size(), 1U);
  leader.add(2, 5, true, 0);  // it has ended after all
  leader.turn(3);
  EXPECT_EQ(leader.said.at(1), "_NODE.GONE 2 5 777");
}

TEST(Departures, TheNewestProcessCounts) {
  Leader leader;
  leader.add(2, 5, true, 1500);
  leader.add(2, 4, true, 0);
  leader.turn(2000);
  leader.add(2, 7, true, 2100);
  leader.turn(2200);
  EXPECT_EQ(leader.said, (Words{"_NODE.GONE 2 5 777", "_NODE.GONE 2 7 777"}));
}

}  // namespace
}  // namespace holdfast::server
