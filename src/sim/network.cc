// Machines, processes and faults; network_wire.cc moves the packets, network_stream.cc is the end
// of a connection.
#include "sim/network.h"

#include <fmt/format.h>

#include <algorithm>
#include <utility>

#include "base/check.h"
#include "sim/network_parts.h"

namespace holdfast::sim {
namespace {

constexpr std::uint16_t kFirstEphemeral = 40000;
constexpr std::uint16_t kEphemeralPorts = 20000;
constexpr std::string_view kHost = "127.0.0.1";

class Listener final : public env::Listener {
 public:
  Listener(Network::State& network, std::shared_ptr<Listening> listening)
      : network_(network), listening_(std::move(listening)) {}
  ~Listener() override { network_.stop_listening(listening_); }
  env::Address bound() const override { return {std::string(kHost), listening_->port}; }

 private:
  Network::State& network_;
  std::shared_ptr<Listening> listening_;
};

// What a process sees.
class ProcessNetwork final : public env::Network {
 public:
  ProcessNetwork(sim::Network::State& network, std::shared_ptr<Process> process)
      : network_(network), process_(std::move(process)) {}
  ~ProcessNetwork() override {
    network_.bury(process_, false);
    process_->dirty.clear();
    const auto released = std::exchange(process_->released, {});
    const auto kept = std::exchange(process_->kept, {});
  }

  Result<std::unique_ptr<env::Listener>> listen(const env::Address& address,
                                                env::AcceptHandler accept) override {
    const auto listening = std::make_shared<Listening>();
    listening->port = address.port;
    listening->process = process_;
    listening->accept = std::move(accept);
    const auto owner = network_.owners.find(address.port);
    if (network_.find_listening(network_.machine(process_->machine), address.port) != nullptr ||
        (owner != network_.owners.end() && owner->second != process_->machine)) {
      return Error{fmt::format("cannot listen on {}: port {} is in use by another process.",
                               address.text(), address.port)};
    }
    network_.owners[address.port] = process_->machine;
    network_.listenings.push_back(listening);
    return std::unique_ptr<env::Listener>(new Listener(network_, listening));
  }

  env::Stream& connect(const env::Address& address,
                       std::shared_ptr<env::StreamHandler> handler) override {
    return network_.dial(process_, address.port, std::move(handler));
  }

 private:
  sim::Network::State& network_;
  std::shared_ptr<Process> process_;
};

}  // namespace

Machine::Machine(MachineId number, const RandomStreams& streams)
    : id(number),
      delays(streams.of(Purpose::network, 3 * std::uint64_t{number})),
      faults(streams.of(Purpose::network, 3 * std::uint64_t{number} + 1)),
      reads(streams.of(Purpose::network, 3 * std::uint64_t{number} + 2)) {}

bool Connection::between_nodes() const { return port >= kPeerPorts; }

// ---- Machines and processes ---------------------------------------------------------------------

Machine& Network::State::machine(MachineId id) {
  return machines.try_emplace(id, id, streams).first->second;
}

std::shared_ptr<Listening> Network::State::find_listening(const Machine& machine,
                                                          std::uint16_t port) {
  for (const auto& listening : listenings) {
    if (listening->port == port && listening->process == machine.process) return listening;
  }
  return nullptr;
}

void Network::State::stop_listening(const std::shared_ptr<Listening>& listening) {
  std::erase(listenings, listening);
  for (const auto& waiting : std::exchange(listening->backlog, {})) {
    waiting->ends[1].turn_away();
  }
}

void Network::State::bury(const std::shared_ptr<Process>& process, bool silently) {
  if (!process->alive) return;
  // Leaving takes connections off the list.
  const auto all_connections = connections;
  for (const auto& connection : all_connections) {
    for (End& end : connection->ends) {
      if (end.process() == process) end.abandon(silently);
    }
  }
  process->alive = false;
  std::erase_if(listenings, [&](const auto& listening) {
    if (listening->process != process) return false;
    listening->backlog.clear();
    return true;
  });
  for (const auto& connection : all_connections) forget_if_over(*connection);
}

// ---- Connections --------------------------------------------------------------------------------

End& Network::State::dial(const std::shared_ptr<Process>& process, std::uint16_t port,
                          std::shared_ptr<env::StreamHandler> handler) {
  const auto owner = owners.find(port);
  Machine& dialler = machine(process->machine);
  // Where nobody has ever listened the dialler's own kernel refuses.
  Machine& acceptor = owner == owners.end() ? dialler : machine(owner->second);
  const auto connection = std::make_shared<Connection>(*this, dialler, acceptor, port);
  const env::Address here{std::string(kHost),
                          static_cast<std::uint16_t>(kFirstEphemeral + next_port)};
  const env::Address there{std::string(kHost), port};
  next_port = (next_port + 1) % kEphemeralPorts;
  connection->ends[0].set_addresses(here, there);
  connection->ends[1].set_addresses(there, here);
  if (process->alive) {
    connection->place = connections.size();
    connection->listed = true;
    connections.push_back(connection);
    connection->ends[0].connect(process, std::move(handler));
    send(connection->ends[0], Packet(Packet::Kind::connect));
  } else {
    process->kept.push_back(connection);  // said by a dead process
  }
  return connection->ends[0];
}

void Network::State::forget_if_over(Connection& connection) {
  if (!connection.listed || !connection.ends[0].over() || !connection.ends[1].over() ||
      !connection.ways[0].packets.empty() || !connection.ways[1].packets.empty()) {
    return;
  }
  connection.listed = false;
  auto& last = connections.back();
  last->place = connection.place;
  std::swap(connections[connection.place], last);
  connections.pop_back();
}

// ---- The network --------------------------------------------------------------------------------

Network::Network(Schedule& schedule, const RandomStreams& streams)
    : state_(std::make_unique<State>(schedule, streams)) {}

Network::~Network() = default;

std::unique_ptr<env::Network> Network::attach(MachineId id, Loop& loop) {
  Machine& machine = state_->machine(id);
  CHECK(!machine.process || !machine.process->alive, "one process at a time");
  CHECK(machine.on, "machine {} has no power", id);
  machine.process = std::make_shared<Process>();
  machine.process->machine = id;
  machine.process->loop = &loop;
  return std::make_unique<ProcessNetwork>(*state_, machine.process);
}

void Network::flush(MachineId id, Duration turn) {
  const auto process = state_->machine(id).process;
  if (!process || !process->alive) return;
  // Whatever becomes dirty from here on belongs to the next turn.
  const auto kept = std::exchange(process->kept, {});
  const auto released = std::exchange(process->released, {});
  for (End* end : std::exchange(process->dirty, {})) end->end_turn(turn);
}

void Network::process_died(MachineId id) {
  if (const auto process = state_->machine(id).process) state_->bury(process, false);
}

void Network::power_lost(MachineId id) {
  Machine& machine = state_->machine(id);
  machine.on = false;
  if (machine.process) state_->bury(machine.process, true);
}

void Network::power_back(MachineId id) {
  state_->machine(id).on = true;
  state_->release(true);
}

// ---- Faults -------------------------------------------------------------------------------------

Wire& Network::all() { return state_->all; }

void Network::set_wire(MachineId from, MachineId to, const Wire& wire) {
  state_->wires[{from, to}] = wire;
}

void Network::cut(MachineId from, MachineId to) { state_->cuts.insert({from, to}); }

void Network::mend(MachineId from, MachineId to) {
  state_->counts.mended += state_->cuts.erase({from, to});
  state_->release(true);
}

bool Network::connected(MachineId from, MachineId to) const {
  return !state_->cuts.contains({from, to});
}

void Network::clog(MachineId id, Duration length) {
  Machine& machine = state_->machine(id);
  machine.clogged_until = std::max(machine.clogged_until, state_->schedule.now() + length);
  state_->schedule.at(machine.clogged_until, [state = state_.get()] { state->release(false); });
}

void Network::reset(MachineId one, MachineId other) {
  const auto connections = state_->connections;
  for (const auto& connection : connections) {
    const MachineId from = connection->ends[0].machine().id;
    const MachineId to = connection->ends[1].machine().id;
    if (!(from == one && to == other) && !(from == other && to == one)) continue;
    ++state_->counts.resets;
    for (auto& way : connection->ways) way.packets.clear();
    for (End& end : connection->ends) end.strike();
    state_->forget_if_over(*connection);
  }
}

void Network::heal() {
  ++state_->counts.mended;
  state_->cuts.clear();
  state_->wires.clear();
  state_->all = {};
  for (auto& [id, machine] : state_->machines) machine.clogged_until = {};
  state_->release(true);
}

const Network::Counts& Network::counts() const { return state_->counts; }

}  // namespace holdfast::sim
