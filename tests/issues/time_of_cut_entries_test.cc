// A leader that was cut off stamped entries that never were committed. When they were cut from its
// log, its cluster time still did not go back behind their stamps: it was ahead of the next
// leader's, and when it led again, holds that the other had granted ended early, by as much. Found
// by the simulator: seeds 20261, 20330, 21273 and 21365 of tests/scenarios/transfers.txt.

#include "replica/cluster_clock.h"
#include "replica/test_stage.h"

namespace holdfast::replica {
namespace {

Instant at_ms(std::int64_t ms) { return Instant{} + milliseconds(ms); }

TEST(TimeOfCutEntries, DoesNotOutliveThem) {
  ClusterClock clock({1000}, at_ms(0));
  clock.logged({1300}, at_ms(300));  // committed
  clock.logged({1700}, at_ms(700));  // stamped in vain
  clock.cut({1300});
  clock.told({1350}, at_ms(750));  // whose time is behind, since it had learnt of 1300 late
  EXPECT_EQ(clock.at(at_ms(750)), ClusterTime{1350});

  // Granted by that leader at 1350 for 200 ms; this node leads from 800 on.
  EXPECT_FALSE(ClusterTime{1550}.passed(clock.advance(at_ms(949), {0})));
  EXPECT_TRUE(ClusterTime{1550}.passed(clock.advance(at_ms(953), {0})));
}

TEST(TimeOfCutEntries, IsNotBehindWhatIsLeft) {
  ClusterClock clock({1000}, at_ms(0));
  clock.logged({1300}, at_ms(300));
  clock.cut({1300});
  clock.told({1200}, at_ms(310));
  EXPECT_EQ(clock.at(at_ms(310)), ClusterTime{1300});
}

// The same when not another leader's entries take their place, but its snapshot.

using TimeOfReplacedEntries = Stage;

TEST_F(TimeOfReplacedEntries, DoesNotOutliveThem) {
  open();
  silent_peers = true;
  std::string record;
  encode_command(0, {NodeId(1), Incarnation(1), ConnectionId(1), 1}, {"SET", "a", "in vain"}, record);
  ASSERT_EQ(replica->submit(record, true, Epoch{}), Accepted::yes);
  turn(clock.at);
  const ClusterTime in_vain = replica->status().cluster_time;
  const Epoch next{replica->epoch().round + 1, NodeId(2)};

  hear(next, {in_vain.ms - 100});
  EXPECT_EQ(replica->status().cluster_time, in_vain) << "its log still has the entry";
  take_snapshot(Index(50), snapshot_of(Index(50), next, {in_vain.ms - 150}, empty_state()));
  ASSERT_EQ(replica->applied(), Index(50));
  hear(next, {in_vain.ms - 100});
  EXPECT_EQ(replica->status().cluster_time.ms, in_vain.ms - 100);
}

}  // namespace
}  // namespace holdfast::replica
