// A leader that was cut off stamped entries that never were committed. When they were cut from its
// log, its cluster time still did not go back behind their stamps: it was ahead of the next
// leader's, and when it led again, holds that the other had granted ended early, by as much. Found
// by the simulator: seeds 20261, 20330, 21273 and 21365 of tests/scenarios/transfers.txt.

#include <gtest/gtest.h>

#include <memory>
#include <string>
#include <utility>
#include <vector>

#include "replica/cluster_clock.h"
#include "replica/command_record.h"
#include "replica/replica.h"
#include "storage/test_disk.h"

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

struct FakeClock final : env::Clock {
  Instant now() const override { return at; }
  WallTime wall() const override { return {1'700'000'000'000 + at.ns / 1'000'000}; }
  Instant at{1'000'000'000};
};

// A replica whose two peers elect it, and are silent from then on.
class TimeOfReplacedEntries : public testing::Test, private Outbox {
 protected:
  TimeOfReplacedEntries() {
    members_.voters = {NodeId(1), NodeId(2), NodeId(3)};
    storage::LogRecovery recovered;
    auto log = storage::Log::open(
        disk_, trace_, {.segment_bytes = 1 << 20}, [](const std::string& what) { FAIL() << what; },
        recovered);
    EXPECT_TRUE(log.ok());
    log_ = *std::move(log);
    ReplicaOptions options;
    options.protocol.self = NodeId(1);
    options.incarnation = Incarnation(1);
    auto replica = Replica::open(options, clock_, disk_, *log_, trace_, *this, {}, members_, 7);
    EXPECT_TRUE(replica.ok());
    replica_ = *std::move(replica);
  }
  void run_for(Duration length) {
    const Instant end = clock_.at + length;
    while (clock_.at < end) {
      turn();
      clock_.at = std::min(end, clock_.at + milliseconds(1));
    }
  }
  void turn() {
    disk_.run_all();
    for (consensus::Message& reply : std::exchange(replies_, {})) {
      replica_->receive(std::move(reply), {});
    }
    replica_->end_turn(clock_.at);
    disk_.run_all();
  }
  // Node 2 leads, and says that it is `stamp`.
  void hear(Epoch epoch, ClusterTime stamp) {
    consensus::Message heartbeat;
    heartbeat.kind = consensus::MessageKind::heartbeat;
    heartbeat.from = NodeId(2);
    heartbeat.to = NodeId(1);
    heartbeat.epoch = epoch;
    replica_->receive(std::move(heartbeat), stamp);
    turn();
  }
  std::string empty_snapshot(Index index, Epoch epoch, ClusterTime stamp) {
    storage::TestDisk disk;
    keyspace::Keyspace nothing(1);
    storage::SnapshotWriter writer(disk, {.group = GroupId(),
                                          .mark = {index, epoch, members_},
                                          .stamp = stamp,
                                          .wall = clock_.wall()});
    nothing.begin_snapshot();
    for (auto chunk = nothing.next_chunk(1 << 20); !chunk.empty();
         chunk = nothing.next_chunk(1 << 20)) {
      writer.add_chunk(std::move(chunk));
    }
    writer.finish([](Result<void> written) { EXPECT_TRUE(written.ok()); });
    disk.run_all();
    return disk.content(writer.name());
  }

  storage::TestDisk disk_;
  NoTrace trace_;
  FakeClock clock_;
  consensus::Membership members_;
  std::unique_ptr<storage::Log> log_;
  std::unique_ptr<Replica> replica_;

 private:
  void send(GroupId, const consensus::Message& message, ClusterTime) override {
    using Kind = consensus::MessageKind;
    const bool asked = message.kind == Kind::pre_vote_request || message.kind == Kind::vote_request;
    if (!asked) return;
    consensus::Message reply;
    reply.kind = message.kind == Kind::vote_request ? Kind::vote_reply : Kind::pre_vote_reply;
    reply.from = message.to;
    reply.to = message.from;
    reply.epoch = message.epoch;
    replies_.push_back(std::move(reply));
  }
  void send_snapshot(GroupId, NodeId) override {}
  void outcome(const Origin&, Verdict, std::string_view, Index) override {}
  void role_changed(GroupId, const consensus::RoleChange&) override {}
  void epoch_applied(GroupId, Epoch) override {}
  void outcomes_lost(GroupId) override {}

  std::vector<consensus::Message> replies_;
};

TEST_F(TimeOfReplacedEntries, DoesNotOutliveThem) {
  while (replica_->role() != consensus::Role::leader) run_for(milliseconds(10));
  run_for(milliseconds(200));
  std::string record;
  const std::vector<std::string_view> words = {"SET", "a", "in vain"};
  encode_command(0, {NodeId(1), Incarnation(1), ConnectionId(1), 1}, words, record);
  ASSERT_EQ(replica_->submit(record, true, Epoch{}), Accepted::yes);
  turn();
  const ClusterTime in_vain = replica_->status().cluster_time;
  const Epoch next{replica_->epoch().round + 1, NodeId(2)};

  hear(next, {in_vain.ms - 100});
  EXPECT_EQ(replica_->status().cluster_time, in_vain) << "its log still has the entry";
  replica_->snapshot_arrived(Index(50), empty_snapshot(Index(50), next, {in_vain.ms - 150}));
  turn();
  ASSERT_EQ(replica_->applied(), Index(50));
  hear(next, {in_vain.ms - 100});
  EXPECT_EQ(replica_->status().cluster_time.ms, in_vain.ms - 100);
}

}  // namespace
}  // namespace holdfast::replica
