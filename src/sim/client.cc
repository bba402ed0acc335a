#include "sim/client.h"

#include <string_view>
#include <utility>

namespace holdfast::sim {
namespace {

bool is_plain_write(std::string_view command) {
  return command == "SET" || command == "APPEND" || command == "INCRBY" || command == "DEL";
}

std::vector<env::Address> addresses_of(World& world) {
  std::vector<env::Address> addresses;
  for (MachineId id = 1; id <= world.nodes(); ++id) addresses.push_back(world.host(id).address());
  return addresses;
}

}  // namespace

Client::Client(World& world, std::uint32_t number, const workload::Mix& mix,
               const workload::Habits& habits, workload::History& history,
               Acknowledged acknowledged)
    : world_(world),
      machine_(kFirstClient + number),
      prng_(world.streams().of(Purpose::workload, 2 * std::uint64_t{number})),
      actor_(mix, number, world.streams().of(Purpose::workload, 2 * std::uint64_t{number} + 1),
             history),
      acknowledged_(std::move(acknowledged)),
      network_(world.network().attach(machine_, *this)),
      driver_({.servers = addresses_of(world), .habits = habits}, number, prng_.fork(), *network_,
              *this, actor_) {}

void Client::finish() {
  driver_.finish(now());
  world_.network().flush(machine_);
}

void Client::on_answer(const workload::Command& command, const resp::Reply& reply, Instant) {
  if (!acknowledged_ || reply.is_error() || !is_plain_write(command.words.front())) return;
  // Inside of a transaction nothing is done yet.
  if (reply.text != "QUEUED") acknowledged_(command.words);
}

// ---- Turns --------------------------------------------------------------------------------------

void Client::post(std::function<void()> work) {
  ready_.push_back(std::move(work));
  plan_turn();
}

void Client::plan_turn() {
  if (std::exchange(turn_planned_, true)) return;
  world_.schedule().after(microseconds(prng_.between(1, 20)), [this] { take_turn(); });
}

void Client::take_turn() {
  turn_planned_ = false;
  for (auto& work : std::exchange(ready_, {})) work();
  driver_.on_turn(now());
  world_.network().flush(machine_);
  set_alarm();
}

void Client::set_alarm() {
  const Instant at = driver_.wake_at();
  if (at == Instant::never() || at == alarm_) return;
  alarm_ = at;
  world_.schedule().at(at, [this, at] {
    if (driver_.wake_at() == at) plan_turn();
  });
}

}  // namespace holdfast::sim
