#include "replica/proposals.h"

#include <gtest/gtest.h>

namespace holdfast::replica {
namespace {

TEST(Proposals, AWriteMakesItsTurnAnEntryAndReadsRideAlongInOrder) {
  Proposals proposals(1 << 20);
  proposals.add_read("r1");
  EXPECT_FALSE(proposals.gathered().front().entry);
  proposals.add_write("w1");
  proposals.add_read("r2");
  ASSERT_EQ(proposals.gathered().size(), 1u);
  const Turn& turn = proposals.gathered().front();
  EXPECT_TRUE(turn.entry);
  ASSERT_EQ(turn.items.size(), 3u);
  EXPECT_EQ(turn.record(turn.items[0]), "r1");
  EXPECT_EQ(turn.record(turn.items[1]), "w1");
  EXPECT_EQ(turn.record(turn.items[2]), "r2");
}

TEST(Proposals, AFullBatchOpensTheNextUnlessOneCommandIsLarger) {
  Proposals proposals(100);
  proposals.add_write(std::string(500, 'a'));
  proposals.add_write("b");
  EXPECT_EQ(proposals.gathered().size(), 2u);
}

TEST(Proposals, ATurnIsAppliedInOneGoSoItHasNoEndOfCommands) {
  Proposals proposals(1 << 20);
  for (std::size_t i = 0; i < 2 * Proposals::kMostItems; i += 2) {
    proposals.add_write("w");
    proposals.add_read("r");
  }
  ASSERT_EQ(proposals.gathered().size(), 2u);
  for (const Turn& turn : proposals.gathered()) EXPECT_EQ(turn.items.size(), Proposals::kMostItems);
  proposals.want_entry();
  EXPECT_EQ(proposals.gathered().size(), 2u) << "the last of them is one";
}

TEST(Proposals, CountsWhatIsUnderWay) {
  Proposals proposals(1 << 20);
  Turn turn;
  turn.entry = true;
  turn.payload = SharedBytes(std::string(10, 'x'));
  proposals.under_way(std::move(turn));
  proposals.under_way(Turn{});
  EXPECT_TRUE(proposals.entry_running());
  EXPECT_EQ(proposals.bytes(), 10u);
  EXPECT_TRUE(proposals.pop().entry);
  EXPECT_FALSE(proposals.entry_running());
  EXPECT_EQ(proposals.bytes(), 0u);
  proposals.add_write("later");
  const auto all = proposals.take_all();
  ASSERT_EQ(all.size(), 2u);
  EXPECT_EQ(all[1].record(all[1].items[0]), "later");
  EXPECT_TRUE(proposals.running().empty());
}

}  // namespace
}  // namespace holdfast::replica
