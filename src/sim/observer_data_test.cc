#include "sim/observer_data.h"

#include <gtest/gtest.h>

#include "routing/slot.h"
#include "sim/observer_stage.h"

namespace holdfast::sim {
namespace {

std::vector<std::string> words(std::string_view a, std::string_view b, std::string_view c) {
  return {std::string(a), std::string(b), std::string(c)};
}

// Everybody applies one more entry; machine 2 then holds `value`, the others "v".
void apply_one(Stage& stage, std::string_view value) {
  for (const MachineId id : {1u, 2u, 3u}) {
    stage.append(id, epoch_of(1, 1), "SET k v");
    stage.see(id);
  }
  const std::uint64_t index = stage.machine(1).log.last().value;
  for (const MachineId id : {1u, 2u, 3u}) {
    stage.put(id, "k", id == 2 ? value : "v");
    stage.commit(id, index);
    stage.see(id);
  }
}

TEST(ReplicaEquality, AcceptsEqualData) {
  Stage stage;
  stage.founded(3);
  for (int i = 0; i < 100; ++i) apply_one(stage, "v");
  EXPECT_EQ(stage.objections(), Names());
  EXPECT_EQ(stage.rules().replica_equality().digests(), 6u);  // at 0 and at 64
}

TEST(ReplicaEquality, CatchesAMissingChangeAtOnce) {
  Stage stage;
  stage.founded(3);
  apply_one(stage, "v");
  stage.put(3, "k", "once more");
  stage.see(3);
  EXPECT_EQ(stage.objections(), Names());  // the same index: not looked at again
  apply_one(stage, "v");
  EXPECT_EQ(stage.objections(), Names{"replica equality"});
}

TEST(ReplicaEquality, CatchesAnotherValueByADigest) {
  Stage stage;
  stage.founded(3);
  for (int i = 0; i < 50; ++i) apply_one(stage, "w");
  EXPECT_EQ(stage.objections(), Names());
  for (int i = 0; i < 20; ++i) apply_one(stage, "w");
  EXPECT_EQ(stage.objections(), Names{"replica equality"});
}

// The nodes look for differences themselves, and mend them: that one was there is what matters.
TEST(ReplicaEquality, TakesTheWordOfANodeThatFoundADifference) {
  Stage stage;
  stage.founded(3);
  apply_one(stage, "v");
  stage.sight(2).differed = true;
  EXPECT_EQ(stage.objections(), Names());
  apply_one(stage, "v");
  EXPECT_EQ(stage.objections(), Names{"replica equality"});
}

TEST(ReplicaEquality, CatchesAnotherValueWhenThorough) {
  Stage stage;
  stage.founded(3);
  apply_one(stage, "w");
  for (const MachineId id : {1u, 3u}) stage.see(id, true);
  EXPECT_EQ(stage.objections(), Names());
  stage.see(2, true);
  EXPECT_EQ(stage.objections(), Names{"replica equality"});
}

TEST(ReplicaEquality, LeavesOutDataThatAFaultHasChanged) {
  Stage stage;
  stage.founded(3);
  stage.rules().memory().trust_data(2, false);
  apply_one(stage, "w");
  for (const MachineId id : {1u, 2u, 3u}) stage.see(id, true);
  EXPECT_EQ(stage.objections(), Names());
  stage.rules().memory().trust_data(2, true);
  stage.see(2, true);
  EXPECT_EQ(stage.objections(), Names{"replica equality"});
}

TEST(AcknowledgedIsCommitted, AcceptsWhatIsCommitted) {
  Stage stage;
  stage.founded(3);
  stage.rules().acknowledged(Instant{100}, words("SET", "k", "v1"));
  stage.rules().acknowledged(Instant{100}, words("SET", "k", "v2"));
  EXPECT_EQ(stage.objections(), Names());
}

TEST(AcknowledgedIsCommitted, CatchesWhatNoLogHolds) {
  Stage stage;
  stage.founded(3);
  stage.rules().acknowledged(Instant{100}, words("SET", "k", "v3"));
  EXPECT_EQ(stage.objections(), Names{"acknowledged"});
}

TEST(AcknowledgedIsCommitted, CatchesWhatIsOnlyInALeadersLog) {
  Stage stage;
  stage.founded(3);
  stage.append(1, epoch_of(1, 1), "SET k v");
  stage.see(1);
  stage.rules().acknowledged(Instant{100}, words("SET", "k", "v"));
  EXPECT_EQ(stage.objections(), Names{"acknowledged"});
}

TEST(AcknowledgedIsCommitted, CountsHowOften) {
  Stage stage;
  stage.founded(3);
  stage.rules().acknowledged(Instant{100}, words("SET", "k", "v1"));
  stage.rules().acknowledged(Instant{100}, words("SET", "k", "v1"));
  EXPECT_EQ(stage.objections(), Names{"acknowledged"});
}

// Somebody holds lock l at machine 2 and client 1.7 waits for it there.
constexpr Origin kWaiting{NodeId(2), Incarnation(1), ConnectionId(1), 7};

void wait_at_machine_2(Stage& stage) {
  stage.founded(3);
  const keyspace::Key lock{"l", routing::slot_of("l")};
  auto& locks = stage.machine(2).data.locks();
  keyspace::AcquireRequest request;
  request.owner = "a";
  request.ttl_ms = 100;
  locks.acquire(lock, request, ClusterTime{1}, Index(3));
  request.owner = "b";
  request.wait_ms = 50;
  request.origin = kWaiting;
  locks.acquire(lock, request, ClusterTime{1}, Index(3));
  stage.machine(2).waits = {{keyspace::HoldingKind::lock, "l", kWaiting}};
}

TEST(WaitersAreQueued, AcceptsOneWhoIs) {
  Stage stage;
  wait_at_machine_2(stage);
  stage.restart(2);
  stage.commit(2, 3);
  stage.see(2);
  EXPECT_FALSE(stage.objects("waiters"));
}

TEST(WaitersAreQueued, CatchesOneWhoIsNot) {
  Stage stage;
  wait_at_machine_2(stage);
  stage.machine(2).waits.front().origin.request = 8;
  stage.restart(2);
  stage.commit(2, 3);
  stage.see(2);
  EXPECT_TRUE(stage.objects("waiters"));
}

TEST(WaitersAreQueued, CatchesOneWhoWaitsForALockThatNobodyHolds) {
  Stage stage;
  wait_at_machine_2(stage);
  stage.machine(2).waits.front().name = "free";
  stage.restart(2);
  stage.commit(2, 3);
  stage.see(2);
  EXPECT_TRUE(stage.objects("waiters"));
}

// The leader's word that it waits has come before the entry itself.
TEST(WaitersAreQueued, AsksNobodyWhoIsBehind) {
  Stage stage;
  wait_at_machine_2(stage);
  stage.machine(2).waits.front().origin.request = 8;
  stage.restart(2);
  stage.commit(2, 2);
  stage.see(2);
  EXPECT_FALSE(stage.objects("waiters"));
}

}  // namespace
}  // namespace holdfast::sim
