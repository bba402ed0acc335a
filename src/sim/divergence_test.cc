// A bit flips in a replica's memory: the production nodes find it, and mend it or stop.
//
// Nothing in production helps with the flipping: a replica shows its keyspace to be looked at, and
// this test casts the const away.
#include <gtest/gtest.h>

#include <functional>
#include <memory>
#include <set>
#include <string>
#include <vector>

#include "base/prng.h"
#include "replica/replica.h"
#include "sim/raw_client.h"
#include "sim/world.h"

namespace holdfast::sim {
namespace {

// Where entries are applied all the time, little data is compared this often (divergence.cc), and
// what was found goes to the leader and back.
constexpr Duration kCaughtWithin = seconds(11);
constexpr Duration kRebuiltWithin = seconds(5);

class Watcher final : public HostObserver {
 public:
  void on_turn(MachineId machine) override {
    if (look) look(machine);
  }
  void on_death(MachineId machine, const std::string& why) override {
    deaths += std::to_string(machine) + ": " + why + "\n";
  }
  std::string deaths;
  std::function<void(MachineId)> look;
};

class Log final : public Trace {
 public:
  bool enabled(Level level) const override { return level >= Level::info; }
  void write(Level, std::string_view event, std::initializer_list<Field>) override {
    text += event;
    text += '\n';
  }
  std::string text;
};

class Divergent : public ::testing::TestWithParam<std::uint64_t> {
 protected:
  Divergent() : world({.seed = GetParam()}, watcher, [this](MachineId) -> Trace& { return log; }) {
    // A rebuild may be over within milliseconds.
    watcher.look = [this](MachineId node) {
      if (world.host(node).node()->replica() == nullptr) return;
      if (replica(node).rebuilds() != 0) were_rebuilt.insert(node);
    };
    for (MachineId id = 1; id <= world.nodes(); ++id) world.host(id).start();
    run_for(seconds(3));
    dial(1);
    for (int i = 0; i < 50; ++i) {
      EXPECT_EQ(client->ask("SET key" + std::to_string(i) + " value"), "+OK\r\n");
    }
  }
  void dial(MachineId node) {
    client = std::make_unique<RawClient>(world.schedule(), world.network(), ++last_client);
    client->dial(world.host(node).address());
  }
  void run_for(Duration length) { world.run_until(world.now() + length); }
  const replica::Replica& replica(MachineId node) { return *world.host(node).node()->replica(); }
  replica::Agreement agreement(MachineId node) { return replica(node).status().agreement; }
  MachineId follower() { return world.leader() == 1 ? 2 : 1; }

  // One bit of the value of key7.
  void flip(MachineId node, int bit) {
    const keyspace::Object* found = nullptr;
    replica(node).keyspace().for_each([&](const keyspace::Object& object) {
      if (object.name() == "key7") found = &object;
      return found == nullptr;
    });
    ASSERT_NE(found, nullptr);
    std::string scratch;
    const std::string_view text = found->value().text(scratch);
    ASSERT_EQ(text, "value");
    auto* bytes = const_cast<char*>(text.data());
    bytes[2] = static_cast<char>(bytes[2] ^ (1 << bit));
  }
  // Writes all the time, until it is so. False: it took longer.
  template <class Condition>
  bool writing_until(Duration patience, const Condition& condition) {
    const Instant until = world.now() + patience;
    while (!condition()) {
      if (world.now() >= until) return false;
      last_reply = client->ask("INCR n");
      if (last_reply.starts_with(":")) ++counted;
      if (last_reply.empty() || !client->open()) dial(follower());
      run_for(milliseconds(100));
    }
    return true;
  }
  bool caught(MachineId node) {
    return writing_until(kCaughtWithin, [&] { return were_rebuilt.contains(node); });
  }
  bool rebuilt(MachineId node) {
    return writing_until(kRebuiltWithin,
                         [&] { return agreement(node) == replica::Agreement::agreed; });
  }
  void expect_equal() {
    run_for(seconds(2));
    for (MachineId node = 1; node <= world.nodes(); ++node) {
      EXPECT_EQ(replica(node).applied(), replica(1).applied()) << node;
      EXPECT_EQ(replica(node).keyspace().digest(), replica(1).keyspace().digest()) << node;
      EXPECT_EQ(agreement(node), replica::Agreement::agreed) << node;
    }
    EXPECT_EQ(watcher.deaths, "");
  }
  std::uint64_t count() {
    dial(follower());
    const std::string reply = client->ask("INCR n");
    EXPECT_TRUE(reply.starts_with(":")) << reply;
    return reply.starts_with(":") ? std::stoull(reply.substr(1)) : 0;
  }

  std::set<MachineId> were_rebuilt;
  Watcher watcher;
  Log log;
  World world;
  std::unique_ptr<RawClient> client;
  MachineId last_client = kFirstClient;
  std::uint64_t counted = 0;
  std::string last_reply;
};

TEST_P(Divergent, EqualReplicasAreLeftAlone) {
  EXPECT_TRUE(writing_until(seconds(25), [&] { return replica(1).status().checks >= 2; }));
  expect_equal();
  EXPECT_EQ(log.text.find("differ"), std::string::npos);
  EXPECT_TRUE(were_rebuilt.empty());
}

TEST_P(Divergent, AFollowerIsRebuiltFromTheMajority) {
  const MachineId wrong = follower();
  flip(wrong, 0);
  EXPECT_NE(replica(wrong).keyspace().digest(), replica(world.leader()).keyspace().digest());
  const auto epoch = replica(wrong).epoch();
  const Index last = replica(wrong).status().protocol.last;
  ASSERT_TRUE(caught(wrong)) << log.text;
  ASSERT_TRUE(rebuilt(wrong)) << log.text;
  expect_equal();
  EXPECT_EQ(replica(wrong).epoch(), epoch) << "its promise is kept, and so is its leader";
  EXPECT_GE(replica(wrong).status().protocol.last, last);
  EXPECT_GE(count(), counted) << "nothing that was acknowledged is lost";
}

TEST_P(Divergent, ALeaderHandsOverAndIsRebuilt) {
  const MachineId wrong = world.leader();
  flip(wrong, 0);
  ASSERT_TRUE(caught(wrong)) << log.text;
  ASSERT_TRUE(writing_until(kRebuiltWithin, [&] { return world.leader() != wrong; })) << log.text;
  ASSERT_TRUE(rebuilt(wrong)) << log.text;
  expect_equal();
  EXPECT_GE(count(), counted);
}

TEST_P(Divergent, AfterARestartWhatWasRebuiltIsStillRight) {
  const MachineId wrong = follower();
  flip(wrong, 0);
  ASSERT_TRUE(caught(wrong)) << log.text;
  ASSERT_TRUE(rebuilt(wrong)) << log.text;
  world.host(wrong).kill();
  run_for(seconds(1));
  world.host(wrong).start();
  run_for(seconds(3));
  expect_equal();
}

// Two of three are wrong, each in its own way: nobody can say what is right, so nobody answers;
// until enough of them have read their state from their disks again.
TEST_P(Divergent, WithoutAMajorityTheShardStopsUntilThereIsOne) {
  EXPECT_EQ(client->ask("SET short v PX 20000"), "+OK\r\n");
  flip(1, 0);
  flip(2, 1);
  ASSERT_TRUE(writing_until(kCaughtWithin, [&] {
    return agreement(1) == replica::Agreement::stopped &&
           agreement(2) == replica::Agreement::stopped &&
           agreement(3) == replica::Agreement::stopped;
  })) << log.text;
  for (MachineId node = 1; node <= 3; ++node) {
    dial(node);
    EXPECT_TRUE(client->ask("SET a b").starts_with("-DIVERGED ")) << node;
    EXPECT_TRUE(client->ask("GET key7").starts_with("-DIVERGED ")) << node;
    EXPECT_TRUE(client->ask("LOCK.ACQUIRE l o TTL 1000").starts_with("-DIVERGED ")) << node;
  }
  EXPECT_EQ(replica(1).keyspace().size(), 52U) << "nothing was done";
  const std::uint64_t checks = replica(1).status().checks;
  run_for(seconds(30));
  EXPECT_EQ(replica(1).keyspace().size(), 52U) << "nothing ends by time";
  EXPECT_LE(replica(1).status().checks - checks, 8U) << "and the log does not grow without end";
  dial(3);
  EXPECT_TRUE(client->ask("GET key7").starts_with("-DIVERGED ")) << "and it stays so";

  world.host(1).kill();
  run_for(seconds(1));
  world.host(1).start();
  run_for(seconds(20));
  for (MachineId node = 1; node <= 3; ++node) {
    EXPECT_EQ(agreement(node), replica::Agreement::agreed) << node << "\n" << log.text;
  }
  dial(2);
  EXPECT_EQ(client->ask("SET a b"), "+OK\r\n");
  EXPECT_EQ(client->ask("STRLEN key7"), ":5\r\n");
  EXPECT_EQ(client->ask("EXISTS short"), ":0\r\n");
  expect_equal();
  EXPECT_GE(count(), counted);
}

// Orders, digests and snapshots are lost, leaders die: in the end it is found and mended, or the
// wrong replica was started again and has its state from its disk.
TEST_P(Divergent, AFlippedBitIsFoundUnderFaultsAsWell) {
  const MachineId wrong = follower();
  flip(wrong, 0);
  Prng chance(GetParam());
  const auto mended = [&] {
    return were_rebuilt.contains(wrong) || world.host(wrong).incarnation() > 1;
  };
  for (int round = 0; round < 40 && !mended(); ++round) {
    writing_until(milliseconds(chance.between(100, 3000)), mended);
    const MachineId leader = world.leader();
    const MachineId victim =
        chance.chance_ppm(700'000) && leader != 0 && leader != wrong ? leader : (wrong + 1) % 3 + 1;
    if (chance.chance_ppm(500'000)) {
      world.network().reset(wrong, victim);
    } else {
      world.host(victim).kill();
      run_for(milliseconds(chance.between(1, 800)));
      world.host(victim).start();
    }
    // The others' data is not in question: only the wrong one may be told that it is.
    for (const MachineId node : were_rebuilt) EXPECT_EQ(node, wrong) << log.text;
  }
  ASSERT_TRUE(writing_until(seconds(30), mended)) << log.text;
  writing_until(seconds(3), [] { return false; });
  expect_equal();
  EXPECT_GE(count(), counted);
}

INSTANTIATE_TEST_SUITE_P(Seeds, Divergent, ::testing::Range<std::uint64_t>(1, 6));

}  // namespace
}  // namespace holdfast::sim
