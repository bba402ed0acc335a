// A record from another node that this build would never make must not be able to stop the leader,
// nor get into the log, where it would stop every replica at every start.

#include <gtest/gtest.h>

#include <string>
#include <string_view>
#include <vector>

#include "replica/command_record.h"
#include "server/config.h"
#include "server/peer_frame.h"
#include "sim/raw_client.h"
#include "sim/world.h"

namespace holdfast::sim {
namespace {

using server::FrameKind;

class NobodyDies final : public HostObserver {
 public:
  void on_turn(MachineId) override {}
  void on_death(MachineId machine, const std::string& why) override {
    ADD_FAILURE() << "node " << machine << ": " << why;
  }
};

// Speaks to the leader as if it were one of its peers, whose machine has no power meanwhile.
class Forger {
 public:
  Forger() : world_({.seed = 1}, nobody_dies_, [this](MachineId) -> Trace& { return trace_; }) {
    for (MachineId id = 1; id <= 3; ++id) world_.host(id).start();
    run(seconds(3));
    leader_ = world_.leader();
    victim_ = leader_ == 1 ? 2 : 1;
  }

  // False if the leader does not welcome it.
  bool greet() {
    const storage::Identity identity = world_.host(victim_).node()->identity();
    node_ = identity.node;
    world_.host(victim_).power_off();
    server::Hello hello;
    hello.lane = server::PeerLane::data;
    hello.cluster = identity.cluster_id;
    hello.node = identity.node;
    hello.folder_uid = identity.folder_uid;
    hello.incarnation = identity.incarnation;
    hello.start = identity.starts.back();
    env::Address address = world_.host(leader_).address();
    address.port = static_cast<std::uint16_t>(address.port + server::kPeerPortOffset);
    client_.dial(address);
    run(milliseconds(50));
    client_.send(server::make_frame(FrameKind::hello, server::encode_hello(hello)));
    run(milliseconds(50));
    server::FrameDecoder decoder;
    decoder.feed(client_.take());
    const auto answer = decoder.next();
    return answer && answer->kind == FrameKind::welcome;
  }

  void forward(std::string_view record, bool write) {
    server::Forward forward;
    forward.write = write;
    forward.under = world_.host(leader_).node()->replica()->epoch();
    forward.record = record;
    client_.send(server::make_frame(FrameKind::forward, server::encode_forward(forward)));
  }
  void forward(std::uint8_t flags, std::vector<std::vector<std::string_view>> commands,
               bool write) {
    replica::CommandRecord record;
    record.flags = flags;
    // A connection each: what comes behind a refused one on the same is refused for that.
    record.origin = {node_, Incarnation(99), ConnectionId(++connection_), 1};
    record.commands = std::move(commands);
    std::string bytes;
    replica::encode_record(record, bytes);
    forward(bytes, write);
  }

  bool connected() const { return client_.open(); }
  void run(Duration length) { world_.run_until(world_.now() + length); }
  World& world() { return world_; }
  MachineId victim() const { return victim_; }
  std::uint64_t commands_at_leader() {
    return world_.host(leader_).node()->replica()->status().commands;
  }
  const keyspace::Keyspace& data(MachineId id) {
    return world_.host(id).node()->replica()->keyspace();
  }

 private:
  NobodyDies nobody_dies_;
  NoTrace trace_;
  World world_;
  RawClient client_{world_.schedule(), world_.network(), kFirstClient};
  MachineId leader_ = 0;
  MachineId victim_ = 0;
  NodeId node_;
  std::uint64_t connection_ = 0;
};

TEST(ForgedRecord, IsRefusedAndHarmsNobody) {
  Forger forger;
  ASSERT_TRUE(forger.greet());
  const std::uint64_t before = forger.commands_at_leader();
  forger.forward(0, {{"_DURABLE", "5"}}, true);
  forger.forward(0, {{"_REVISIONS", "k"}}, true);
  forger.forward(0, {{"SET", "x", "b"}}, false);
  forger.forward(0, {{"NOSUCH"}}, true);
  forger.forward(0, {{"PING"}}, false);
  forger.forward(0, {{"SET", "x"}}, true);
  forger.forward(0, {}, true);
  forger.forward(0, {{"GET", "x"}, {"GET", "b"}}, false);
  forger.forward(replica::kTransaction, {{"ONCE", "id"}, {"GET", "x"}}, false);
  forger.forward("nonsense", true);
  forger.run(seconds(1));
  EXPECT_TRUE(forger.connected());
  EXPECT_EQ(forger.commands_at_leader(), before) << "one of them got into the log";

  // What such a node may say is taken on the same connection.
  forger.forward(0, {{"SET", "a", "b"}}, true);
  forger.forward(replica::kTransaction, {{"ONCE", "id"}, {"SET", "a", "b"}}, true);
  forger.run(seconds(1));
  EXPECT_GT(forger.commands_at_leader(), before);
  forger.world().host(forger.victim()).start();
  forger.run(seconds(2));
  for (MachineId id = 1; id <= 3; ++id) EXPECT_EQ(forger.data(id).size(), 1u);
}

}  // namespace
}  // namespace holdfast::sim
