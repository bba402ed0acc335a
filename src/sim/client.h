// One client: a machine of its own on which a workload::Driver works over simulated wires, as a
// program with one connection does.
#pragma once

#include <cstdint>
#include <functional>
#include <memory>
#include <span>
#include <string>
#include <vector>

#include "base/prng.h"
#include "sim/network.h"
#include "sim/world.h"
#include "workload/actor.h"
#include "workload/driver.h"

namespace holdfast::sim {

class Client final : private Loop, private workload::Driver::Owner {
 public:
  // Told that a write is done, with its words as they were sent.
  using Acknowledged = std::function<void(std::span<const std::string> words)>;

  // `number` from 0 on. The history takes what the client saw; both outlive the client.
  Client(World& world, std::uint32_t number, const workload::Mix& mix,
         const workload::Habits& habits, workload::History& history,
         Acknowledged acknowledged = nullptr);
  ~Client() override = default;
  Client(const Client&) = delete;
  Client& operator=(const Client&) = delete;

  void start() { plan_turn(); }
  // No new operations from now on; done() once what was begun has ended.
  void wind_down() { driver_.wind_down(); }
  bool done() const { return driver_.done(); }

  // There is no more time: what has not ended is unknown.
  void finish();

  const workload::Actor& actor() const { return actor_; }
  // What came over the wire and was no answer to anything. Empty unless a node is wrong.
  const std::vector<std::string>& problems() const { return driver_.problems(); }

 private:
  Instant now() const override { return world_.now(); }
  void on_answer(const workload::Command& command, const resp::Reply& reply, Instant now) override;

  void post(std::function<void()> work) override;
  void plan_turn();
  void take_turn();
  void set_alarm();

  World& world_;
  MachineId machine_;
  Prng prng_;
  workload::Actor actor_;
  Acknowledged acknowledged_;
  std::unique_ptr<env::Network> network_;
  workload::Driver driver_;
  std::vector<std::function<void()>> ready_;
  bool turn_planned_ = false;
  Instant alarm_ = Instant::never();  // the last that was set
};

}  // namespace holdfast::sim
