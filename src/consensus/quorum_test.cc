#include "consensus/quorum.h"

#include <gtest/gtest.h>

#include <map>

#include "base/prng.h"

namespace holdfast::consensus {
namespace {

using Values = std::map<NodeId, std::uint64_t>;
using Votes = std::map<NodeId, bool>;

Membership membership(std::vector<std::uint64_t> voters, std::vector<std::uint64_t> outgoing = {}) {
  Membership result;
  for (const auto node : voters) result.voters.push_back(NodeId(node));
  for (const auto node : outgoing) result.outgoing.push_back(NodeId(node));
  return result;
}

std::uint64_t reached(const Membership& members, const Values& values) {
  return quorum_reached(members, [&](NodeId node) {
    const auto found = values.find(node);
    return found == values.end() ? 0 : found->second;
  });
}

VoteResult votes(const Membership& members, const Votes& cast) {
  return count_votes(members, [&](NodeId node) -> std::optional<bool> {
    const auto found = cast.find(node);
    return found == cast.end() ? std::nullopt : std::optional(found->second);
  });
}

bool majority(const std::vector<NodeId>& nodes, const std::function<bool(NodeId)>& says_yes) {
  std::size_t yes = 0;
  for (const NodeId node : nodes) yes += says_yes(node) ? 1 : 0;
  return yes * 2 > nodes.size();
}

TEST(Quorum, one_majority) {
  EXPECT_EQ(reached(membership({1}), {{NodeId(1), 5}}), 5u);
  EXPECT_EQ(reached(membership({1, 2}), {{NodeId(1), 5}, {NodeId(2), 3}}), 3u);
  EXPECT_EQ(reached(membership({1, 2, 3}), {{NodeId(1), 5}, {NodeId(2), 3}}), 3u);
  EXPECT_EQ(reached(membership({1, 2, 3, 4}), {{NodeId(1), 9}, {NodeId(2), 8}, {NodeId(3), 7}}),
            7u);
  EXPECT_EQ(votes(membership({1, 2, 3}), {{NodeId(1), true}}), VoteResult::pending);
  EXPECT_EQ(votes(membership({1, 2, 3}), {{NodeId(1), true}, {NodeId(3), true}}), VoteResult::won);
  EXPECT_EQ(votes(membership({1, 2}), {{NodeId(1), true}, {NodeId(2), false}}), VoteResult::lost);
}

TEST(Quorum, nobody_is_no_quorum) {
  EXPECT_EQ(reached(membership({}), {{NodeId(1), 5}}), 0u);
  EXPECT_EQ(votes(membership({}), {{NodeId(1), true}}), VoteResult::lost);
}

TEST(Quorum, learners_and_strangers_do_not_count) {
  Membership members = membership({1, 2, 3});
  members.learners = {NodeId(4)};
  EXPECT_EQ(reached(members, {{NodeId(1), 5}, {NodeId(4), 5}, {NodeId(9), 5}}), 0u);
  EXPECT_EQ(votes(members, {{NodeId(1), true}, {NodeId(4), true}, {NodeId(9), true}}),
            VoteResult::pending);
}

TEST(Quorum, joint_needs_both_majorities) {
  const Membership joint = membership({1, 2, 3}, {3, 4, 5});
  EXPECT_EQ(reached(joint, {{NodeId(1), 9}, {NodeId(2), 9}, {NodeId(3), 4}}), 0u);
  EXPECT_EQ(reached(joint, {{NodeId(1), 9}, {NodeId(2), 9}, {NodeId(3), 4}, {NodeId(4), 2}}), 2u);
  EXPECT_EQ(votes(joint, {{NodeId(1), true}, {NodeId(2), true}}), VoteResult::pending);
  EXPECT_EQ(votes(joint, {{NodeId(2), true}, {NodeId(3), true}, {NodeId(4), true}}),
            VoteResult::won);
  EXPECT_EQ(
      votes(joint, {{NodeId(1), true}, {NodeId(2), true}, {NodeId(4), false}, {NodeId(5), false}}),
      VoteResult::lost);
}

TEST(Quorum, agrees_with_the_definition_for_random_memberships) {
  Prng random(1);
  for (int i = 0; i < 3000; ++i) {
    Membership members;
    for (std::uint64_t node = 1; node <= 7; ++node) {
      if (random.below(2) == 0) members.voters.push_back(NodeId(node));
      if (random.below(3) == 0) members.outgoing.push_back(NodeId(node));
    }
    if (members.voters.empty()) continue;
    Values values;
    Votes cast;
    for (std::uint64_t node = 1; node <= 7; ++node) {
      values[NodeId(node)] = random.below(6);
      if (random.below(3) != 0) cast[NodeId(node)] = random.below(2) == 0;
    }
    const auto both = [&](const std::function<bool(NodeId)>& says_yes) {
      return majority(members.voters, says_yes) &&
             (members.outgoing.empty() || majority(members.outgoing, says_yes));
    };
    // The greatest value that a quorum has reached, by trying them all.
    std::uint64_t greatest = 0;
    for (std::uint64_t value = 1; value <= 6; ++value) {
      if (both([&](NodeId node) { return values[node] >= value; })) greatest = value;
    }
    EXPECT_EQ(reached(members, values), greatest);

    const bool won = both([&](NodeId node) { return cast.count(node) != 0 && cast[node]; });
    const bool can_win = both([&](NodeId node) { return cast.count(node) == 0 || cast[node]; });
    const VoteResult expected = won       ? VoteResult::won
                                : can_win ? VoteResult::pending
                                          : VoteResult::lost;
    EXPECT_EQ(votes(members, cast), expected);
  }
}

}  // namespace
}  // namespace holdfast::consensus
