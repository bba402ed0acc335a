#include "sim/world.h"

#include <gtest/gtest.h>

#include <memory>
#include <string>
#include <vector>

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

TEST(World, ThreeNodesFoundAClusterAndServe) {
  Fixture fixture(1);
  const MachineId leader = fixture.wait_for_leader();
  ASSERT_NE(leader, 0u);
  for (MachineId node = 1; node <= 3; ++node) {
    const auto client = fixture.client(node);
    fixture.run_for(milliseconds(10));
    EXPECT_EQ(client->ask("SET k" + std::to_string(node) + " v"), "+OK\r\n");
    EXPECT_EQ(client->ask("GET k" + std::to_string(node)), "$1\r\nv\r\n");
  }
  EXPECT_TRUE(fixture.watcher.deaths.empty());
}

}  // namespace
}  // namespace holdfast::sim
