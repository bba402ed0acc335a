// A whole replica on a disk in memory, whose two peers say yes to everything until told otherwise. For
// tests of replicas.
#pragma once

#include <gtest/gtest.h>

#include <memory>
#include <set>
#include <string>
#include <vector>

#include "replica/batch.h"
#include "replica/command_record.h"
#include "replica/replica.h"
#include "storage/test_disk.h"

namespace holdfast::replica {

using consensus::Message;
using consensus::MessageKind;

struct FakeClock final : env::Clock {
  Instant now() const override { return at; }
  WallTime wall() const override { return {1'700'000'000'000 + at.ns / 1'000'000}; }
  Instant at{1'000'000'000};
};

class Stage : public testing::Test, private Outbox {
 protected:
  // A follower that knows of nobody.
  void start() {
    storage::LogRecovery recovered;
    auto opened = storage::Log::open(
        disk, trace, {.segment_bytes = segment_bytes}, [](const std::string& what) { FAIL() << what; },
        recovered);
    ASSERT_TRUE(opened.ok()) << opened.error().message;
    log = *std::move(opened);
    options.protocol.self = NodeId(1);
    options.incarnation = Incarnation(1);
    members.voters = {NodeId(1), NodeId(2), NodeId(3)};
    auto made = Replica::open(options, clock, disk, *log, trace, *this, {}, members, 7);
    ASSERT_TRUE(made.ok()) << made.error().message;
    replica = *std::move(made);
  }
  // The leader.
  void open() {
    start();
    run_for(seconds(2));
    ASSERT_EQ(replica->role(), consensus::Role::leader);
  }
  // Turns as the loop makes them: whenever one is asked for. Counts them.
  void run_for(Duration length) {
    const Instant end = clock.at + length;
    while (clock.at < end) turn(end);
  }
  // One of them; then time goes on to the next, at most to `end`.
  void turn(Instant end) {
    disk.run_all();
    for (Message& reply : std::exchange(replies, {})) replica->receive(std::move(reply), {});
    replica->end_turn(clock.at);
    disk.run_all();
    ++turns;
    if (!replies.empty()) return;
    clock.at = std::min(end, std::max(clock.at + microseconds(100), replica->wake_at()));
  }
  void write(const std::vector<std::string_view>& words) {
    std::string record;
    encode_command(0, {NodeId(1), Incarnation(1), ConnectionId(1), ++requests}, words, record);
    ASSERT_EQ(replica->submit(record, true, Epoch{}), Accepted::yes);
    run_for(milliseconds(100));
  }
  void ask() {
    std::string record;
    encode_command(0, {NodeId(1), Incarnation(1), ConnectionId(1), ++requests}, {"GET", "a"}, record);
    ASSERT_EQ(replica->submit(record, false, Epoch{}), Accepted::yes);
  }
  // Until this replica's own disk takes no more entries. REQUIRES: it leads; segments are small.
  void fill() {
    disk.capacity = 0;  // for any other file
    for (int i = 0; i < 10'000 && replica->has_room(); ++i) {
      std::string record;
      encode_command(0, {NodeId(1), Incarnation(1), ConnectionId(1), ++requests},
                     {"SET", "k", std::string(1000, 'x')}, record);
      if (replica->submit(record, true, Epoch{}) != Accepted::yes) break;
      run_for(milliseconds(1));
    }
    ASSERT_FALSE(replica->has_room());
  }
  // Node 2 leads, and says that it is `stamp`.
  void hear(Epoch epoch, ClusterTime stamp) {
    Message heartbeat;
    heartbeat.kind = MessageKind::heartbeat;
    heartbeat.from = NodeId(2);
    heartbeat.to = NodeId(1);
    heartbeat.epoch = epoch;
    replica->receive(std::move(heartbeat), stamp);
    turn(clock.at);
  }
  void take_snapshot(Index index, const std::string& bytes) {
    replica->snapshot_arrived(index, bytes);
    turn(clock.at);
  }
  // A file whose checksums are right.
  std::string snapshot_of(Index index, Epoch epoch, ClusterTime stamp, const std::string& state) {
    storage::TestDisk elsewhere;
    storage::SnapshotWriter writer(elsewhere, {.group = GroupId(),
                                               .mark = {index, epoch, members},
                                               .stamp = stamp,
                                               .wall = clock.wall()});
    writer.add_chunk(state);
    writer.finish([](Result<void> written) { EXPECT_TRUE(written.ok()); });
    elsewhere.run_all();
    return elsewhere.content(writer.name());
  }
  static std::string empty_state() {
    keyspace::Keyspace nothing(1);
    nothing.begin_snapshot();
    return nothing.next_chunk(1 << 20);
  }
  ClusterTime stamp_at(Index index) {
    return BatchReader(replica->protocol().log().at(index).payload.view()).header().stamp;
  }

  Outbox& outbox() { return *this; }

  storage::TestDisk disk;
  NoTrace trace;
  consensus::Membership members;
  FakeClock clock;
  ReplicaOptions options;
  std::unique_ptr<storage::Log> log;
  std::unique_ptr<Replica> replica;
  std::uint64_t turns = 0;
  std::uint64_t requests = 0;
  std::vector<Message> replies;
  std::string outcomes;
  bool peers_lead_last = false;
  std::uint64_t orders = 0;  // to campaign
  std::uint64_t segment_bytes = 1 << 20;
  bool silent_peers = false;  // nothing that is sent arrives
  bool lost_appends = false;  // nor what has entries
  std::set<NodeId> absent;    // peers that nothing arrives at
  std::set<NodeId> deaf;      // … but heartbeats
  std::vector<NodeId> served;  // to whom a snapshot was sent
  std::string settled;        // of reads answered early: "7 right "
  std::set<NodeId> full;         // peers whose disks take no entries
  std::set<NodeId> recovering;   // peers that have lost what they had
  std::vector<NodeId> heirs;     // to whom leadership was handed over

 private:
  void send(GroupId, const Message& message, ClusterTime) override {
    if (silent_peers || (lost_appends && message.kind == MessageKind::append)) return;
    if (absent.contains(message.to)) return;
    if (deaf.contains(message.to) && message.kind == MessageKind::append) return;
    Message reply;
    reply.group = message.group;
    reply.from = message.to;
    reply.to = message.from;
    reply.epoch = message.epoch;
    reply.read_round = message.read_round;
    reply.lease_ms = message.lease_ms;
    reply.leads_last = peers_lead_last;
    reply.no_room = full.contains(message.to);
    reply.refused = recovering.contains(message.to);
    if (message.kind == MessageKind::campaign_now) heirs.push_back(message.to);
    switch (message.kind) {
      case MessageKind::pre_vote_request:
        reply.kind = MessageKind::pre_vote_reply;
        break;
      case MessageKind::vote_request:
        reply.kind = MessageKind::vote_reply;
        break;
      case MessageKind::heartbeat:
        reply.kind = MessageKind::heartbeat_reply;
        break;
      case MessageKind::append:
        reply.kind = MessageKind::append_reply;
        reply.index = message.index + message.entries.size();
        if (reply.refused) reply.index = reply.hint = message.index;
        if (reply.refused) reply.hint_epoch = message.index_epoch;
        break;
      case MessageKind::campaign_now:
        ++orders;
        return;
      default:
        return;
    }
    replies.push_back(std::move(reply));
  }
  void send_snapshot(GroupId, NodeId to) override { served.push_back(to); }
  void outcome(const Origin&, Verdict, std::string_view reply, Index) override {
    outcomes += reply;
  }
  void reads_settled(GroupId, consensus::ReadTicket ticket, bool right) override {
    settled += std::to_string(ticket) + (right ? " right " : " wrong ");
  }
  void role_changed(GroupId, const consensus::RoleChange&) override {}
  void epoch_applied(GroupId, Epoch) override {}
  void outcomes_lost(GroupId) override {}
};

}  // namespace holdfast::replica
