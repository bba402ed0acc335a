#include "sim/administrator.h"

#include <fmt/format.h>

#include <algorithm>
#include <utility>

#include "base/check.h"
#include "commands/roster.h"
#include "replica/replica.h"
#include "sim/raw_client.h"
#include "sim/world.h"

namespace holdfast::sim {
namespace {

constexpr MachineId kMachine = kFirstClient + 900;
constexpr Duration kLookAgain = milliseconds(20);
constexpr Duration kPatience = seconds(3);  // with one node
constexpr Duration kGiveUp = seconds(10);   // with an order

// As the leader knows the cluster; empty without one.
commands::Roster roster_of(World& world) {
  const MachineId leader = world.leader();
  if (leader == 0) return {};
  const auto& keyspace = world.host(leader).node()->replica()->keyspace();
  const std::string* text = keyspace.setting(commands::Roster::kSetting);
  auto roster = commands::Roster::decode(text == nullptr ? "" : *text);
  CHECK(roster.ok());
  return *std::move(roster);
}

std::string words_of(Order what, NodeId node) {
  switch (what) {
    case Order::remove:
      return fmt::format("HOLDFAST REMOVE {}", node.value);
    case Order::drain:
      return fmt::format("HOLDFAST DRAIN {}", node.value);
    case Order::undrain:
      return fmt::format("HOLDFAST DRAIN {} OFF", node.value);
    case Order::transfer:
      return fmt::format("HOLDFAST TRANSFER {}", node.value);
  }
  return {};
}

}  // namespace

Administrator::Administrator(World& world)
    : world_(world), prng_(world.streams().of(Purpose::faults, 3)) {}
Administrator::~Administrator() = default;

bool Administrator::is_borne(const commands::RosterNode& one) const {
  for (MachineId id = 1; id <= world_.nodes(); ++id) {
    const Host& host = world_.host(id);
    if (host.address().text() != one.address) continue;
    // Without a process it cannot be seen whose the folder is; an empty one is nobody's.
    const bool member = host.running() && host.node()->self();
    return member ? host.node()->self() == one.node : !host.disk().wiped();
  }
  return false;
}

bool Administrator::stays(const commands::RosterNode& one) const {
  for (const MachineId id : unreliable_) {
    if (world_.host(id).address().text() == one.address) return false;
  }
  const bool leaves = std::any_of(orders_.begin(), orders_.end(), [&one](const Task& task) {
    return task.node == one.node && (task.what == Order::remove || task.what == Order::drain);
  });
  return one.state == commands::NodeState::active && !leaves && is_borne(one);
}

bool Administrator::at_peace() const {
  const auto nodes = roster_of(world_).nodes;
  return idle() && std::all_of(nodes.begin(), nodes.end(), [](const auto& one) {
           return one.state == commands::NodeState::active;
         });
}

void Administrator::order(Order what, MachineId machine) {
  const auto nodes = roster_of(world_).nodes;
  const std::string address = world_.host(machine).address().text();
  const bool others = std::any_of(nodes.begin(), nodes.end(), [&](const auto& one) {
    return one.address != address && stays(one);
  });
  if (!others && (what == Order::remove || what == Order::drain)) return;
  for (const auto& one : nodes) {
    if (one.address == address) return add(what, one.node);
  }
}

// Who was told of founders alone, all of whom have gone since, asks in vain: even a node that is
// known already, if it ended before it had stored its number.
void Administrator::show_the_way() {
  for (MachineId id = 1; id <= world_.founders(); ++id) {
    const Host& host = world_.host(id);
    if (host.running() && host.node()->self()) return;
  }
  const MachineId leader = world_.leader();
  for (MachineId id = 1; leader != 0 && id <= world_.nodes(); ++id) {
    Host& host = world_.host(id);
    if (host.running() && !host.node()->self()) host.start_to_join(world_.host(leader).address());
  }
}

void Administrator::tidy() {
  show_the_way();
  for (const auto& one : roster_of(world_).nodes) {
    if (one.state == commands::NodeState::removed) continue;
    const bool borne = is_borne(one);
    if (!borne) add(Order::remove, one.node);
    if (borne && one.state == commands::NodeState::draining) add(Order::undrain, one.node);
  }
}

void Administrator::add(Order what, NodeId node) {
  orders_.push_back({what, node, world_.now() + kGiveUp});
  look_again({});
}

void Administrator::look_again(Duration after) {
  if (std::exchange(planned_, true)) return;
  world_.schedule().after(after, [this] {
    planned_ = false;
    look();
  });
}

void Administrator::look() {
  while (!orders_.empty() && world_.now() > orders_.front().until) {
    orders_.pop_front();
    client_ = nullptr;
  }
  if (orders_.empty()) {
    client_ = nullptr;
    return;
  }
  if (client_ == nullptr || !client_->open() || world_.now() > patience_) {
    ask_another();
  } else if (!asked_ && client_->connected()) {
    asked_ = true;
    client_->send(words_of(orders_.front().what, orders_.front().node) + "\r\n");
  } else if (const std::string text = client_->take(); !text.empty()) {
    if (is_answer(text)) orders_.pop_front();
    client_ = nullptr;
  }
  look_again(kLookAgain);
}

void Administrator::ask_another() {
  client_ = nullptr;  // one process at a time
  client_ = std::make_unique<RawClient>(world_.schedule(), world_.network(), kMachine);
  client_->dial(world_.host(static_cast<MachineId>(1 + prng_.below(world_.nodes()))).address());
  asked_ = false;
  patience_ = world_.now() + kPatience;
}

// Done, or cannot be. Everything else may be asked again: what is done is not done twice.
bool Administrator::is_answer(const std::string& text) const {
  if (text.find("does not lead") != std::string::npos) return false;
  return text.starts_with("+OK") || text.starts_with("-ERR");
}

}  // namespace holdfast::sim
