#include "replica/steward.h"

#include <gtest/gtest.h>

#include <set>

namespace holdfast::replica {
namespace {

using commands::NodeState;
using consensus::Membership;

struct Group {
  commands::Roster roster;
  Membership membership;
  std::set<std::uint64_t> gone;
  std::set<std::uint64_t> behind;
  Duration silence = seconds(1000);
  Duration replace_after = seconds(300);

  explicit Group(std::uint64_t nodes, std::vector<std::uint64_t> voters) {
    for (std::uint64_t n = 1; n <= nodes; ++n) {
      roster.nodes.push_back({NodeId(n), "", "", n, NodeState::active});
    }
    roster.last = NodeId(nodes);
    for (const auto n : voters) membership.voters.push_back(NodeId(n));
    for (std::uint64_t n = 1; n <= nodes; ++n) {
      if (!membership.is_voter(NodeId(n))) membership.learners.push_back(NodeId(n));
    }
  }
  void set(std::uint64_t node, NodeState state) { roster.find(NodeId(node))->state = state; }

  // "1,2,3/4": voters, learners. "": nothing to be done.
  std::string next(std::uint64_t leader = 1) const {
    std::vector<Presence> present;
    for (const NodeId node : membership.everyone()) {
      const bool there = !gone.contains(node.value);
      present.push_back({.node = node,
                         .there = there,
                         .caught_up = there && !behind.contains(node.value),
                         .silent_for = there ? Duration{} : silence});
    }
    const auto target = next_membership({.self = NodeId(leader),
                                         .roster = roster,
                                         .membership = membership,
                                         .present = present,
                                         .replace_after = replace_after});
    if (!target) return "";
    std::string text;
    for (const NodeId node : target->voters) text += fmt::format("{},", node);
    text += "/";
    for (const NodeId node : target->learners) text += fmt::format("{},", node);
    return text;
  }
};

TEST(Steward, AWholeClusterStaysAsItIs) {
  EXPECT_EQ(Group(1, {1}).next(), "");
  EXPECT_EQ(Group(2, {1}).next(), "") << "with two nodes the second stays a learner";
  EXPECT_EQ(Group(3, {1, 2, 3}).next(), "");
  EXPECT_EQ(Group(5, {1, 2, 3, 4, 5}).next(), "");
  EXPECT_EQ(Group(7, {1, 2, 3, 4, 5}).next(), "") << "at most five vote";
}

TEST(Steward, WhoIsNewLearnsFirst) {
  Group group(3, {1, 2, 3});
  group.roster.nodes.push_back({NodeId(4), "", "", 4, NodeState::active});
  EXPECT_EQ(group.next(), "1,2,3,/4,");
}

TEST(Steward, VotersComeInPairs) {
  Group group(3, {1});
  EXPECT_EQ(group.next(), "1,2,3,/");
  group.behind = {3};
  EXPECT_EQ(group.next(), "") << "two would be worse than one";
  Group five(5, {1, 2, 3});
  EXPECT_EQ(five.next(), "1,2,3,4,5,/");
  five.gone = {5};
  EXPECT_EQ(five.next(), "");
}

TEST(Steward, WhoIsRemovedLeavesAndIsReplaced) {
  Group group(4, {1, 2, 3});
  group.set(2, NodeState::removed);
  EXPECT_EQ(group.next(), "1,3,4,/");
  group.behind = {4};
  EXPECT_EQ(group.next(), "") << "not before the other can take the place";
  group.gone = {2};
  EXPECT_EQ(group.next(), "1,3,/4,") << "it is of no use meanwhile";
}

TEST(Steward, OfThreeOneRemovedLeavesOneVoter) {
  Group group(3, {1, 2, 3});
  group.set(3, NodeState::removed);
  EXPECT_EQ(group.next(), "1,/2,");
  EXPECT_EQ(group.next(2), "2,/1,") << "the leader stays";
}

TEST(Steward, OfFiveTwoRemovedAreThree) {
  Group group(5, {1, 2, 3, 4, 5});
  group.set(4, NodeState::removed);
  EXPECT_EQ(group.next(), "1,2,3,/5,");
  group.set(5, NodeState::removed);
  EXPECT_EQ(group.next(), "1,2,3,/");
}

TEST(Steward, TheLeaderMayLeave) {
  Group group(4, {1, 2, 3});
  group.set(1, NodeState::removed);
  EXPECT_EQ(group.next(), "2,3,4,/");
}

TEST(Steward, WhoIsDrainedKeepsACopy) {
  Group group(4, {1, 2, 3});
  group.set(3, NodeState::draining);
  EXPECT_EQ(group.next(), "1,2,4,/3,");
}

TEST(Steward, TheSilentAreReplacedWhereThereIsRoom) {
  Group group(4, {1, 2, 3});
  group.gone = {3};
  group.silence = seconds(299);
  EXPECT_EQ(group.next(), "");
  group.silence = seconds(300);
  EXPECT_EQ(group.next(), "1,2,4,/3,");
  group.replace_after = {};
  EXPECT_EQ(group.next(), "") << "switched off";
  Group alone(3, {1, 2, 3});
  alone.gone = {3};
  EXPECT_EQ(alone.next(), "") << "nobody is there to take the place";
}

TEST(Steward, NobodyLeavesWhomTheOthersNeed) {
  Group group(3, {1, 2, 3});
  group.gone = {2};
  group.set(3, NodeState::removed);
  EXPECT_EQ(group.next(), "1,/2,") << "one that is there can go on alone";
  Group five(5, {1, 2, 3, 4, 5});
  five.gone = {1, 2};
  five.set(5, NodeState::removed);
  EXPECT_EQ(five.next(3), "1,3,4,/2,") << "one who is not there makes the number odd";
}

TEST(Steward, WhoLeavesButCannotYetStaysAVoter) {
  Group group(5, {1, 2, 3, 4, 5});
  group.gone = {2, 3};
  group.set(4, NodeState::removed);
  group.set(5, NodeState::draining);
  EXPECT_EQ(group.next(), "") << "of 1, 2 and 3 only one is there";
}

TEST(Steward, WhoIsToVoteHasAnsweredAfterTheDecision) {
  const auto voters = [](std::vector<std::uint64_t> numbers) {
    std::vector<NodeId> nodes;
    for (const auto n : numbers) nodes.push_back(NodeId(n));
    return nodes;
  };
  // Node 2 has answered round 7, node 3 was heard before that.
  const std::vector<consensus::PeerProgress> peers = {
      {.node = NodeId(2), .match = {}, .recently_active = true, .round = 7},
      {.node = NodeId(3), .match = {}, .recently_active = true, .round = 6}};
  const auto answered = [&](std::vector<std::uint64_t> numbers) {
    return have_answered(voters(std::move(numbers)), NodeId(1), 7, peers);
  };
  EXPECT_TRUE(answered({1})) << "the leader asks nobody";
  EXPECT_TRUE(answered({2}));
  EXPECT_FALSE(answered({3}));
  EXPECT_TRUE(answered({1, 2, 3}));
  EXPECT_FALSE(answered({2, 3})) << "half is no majority";
  EXPECT_FALSE(answered({4})) << "nobody knows it";
}

}  // namespace
}  // namespace holdfast::replica
