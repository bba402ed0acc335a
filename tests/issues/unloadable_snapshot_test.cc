// A snapshot whose checksums were right and whose state could not be loaded ended the process, and every
// process after it: it had its name by then, and was the newest.

#include <gtest/gtest.h>

#include <memory>
#include <string>
#include <utility>

#include "replica/replica.h"
#include "storage/test_disk.h"

namespace holdfast::replica {
namespace {

struct FakeClock final : env::Clock {
  Instant now() const override { return at; }
  WallTime wall() const override { return {1'700'000'000'000 + at.ns / 1'000'000}; }
  Instant at{1'000'000'000};
};

// A replica that hears of a leader.
class UnloadableSnapshot : public testing::Test, private Outbox {
 protected:
  UnloadableSnapshot() {
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
  void turn() {
    disk_.run_all();
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
  // Its checksums are right.
  std::string snapshot_of(Index index, Epoch epoch, const std::string& state) {
    storage::TestDisk disk;
    storage::SnapshotWriter writer(disk, {.group = GroupId(),
                                          .mark = {index, epoch, members_},
                                          .stamp = {1000},
                                          .wall = clock_.wall()});
    writer.add_chunk(state);
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
  void send(GroupId, const consensus::Message&, ClusterTime) override {}
  void send_snapshot(GroupId, NodeId) override {}
  void outcome(const Origin&, Verdict, std::string_view, Index) override {}
  void role_changed(GroupId, const consensus::RoleChange&) override {}
  void epoch_applied(GroupId, Epoch) override {}
  void outcomes_lost(GroupId) override {}
};

TEST_F(UnloadableSnapshot, LeavesTheStateAsItIs) {
  const Epoch epoch{3, NodeId(2)};
  hear(epoch, {1000});
  ASSERT_EQ(replica_->leader(), NodeId(2));
  const std::string nonsense = snapshot_of(Index(50), epoch, "no part of a state");
  EXPECT_FALSE(replica_->try_snapshot(Index(50), nonsense).ok()) << "before it gets its name";
  replica_->snapshot_arrived(Index(50), nonsense);
  turn();
  EXPECT_EQ(replica_->applied(), Index());

  keyspace::Keyspace nothing(1);
  nothing.begin_snapshot();
  const std::string good = snapshot_of(Index(60), epoch, nothing.next_chunk(1 << 20));
  const auto loaded = replica_->try_snapshot(Index(60), good);
  ASSERT_TRUE(loaded.ok()) << loaded.error().message;
  replica_->snapshot_arrived(Index(60), good);
  turn();
  EXPECT_EQ(replica_->applied(), Index(60));
}

}  // namespace
}  // namespace holdfast::replica
