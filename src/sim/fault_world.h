// For tests: a world of the nodes that ship, faults put into it one by one, and clients that ask.
#pragma once

#include <fmt/format.h>
#include <gtest/gtest.h>

#include <algorithm>
#include <map>
#include <memory>
#include <string>
#include <vector>

#include "sim/fault.h"
#include "sim/raw_client.h"
#include "storage/log_format.h"
#include "storage/set_aside.h"

namespace holdfast::sim {

class Deaths final : public HostObserver {
 public:
  void on_turn(MachineId) override {}
  void on_death(MachineId machine, const std::string& why) override { of[machine].push_back(why); }
  std::map<MachineId, std::vector<std::string>> of;
};

class FaultWorld : public testing::Test {
 protected:
  // A cluster that serves.
  void begin(std::uint32_t nodes = 3, std::uint64_t seed = 1, Duration scrub = {}) {
    const WorldOptions options{.seed = seed, .nodes = nodes, .scrub = scrub};
    world_ = std::make_unique<World>(options, deaths_,
                                     [this](MachineId) -> Trace& { return silence_; });
    for (MachineId id = 1; id <= nodes; ++id) world_->host(id).start();
    ASSERT_NE(wait_for_leader(), 0U);
  }
  void run_for(Duration length) { world_->run_until(world_->now() + length); }
  MachineId wait_for_leader() {
    for (int i = 0; i < 2000 && world_->leader() == 0; ++i) run_for(milliseconds(10));
    return world_->leader();
  }
  void inflict(std::string_view text) {
    const auto fault = Fault::parse("0ms " + std::string(text));
    ASSERT_TRUE(fault) << fault.error().message;
    sim::inflict(*fault, *world_);
  }
  bool sees(MachineId from, MachineId to) { return world_->network().connected(from, to); }
  // What a client is told; "" if nobody answers.
  std::string ask(MachineId node, std::string_view command) {
    RawClient client(world_->schedule(), world_->network(), kFirstClient + clients_++);
    client.dial(world_->host(node).address());
    run_for(milliseconds(20));
    return client.ask(std::string(command));
  }
  // Writes through some node that is up until that is done.
  bool serves(std::string_view key = "k") {
    for (int i = 0; i < 100; ++i) {
      for (MachineId id = 1; id <= world_->nodes(); ++id) {
        if (!world_->host(id).running() || world_->host(id).paused()) continue;
        if (ask(id, fmt::format("SET {} v", key)) == "+OK\r\n") return true;
      }
      run_for(milliseconds(200));
    }
    return false;
  }
  MachineId follower() { return world_->leader() == 1 ? 2 : 1; }
  std::string at(std::string_view fault, MachineId node, std::string_view rest = "") {
    return fmt::format("{} {} {}", fault, node, rest);
  }
  bool holds(MachineId node, std::string_view key) {
    return ask(node, fmt::format("EXISTS {}", key)) == ":1\r\n";
  }
  Index applied(MachineId node) { return world_->host(node).node()->replica()->applied(); }
  std::string last_words(MachineId node) { return world_->host(node).last_words(); }
  consensus::Status status(MachineId node) {
    return world_->host(node).node()->replica()->protocol().status();
  }
  bool on_disk(MachineId node, std::string_view name) {
    const auto files = world_->host(node).disk().list();
    return std::any_of(files->begin(), files->end(),
                       [name](const env::FileInfo& file) { return file.name == name; });
  }
  bool began_again(MachineId node) {
    const auto files = world_->host(node).disk().list();
    return std::any_of(files->begin(), files->end(), [](const env::FileInfo& file) {
      return file.name.starts_with(storage::kDamaged);
    });
  }
  // Killed, a record of its log changed, started.
  void damage_log(MachineId node) {
    inflict(at("kill", node));
    for (int chance = 1; chance < 40 && !log_damaged(node); ++chance) {
      inflict(at("bit-flip", node, fmt::format("chance={} file=log-0000000000000001.hfl", chance)));
    }
    inflict(at("start", node));
  }
  bool log_damaged(MachineId node) {
    const auto bytes = world_->host(node).disk().read("log-0000000000000001.hfl", 1 << 20);
    return !storage::decode_record_header(
        std::string_view(*bytes).substr(storage::kSegmentHeaderBytes));
  }
  bool becomes_whole(MachineId node) {
    for (int i = 0; i < 1000 && (status(node).recovering || on_disk(node, "recovering")); ++i) {
      run_for(milliseconds(10));
    }
    return !status(node).recovering && !on_disk(node, "recovering");
  }
  // Everybody holds the same, and everything is on the disks.
  void come_to_rest() { run_for(seconds(2)); }

  NoTrace silence_;
  Deaths deaths_;
  std::unique_ptr<World> world_;
  MachineId clients_ = 0;
};

}  // namespace holdfast::sim
