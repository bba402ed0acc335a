#include "commands/levels.h"

#include <gtest/gtest.h>

namespace holdfast::commands {
namespace {

Roster roster_of(std::initializer_list<std::uint64_t> numbers) {
  Roster roster;
  for (const std::uint64_t number : numbers) {
    roster.nodes.push_back({NodeId(number), "a", "p", number, NodeState::active});
    roster.last = NodeId(number);
  }
  return roster;
}

TEST(Levels, RisesWhenAllAgree) {
  const Roster roster = roster_of({1, 2, 5});
  Levels levels;
  levels.note(NodeId(1), 4, roster);
  levels.note(NodeId(5), 3, roster);
  EXPECT_EQ(levels.level, Levels::kFirst) << "nothing is known of node 2";
  levels.note(NodeId(2), 4, roster);
  EXPECT_EQ(levels.level, 3);
  levels.note(NodeId(5), 4, roster);
  EXPECT_EQ(levels.level, 4);
}

TEST(Levels, NeverGoesBack) {
  const Roster roster = roster_of({1});
  Levels levels;
  levels.note(NodeId(1), 4, roster);
  levels.note(NodeId(1), 2, roster);
  EXPECT_EQ(levels.level, 4);
  EXPECT_EQ(levels.known_of(NodeId(1)), 2);
}

TEST(Levels, ANewNodeHoldsItUntilItHasSaidWhatItKnows) {
  Levels levels;
  levels.note(NodeId(1), 3, roster_of({1, 2}));
  EXPECT_EQ(levels.level, Levels::kFirst);
  // Node 2 leaves; node 3 comes.
  levels.note(NodeId(1), 3, roster_of({1, 3}));
  EXPECT_EQ(levels.level, Levels::kFirst);
  levels.note(NodeId(3), 3, roster_of({1, 3}));
  EXPECT_EQ(levels.level, 3);
}

TEST(Levels, WhoIsInNoRosterIsNotCounted) {
  Levels levels;
  levels.note(NodeId(1), 9, {});
  EXPECT_EQ(levels.level, Levels::kFirst);
  EXPECT_TRUE(levels.nodes.empty());
  levels.note(NodeId(8), 9, roster_of({1}));
  EXPECT_EQ(levels, Levels());
}

TEST(Levels, ReadsWhatItHasWritten) {
  Levels levels{5, {{NodeId(1), 5}, {NodeId(300), 6}}};
  const std::string good = levels.encode();
  EXPECT_EQ(*Levels::decode(good), levels);
  EXPECT_EQ(*Levels::decode(""), Levels());
  for (std::size_t size = 1; size < good.size(); ++size) {
    EXPECT_FALSE(Levels::decode(std::string_view(good).substr(0, size)).ok()) << size;
  }
  EXPECT_FALSE(Levels::decode(good + "x").ok());
  levels.level = 1;
  EXPECT_FALSE(Levels::decode(levels.encode()).ok());
}

}  // namespace
}  // namespace holdfast::commands
