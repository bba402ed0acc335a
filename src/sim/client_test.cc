#include "sim/client.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <algorithm>
#include <memory>
#include <vector>

namespace holdfast::sim {
namespace {

using testing::IsEmpty;
using workload::Ended;
using workload::Habits;

class NoObserver final : public HostObserver {
 public:
  void on_turn(MachineId) override {}
  void on_death(MachineId, const std::string& why) override { ADD_FAILURE() << why; }
};

class ClientTest : public testing::Test {
 protected:
  ClientTest()
      : world_({.seed = 4, .nodes = 3}, observer_, [this](MachineId) -> Trace& { return trace_; }) {
    mix_.read = mix_.write = mix_.add = 1;
    mix_.pipeline = 4;
    for (MachineId id = 1; id <= 3; ++id) world_.host(id).start();
    run(seconds(3));
    EXPECT_NE(world_.leader(), 0u);
  }

  void run(Duration length) { world_.run_until(world_.now() + length); }
  std::uint64_t ended(Ended how) const {
    return static_cast<std::uint64_t>(std::count_if(
        history_.begin(), history_.end(), [how](const auto& one) { return one.ended == how; }));
  }
  std::uint32_t connections() const {
    std::uint32_t most = 0;
    for (const auto& one : history_) most = std::max(most, one.connection);
    return most;
  }

  NoObserver observer_;
  NoTrace trace_;
  World world_;
  workload::Mix mix_;
  workload::History history_;
};

TEST_F(ClientTest, WorksAndComesToItsEnd) {
  Client client(world_, 0, mix_, {.leave_ppm = 0, .hang_up_ppm = 0, .half_ppm = 0}, history_);
  client.start();
  run(seconds(5));
  EXPECT_FALSE(client.done());
  EXPECT_GT(ended(Ended::ok), 100u);
  client.wind_down();
  run(seconds(1));
  EXPECT_TRUE(client.done());
  EXPECT_EQ(ended(Ended::unknown), 0u);  // which is what one counts as until it has ended
  const auto before = history_.size();
  run(seconds(1));
  EXPECT_EQ(history_.size(), before);
  EXPECT_THAT(client.problems(), IsEmpty());
}

TEST_F(ClientTest, GoesElsewhereAndIsCareless) {
  Client client(world_, 0, mix_,
                {.leave_ppm = 200'000, .hang_up_ppm = 100'000, .half_ppm = 100'000}, history_);
  client.start();
  run(seconds(10));
  EXPECT_GT(connections(), 20u);
  EXPECT_GT(ended(Ended::unknown), 10u);
  EXPECT_GT(ended(Ended::ok), 50u);
  EXPECT_THAT(client.problems(), IsEmpty());
  EXPECT_THAT(client.actor().problems(), IsEmpty());
}

TEST_F(ClientTest, GivesUpOnASilentNodeAndWorksWithTheOthers) {
  std::vector<std::unique_ptr<Client>> clients;
  for (std::uint32_t i = 0; i < 6; ++i) {
    clients.push_back(
        std::make_unique<Client>(world_, i, mix_, Habits{.patience = seconds(2)}, history_));
    clients.back()->start();
  }
  run(seconds(1));
  world_.host(1).pause(seconds(60));
  run(seconds(8));
  for (const auto& client : clients) {
    const auto before = client->actor().acknowledged();
    for (int i = 0; i < 10 && client->actor().acknowledged() == before; ++i) run(seconds(1));
    EXPECT_GT(client->actor().acknowledged(), before);
  }
}

TEST_F(ClientTest, EndsEvenIfNobodyAnswers) {
  Client client(world_, 0, mix_, {.patience = seconds(2)}, history_);
  client.start();
  run(seconds(1));
  for (MachineId id = 1; id <= 3; ++id) world_.host(id).power_off();
  client.wind_down();
  run(seconds(10));
  EXPECT_TRUE(client.done());
}

// The nodes go on, and answer that they do not know.
TEST_F(ClientTest, WhatIsAnsweredAfterItsTimeIsUpIsNotHeard) {
  Client client(world_, 0, mix_, {.leave_ppm = 0, .hang_up_ppm = 0, .half_ppm = 0}, history_);
  client.start();
  run(seconds(1));
  for (MachineId from = 1; from <= 3; ++from) {
    for (MachineId to = 1; to <= 3; ++to) {
      if (from != to) world_.network().cut(from, to);
    }
  }
  run(seconds(1));
  ASSERT_GT(client.actor().outstanding(), 0u);
  client.finish();
  EXPECT_TRUE(client.done());
  run(seconds(10));
  EXPECT_THAT(client.problems(), IsEmpty());
}

}  // namespace
}  // namespace holdfast::sim
