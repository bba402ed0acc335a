// Running nodes find and mend what their disks have lost, in a world of the nodes that ship.
#include <gtest/gtest.h>

#include "sim/fault_world.h"

namespace holdfast::sim {
namespace {

class ScrubbedNodes : public FaultWorld {
 protected:
  const storage::Scrub& scrub(MachineId node) { return *world_->host(node).node()->scrub(); }
  bool wrong(MachineId node) {
    for (const storage::ScrubFile& file : scrub(node).files()) {
      if (world_->host(node).disk().wrong_within(file.name, file.bytes)) return true;
    }
    return false;
  }
  // A bit of what is read again, in a file whose name begins so.
  void flip(MachineId node, std::string_view prefix) {
    for (int i = 0; i < 200 && !wrong(node); ++i) {
      inflict(at("bit-flip", node, fmt::format("chance={} file={}", ++chance_, prefix)));
    }
    ASSERT_TRUE(wrong(node));
  }
  bool mended(MachineId node) {
    for (int i = 0; i < 1000 && (wrong(node) || !scrub(node).damaged().empty()); ++i) {
      run_for(milliseconds(10));
    }
    return !wrong(node) && scrub(node).damaged().empty();
  }
  void fill(int count) {
    for (int i = 0; i < count; ++i) {
      ASSERT_EQ(ask(world_->leader(), fmt::format("SET f{} {}", i, std::string(900, 'f'))),
                "+OK\r\n");
    }
  }
  // It starts from what is on its disk, without taking anything from the others.
  void expect_whole_at_start(MachineId node) {
    inflict(at("power-off", node));
    inflict(at("start", node));
    ASSERT_TRUE(world_->host(node).running()) << last_words(node);
    EXPECT_FALSE(on_disk(node, "recovering"));
    EXPECT_FALSE(began_again(node));
  }

  int chance_ = 0;
};

TEST_F(ScrubbedNodes, ADamagedLogIsLeftAndEverythingIsOnTheDiskAgain) {
  begin(3, 1, seconds(2));
  fill(30);
  come_to_rest();
  for (const MachineId node : {world_->leader(), follower()}) {
    flip(node, "log-");
    ASSERT_TRUE(mended(node));
    EXPECT_EQ(scrub(node).figures().found, 1U);
    EXPECT_EQ(scrub(node).figures().repaired, 1U);
    expect_whole_at_start(node);
    ASSERT_TRUE(serves("again"));
  }
  EXPECT_TRUE(deaths_.of.empty());
}

TEST_F(ScrubbedNodes, ADamagedSnapshotIsMadeAnewThoughNothingHasChanged) {
  begin(3, 2, seconds(2));
  fill(40);
  come_to_rest();
  const MachineId node = follower();
  flip(node, "snapshot-");
  ASSERT_TRUE(mended(node));
  EXPECT_GE(scrub(node).figures().found, 1U);
  expect_whole_at_start(node);
  EXPECT_TRUE(holds(node, "f3"));
}

// Nobody else could give it back what its disk has lost.
TEST_F(ScrubbedNodes, TheOnlyNodeMendsItself) {
  begin(1, 3, seconds(2));
  fill(40);
  come_to_rest();
  for (int i = 0; i < 6; ++i) {
    flip(1, i % 2 == 0 ? "log-" : "snapshot-");
    ASSERT_TRUE(mended(1)) << i;
    expect_whole_at_start(1);
    ASSERT_TRUE(serves(fmt::format("k{}", i)));
  }
  EXPECT_EQ(ask(1, "STRLEN f39"), ":900\r\n");
}

// What is not committed yet lies in no snapshot: the file stays until it is.
TEST_F(ScrubbedNodes, EntriesThatAreNotCommittedKeepTheirFileUntilTheyAre) {
  begin(3, 4, seconds(2));
  fill(5);
  come_to_rest();
  const MachineId leader = world_->leader();
  inflict(at("isolate-in", leader));
  RawClient client(world_->schedule(), world_->network(), kFirstClient + clients_++);
  client.dial(world_->host(leader).address());
  run_for(milliseconds(20));
  client.send("SET uncommitted 1\r\n");
  run_for(milliseconds(100));
  const auto& protocol = world_->host(leader).node()->replica()->protocol();
  ASSERT_GT(protocol.log().last(), protocol.commit());
  flip(leader, "log-");
  run_for(seconds(10));
  EXPECT_EQ(scrub(leader).damaged().size(), 1U);
  inflict("heal");
  ASSERT_TRUE(serves("again"));
  EXPECT_TRUE(mended(leader));
  expect_whole_at_start(leader);
}

// The page cache still shows what the platters never got.
TEST_F(ScrubbedNodes, AWriteThatOnlyMemoryHoldsIsFound) {
  begin(3, 5, seconds(2));
  fill(10);
  const MachineId node = follower();
  inflict(at("lost-write", node, "1times file=log-"));
  fill(10);
  come_to_rest();
  ASSERT_TRUE(world_->host(node).disk().counts().lost_writes > 0);
  ASSERT_TRUE(mended(node));
  EXPECT_GE(scrub(node).figures().found, 1U);
  expect_whole_at_start(node);
}

// A leader whose snapshot no follower can use looks at it at once.
TEST_F(ScrubbedNodes, ASnapshotThatIsRefusedIsLookedAtAtOnce) {
  begin(3, 7);
  fill(20);
  come_to_rest();
  const MachineId away = follower();
  inflict(at("kill", away));
  fill(60);
  come_to_rest();
  for (MachineId id = 1; id <= 3; ++id) {
    // The one that is sent, not the one before it, which is there too.
    if (id != away) flip(id, world_->host(id).node()->replica()->stored_snapshot()->name);
  }
  inflict(at("start", away));
  run_for(seconds(10));
  EXPECT_EQ(applied(away), applied(world_->leader()));
  EXPECT_GE(scrub(world_->leader()).figures().found, 1U);
  EXPECT_FALSE(wrong(world_->leader()));
}

TEST_F(ScrubbedNodes, WithoutDamageNothingIsFoundAndNothingIsMadeAnew) {
  begin(3, 6, seconds(1));
  fill(40);
  come_to_rest();
  std::map<MachineId, std::uint64_t> made;
  for (MachineId id = 1; id <= 3; ++id) {
    made[id] = world_->host(id).node()->replica()->status().snapshots_made;
  }
  run_for(seconds(20));
  for (MachineId id = 1; id <= 3; ++id) {
    EXPECT_GE(scrub(id).figures().passes, 15U);
    EXPECT_EQ(scrub(id).figures().found, 0U);
    EXPECT_EQ(world_->host(id).node()->replica()->status().snapshots_made, made[id]);
  }
}

}  // namespace
}  // namespace holdfast::sim
