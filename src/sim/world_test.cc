#include "sim/world.h"

#include <gtest/gtest.h>

#include <memory>
#include <string>
#include <vector>

#include "replica/replica.h"
#include "sim/raw_client.h"

namespace holdfast::sim {
namespace {

class Watcher final : public HostObserver {
 public:
  void on_turn(MachineId) override { ++turns; }
  void on_death(MachineId machine, const std::string& why) override {
    deaths.push_back(std::to_string(machine) + ": " + why);
  }
  std::uint64_t turns = 0;
  std::vector<std::string> deaths;
};

// Writes everything down, so that formatting it is work that must not matter.
class Log final : public Trace {
 public:
  explicit Log(bool on) : on_(on) {}
  bool enabled(Level) const override { return on_; }
  void write(Level, std::string_view event, std::initializer_list<Field> fields) override {
    text += event;
    for (const Field& field : fields) text += " " + std::string(field.name) + "=" + field.value;
    text += "\n";
  }
  std::string text;

 private:
  bool on_;
};

class Fixture {
 public:
  explicit Fixture(std::uint64_t seed, bool logging = false)
      : log(logging), world({.seed = seed}, watcher, [this](MachineId) -> Trace& { return log; }) {
    for (MachineId id = 1; id <= world.nodes(); ++id) world.host(id).start();
  }
  void run_for(Duration length) { world.run_until(world.now() + length); }
  MachineId wait_for_leader(Duration patience = seconds(10)) {
    const Instant until = world.now() + patience;
    while (world.leader() == 0 && world.now() < until) run_for(milliseconds(10));
    return world.leader();
  }
  std::unique_ptr<RawClient> client(MachineId node) {
    auto made =
        std::make_unique<RawClient>(world.schedule(), world.network(), kFirstClient + clients_++);
    made->dial(world.host(node).address());
    return made;
  }
  MachineId other_than(MachineId node) const { return node == 1 ? 2 : 1; }

  Watcher watcher;
  Log log;
  World world;

 private:
  MachineId clients_ = 0;
};

// Counts through whichever node is there, and knows what it was promised.
class Counter {
 public:
  Counter(Fixture& fixture, Duration pause) : fixture_(fixture), pause_(pause) { go_to(1); }

  void count_for(Duration length) {
    const Instant until = fixture_.world.now() + length;
    while (fixture_.world.now() < until) count_once();
  }
  void check() {
    std::string reply;
    for (int attempt = 0; attempt < 100 && !reply.starts_with(":"); ++attempt) {
      reply = ask("INCRBY n 0");
    }
    ASSERT_TRUE(reply.starts_with(":")) << reply;
    const std::uint64_t value = std::stoull(reply.substr(1));
    EXPECT_GE(value, acknowledged);
    EXPECT_LE(value, acknowledged + unknown);
  }

  std::uint64_t acknowledged = 0;
  std::uint64_t unknown = 0;

 private:
  void count_once() {
    const std::string reply = ask("INCR n");
    if (reply.starts_with(":")) {
      const std::uint64_t value = std::stoull(reply.substr(1));
      EXPECT_GT(value, last_) << "a number was given twice";
      last_ = value;
      ++acknowledged;
    } else if (!reply.starts_with("-NOLEADER") && !reply.starts_with("-BUSY")) {
      EXPECT_TRUE(reply.empty() || reply.starts_with("-UNKNOWN")) << reply;
      ++unknown;
    }
    fixture_.run_for(pause_);
  }
  std::string ask(std::string_view line) {
    if (client_ == nullptr || !client_->open()) go_to(node_ % fixture_.world.nodes() + 1);
    const std::string reply = client_->ask(line, 1, seconds(2));
    if (reply.empty()) client_->hang_up();
    return reply;
  }
  void go_to(MachineId node) {
    node_ = node;
    client_ = fixture_.client(node);
  }

  Fixture& fixture_;
  Duration pause_;
  MachineId node_ = 1;
  std::unique_ptr<RawClient> client_;
  std::uint64_t last_ = 0;
};

void expect_equal_replicas(Fixture& fixture) {
  fixture.run_for(seconds(5));
  const auto& first = *fixture.world.host(1).node()->replica();
  for (MachineId id = 1; id <= fixture.world.nodes(); ++id) {
    ASSERT_TRUE(fixture.world.host(id).running()) << id;
    const auto& replica = *fixture.world.host(id).node()->replica();
    EXPECT_EQ(replica.applied(), first.applied()) << id;
    EXPECT_EQ(replica.keyspace().digest(), first.keyspace().digest()) << id;
  }
}

TEST(World, ThreeNodesFoundAClusterAndServe) {
  Fixture fixture(1);
  ASSERT_NE(fixture.wait_for_leader(), 0u);
  for (MachineId node = 1; node <= 3; ++node) {
    const auto client = fixture.client(node);
    EXPECT_EQ(client->ask("SET k" + std::to_string(node) + " v"), "+OK\r\n");
    EXPECT_EQ(client->ask("GET k" + std::to_string(node), 2), "$1\r\nv\r\n");
  }
  EXPECT_TRUE(fixture.watcher.deaths.empty());
  EXPECT_GT(fixture.watcher.turns, 100u);
}

// ---- A seed decides everything ------------------------------------------------------------------

struct Story {
  std::uint64_t hash = 0;
  std::string log;
};

Story tell(std::uint64_t seed, bool logging) {
  Fixture fixture(seed, logging);
  Counter counter(fixture, milliseconds(5));
  fixture.world.network().all().lose_ppm = 20'000;
  fixture.world.network().all().drop_ppm = 50'000;
  counter.count_for(seconds(5));
  const MachineId leader = fixture.wait_for_leader();
  fixture.world.host(leader).power_off();
  counter.count_for(seconds(2));
  fixture.world.host(leader).start();
  fixture.world.host(1).pause(seconds(2));
  fixture.world.host(2).clock().set_drift_ppm(500);
  counter.count_for(seconds(5));
  EXPECT_GT(counter.acknowledged, 200u);
  return {fixture.world.hash(), fixture.log.text};
}

TEST(World, TheSameSeedGivesTheSameRun) {
  const Story story = tell(11, true);
  const Story again = tell(11, true);
  EXPECT_EQ(story.hash, again.hash);
  EXPECT_EQ(story.log, again.log);
  EXPECT_NE(story.hash, tell(12, true).hash);
}

TEST(World, LookingAtARunDoesNotChangeIt) {
  const Story silent = tell(13, false);
  const Story told = tell(13, true);
  EXPECT_EQ(silent.hash, told.hash);
  EXPECT_TRUE(silent.log.empty());
  EXPECT_NE(told.log.find("serving"), std::string::npos);
}

// ---- Deaths -------------------------------------------------------------------------------------

TEST(World, WritesGoOnWhenTheLeaderIsKilled) {
  Fixture fixture(3);
  Counter counter(fixture, milliseconds(10));
  ASSERT_NE(fixture.wait_for_leader(), 0u);
  for (int round = 0; round < 5; ++round) {
    counter.count_for(seconds(2));
    const MachineId leader = fixture.wait_for_leader();
    ASSERT_NE(leader, 0u);
    fixture.world.host(leader).kill();
    EXPECT_FALSE(fixture.world.host(leader).running());
    const std::uint64_t before = counter.acknowledged;
    counter.count_for(seconds(3));
    EXPECT_GT(counter.acknowledged, before + 20) << round;
    fixture.world.host(leader).start();
    EXPECT_TRUE(fixture.world.host(leader).running());
  }
  counter.check();
  expect_equal_replicas(fixture);
  EXPECT_TRUE(fixture.watcher.deaths.empty());
}

TEST(World, WhatWasAcknowledgedOutlivesThePowerOfAll) {
  Fixture fixture(4);
  Counter counter(fixture, milliseconds(5));
  ASSERT_NE(fixture.wait_for_leader(), 0u);
  for (int round = 0; round < 5; ++round) {
    counter.count_for(seconds(2));
    for (MachineId id = 1; id <= 3; ++id) fixture.world.host(id).power_off();
    fixture.run_for(seconds(1));
    for (MachineId id = 1; id <= 3; ++id) fixture.world.host(id).start();
    ASSERT_NE(fixture.wait_for_leader(), 0u) << round;
    counter.check();
  }
  EXPECT_GT(counter.acknowledged, 300u);
  expect_equal_replicas(fixture);
  EXPECT_EQ(fixture.world.host(1).incarnation(), 6u);
}

TEST(World, AMachineWithoutPowerIsMissedOnlyBySilence) {
  Fixture fixture(5, true);
  ASSERT_NE(fixture.wait_for_leader(), 0u);
  fixture.run_for(seconds(2));
  const MachineId leader = fixture.world.leader();
  const auto told = [&](std::string_view what) {
    return fixture.log.text.find(what) != std::string::npos;
  };
  fixture.log.text.clear();
  fixture.world.host(leader).power_off();
  fixture.run_for(milliseconds(100));
  EXPECT_FALSE(told("peer gone"));
  fixture.run_for(seconds(3));
  EXPECT_TRUE(told("peer gone"));
  EXPECT_TRUE(told("reason=silent"));
  EXPECT_NE(fixture.wait_for_leader(), leader);

  // Killed, in contrast, it is missed at once.
  fixture.world.host(leader).start();
  fixture.run_for(seconds(3));
  fixture.log.text.clear();
  fixture.world.host(leader).kill();
  fixture.run_for(milliseconds(100));
  EXPECT_TRUE(told("peer gone"));
  EXPECT_FALSE(told("reason=silent"));
}

TEST(World, ALeaderThatStandsStillIsReplacedAndComesBack) {
  Fixture fixture(6);
  Counter counter(fixture, milliseconds(10));
  const MachineId leader = fixture.wait_for_leader();
  ASSERT_NE(leader, 0u);
  counter.count_for(seconds(2));
  fixture.world.host(leader).pause(seconds(6));
  EXPECT_TRUE(fixture.world.host(leader).paused());
  const std::uint64_t before = counter.acknowledged;
  counter.count_for(seconds(5));
  EXPECT_GT(counter.acknowledged, before + 50);
  counter.count_for(seconds(3));
  EXPECT_FALSE(fixture.world.host(leader).paused());
  counter.check();
  expect_equal_replicas(fixture);
}

TEST(World, APauseMayBeCutShort) {
  Fixture fixture(7);
  const MachineId leader = fixture.wait_for_leader();
  ASSERT_NE(leader, 0u);
  fixture.world.host(leader).pause(seconds(1000));
  fixture.run_for(milliseconds(50));
  fixture.world.host(leader).pause({});
  fixture.run_for(seconds(3));
  const auto client = fixture.client(leader);
  EXPECT_EQ(client->ask("SET k v"), "+OK\r\n");
}

TEST(World, ToldToEndALeaderHandsOverFirst) {
  Fixture fixture(8);
  Counter counter(fixture, milliseconds(5));
  const MachineId leader = fixture.wait_for_leader();
  ASSERT_NE(leader, 0u);
  counter.count_for(seconds(2));
  fixture.world.host(leader).terminate();
  counter.count_for(seconds(3));
  EXPECT_FALSE(fixture.world.host(leader).running());
  EXPECT_TRUE(fixture.watcher.deaths.empty()) << "it was asked to";
  fixture.world.host(leader).start();
  counter.count_for(seconds(1));
  counter.check();
  expect_equal_replicas(fixture);
}

TEST(World, ANodeWhoseDiskFailsIsDeadAtOnceAndSaysWhy) {
  Fixture fixture(9);
  Counter counter(fixture, milliseconds(5));
  const MachineId leader = fixture.wait_for_leader();
  ASSERT_NE(leader, 0u);
  counter.count_for(seconds(2));
  fixture.world.host(leader).disk().fail_syncs(1, "log-");
  counter.count_for(seconds(3));
  ASSERT_EQ(fixture.watcher.deaths.size(), 1u);
  EXPECT_TRUE(fixture.watcher.deaths[0].starts_with(std::to_string(leader) + ": "));
  EXPECT_FALSE(fixture.world.host(leader).running());
  EXPECT_FALSE(fixture.world.host(leader).last_words().empty());
  fixture.world.host(leader).disk().heal();
  fixture.world.host(leader).start();
  counter.count_for(seconds(1));
  counter.check();
  expect_equal_replicas(fixture);
}

TEST(World, ANodeThatRefusesToStartSaysWhy) {
  Watcher watcher;
  NoTrace silence;
  World world({}, watcher, [&](MachineId) -> Trace& { return silence; });
  const env::DiskOperation foreign =
      env::WriteFile{"letter.txt", 0, {SharedBytes(std::string("x"))}};
  ASSERT_TRUE(world.host(1).disk().run({&foreign, 1}).ok());
  world.host(1).start();
  EXPECT_FALSE(world.host(1).running());
  EXPECT_NE(world.host(1).last_words().find("letter.txt"), std::string::npos);
  EXPECT_EQ(watcher.deaths.size(), 1u);
}

// ---- Clocks -------------------------------------------------------------------------------------

TEST(World, ALeaderWhoseClockStandsStillIsReplaced) {
  Fixture fixture(10);
  Counter counter(fixture, milliseconds(10));
  const MachineId leader = fixture.wait_for_leader();
  ASSERT_NE(leader, 0u);
  counter.count_for(seconds(1));
  fixture.world.host(leader).clock().freeze(seconds(5));
  fixture.run_for(seconds(3));
  const MachineId next = fixture.world.leader();
  EXPECT_NE(next, 0u);
  EXPECT_NE(next, leader) << "it sends no heartbeats while its timers stand still";
  counter.count_for(seconds(5));
  counter.check();
  expect_equal_replicas(fixture);
}

TEST(World, ClocksThatDriftWithinTheBoundAreNotNoticed) {
  Fixture fixture(14);
  fixture.world.host(1).clock().set_drift_ppm(900);
  fixture.world.host(2).clock().set_drift_ppm(-900);
  fixture.world.host(3).clock().step_wall(31'536'000'000);
  const MachineId leader = fixture.wait_for_leader();
  ASSERT_NE(leader, 0u);
  fixture.run_for(seconds(1));
  const Epoch epoch = fixture.world.host(leader).node()->leader_epoch();
  Counter counter(fixture, milliseconds(50));
  counter.count_for(seconds(30));
  EXPECT_EQ(counter.unknown, 0u);
  EXPECT_EQ(fixture.world.host(leader).node()->leader_epoch(), epoch) << "no election was needed";
  counter.check();
  expect_equal_replicas(fixture);
}

// ---- Wires --------------------------------------------------------------------------------------

struct WireFault {
  const char* name;
  Wire wire;
  std::uint64_t Network::Counts::*count;
};

class WorldOnBadWires : public testing::TestWithParam<WireFault> {};

TEST_P(WorldOnBadWires, SurvivesHalfAMinute) {
  const bool corrupt = GetParam().wire.corrupt_ppm > 0;
  Fixture fixture(20, corrupt);
  Counter counter(fixture, milliseconds(20));
  ASSERT_NE(fixture.wait_for_leader(), 0u);
  counter.count_for(seconds(1));
  fixture.world.network().all() = GetParam().wire;
  counter.count_for(seconds(30));
  EXPECT_GT(counter.acknowledged, 50u);
  if (GetParam().count != nullptr) {
    EXPECT_GT(fixture.world.network().counts().*GetParam().count, 20u);
  }
  EXPECT_EQ(fixture.log.text.find("fails its checksum") != std::string::npos, corrupt);
  fixture.world.network().heal();
  counter.count_for(seconds(2));
  counter.check();
  expect_equal_replicas(fixture);
  EXPECT_TRUE(fixture.watcher.deaths.empty());
}

WireFault fault(const char* name, std::uint32_t Wire::*rate, std::uint32_t ppm,
                std::uint64_t Network::Counts::*count) {
  WireFault fault{name, {}, count};
  fault.wire.*rate = ppm;
  return fault;
}

INSTANTIATE_TEST_SUITE_P(
    Each, WorldOnBadWires,
    testing::Values(
        fault("lost_segments", &Wire::lose_ppm, 20'000, &Network::Counts::lost),
        fault("dropped", &Wire::drop_ppm, 100'000, &Network::Counts::dropped),
        fault("duplicated", &Wire::duplicate_ppm, 300'000, &Network::Counts::duplicated),
        fault("late", &Wire::late_ppm, 300'000, &Network::Counts::late),
        fault("reordered", &Wire::reorder_ppm, 300'000, &Network::Counts::reordered),
        // What is damaged ends its link; that nothing of it is taken for a command is what the
        // counter and the digests say.
        fault("corrupted", &Wire::corrupt_ppm, 10'000, &Network::Counts::corrupted),
        WireFault{"slow", {.delay_min = milliseconds(1), .delay_max = milliseconds(200)}, nullptr}),
    [](const auto& parameter) { return std::string(parameter.param.name); });

TEST(World, ACutLeaderIsReplacedAndTakesNothingBack) {
  Fixture fixture(21);
  Counter counter(fixture, milliseconds(10));
  ASSERT_NE(fixture.wait_for_leader(), 0u);
  for (int round = 0; round < 6; ++round) {
    counter.count_for(seconds(2));
    const MachineId leader = fixture.wait_for_leader();
    for (MachineId id = 1; id <= 3; ++id) {
      if (id == leader) continue;
      if (round % 3 != 1) fixture.world.network().cut(leader, id);
      if (round % 3 != 2) fixture.world.network().cut(id, leader);
    }
    counter.count_for(seconds(4));
    fixture.world.network().heal();
  }
  EXPECT_GT(counter.acknowledged, 500u);
  counter.check();
  expect_equal_replicas(fixture);
}

}  // namespace
}  // namespace holdfast::sim
