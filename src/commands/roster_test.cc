#include "commands/roster.h"

#include <gtest/gtest.h>

namespace holdfast::commands {
namespace {

Roster sample() {
  Roster roster;
  roster.version = 300;
  roster.last = NodeId(7);
  roster.nodes = {{NodeId(1), "127.0.0.1:7379", "127.0.0.1:17379", 11, NodeState::active},
                  {NodeId(5), "127.0.0.1:7380", "127.0.0.1:17380", 0, NodeState::draining},
                  {NodeId(7), "[::1]:7381", "[::1]:17381", 13, NodeState::removed}};
  return roster;
}

TEST(Roster, ReadsWhatItHasWritten) {
  const auto read = Roster::decode(sample().encode());
  ASSERT_TRUE(read.ok()) << read.error().message;
  EXPECT_EQ(*read, sample());
  EXPECT_TRUE(Roster::decode("")->nodes.empty());
}

TEST(Roster, RefusesWhatMakesNoSense) {
  const std::string good = sample().encode();
  for (std::size_t size = 1; size < good.size(); ++size) {
    EXPECT_FALSE(Roster::decode(std::string_view(good).substr(0, size)).ok()) << size;
  }
  EXPECT_FALSE(Roster::decode(good + "x").ok());
  Roster twice = sample();
  twice.nodes[1].node = NodeId(1);
  EXPECT_FALSE(Roster::decode(twice.encode()).ok());
  Roster beyond = sample();
  beyond.last = NodeId(6);
  EXPECT_FALSE(Roster::decode(beyond.encode()).ok()) << "a number that was never given";
}

TEST(Roster, FindsByNumberAndByFolder) {
  const Roster roster = sample();
  EXPECT_EQ(roster.find(NodeId(5))->address, "127.0.0.1:7380");
  EXPECT_EQ(roster.find(NodeId(6)), nullptr);
  EXPECT_EQ(roster.of_folder(13)->node, NodeId(7));
  EXPECT_EQ(roster.of_folder(0), nullptr) << "nobody's folder";
}

}  // namespace
}  // namespace holdfast::commands
