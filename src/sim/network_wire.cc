// How packets travel, and what becomes of messages on the way.
#include <algorithm>
#include <utility>

#include "base/codec.h"
#include "server/peer_frame.h"
#include "sim/network_parts.h"

namespace holdfast::sim {
namespace {

constexpr Duration kRetransmission = milliseconds(200);
constexpr Duration kLongestLate = seconds(10);
constexpr Duration kLongestReorder = milliseconds(20);

// A frame's length stands first and counts what is behind it, its kind next (docs/formats/peer.md).
struct FrameHead {
  std::size_t size = 0;
  bool message = false;
};

// Size 0: this is no frame.
FrameHead look_at_frame(std::string_view bytes) {
  Reader reader(bytes);
  const std::uint32_t length = reader.u32();
  const std::uint8_t kind = reader.u8();
  const std::size_t size = sizeof length + length;
  if (!reader.ok() || size < server::kFrameHeader || size > bytes.size()) return {};
  return {size, kind == static_cast<std::uint8_t>(server::FrameKind::message)};
}

bool harms_messages(const Wire& wire) {
  return (wire.drop_ppm | wire.duplicate_ppm | wire.late_ppm | wire.reorder_ppm) != 0;
}

}  // namespace

const Wire& Network::State::wire(MachineId from, MachineId to) const {
  if (wires.empty()) return all;
  const auto found = wires.find({from, to});
  return found == wires.end() ? all : found->second;
}

bool Network::State::blocked(const Machine& from, const Machine& to) const {
  if (!to.on || (!cuts.empty() && cuts.contains({from.id, to.id}))) return true;
  const Instant now = schedule.now();
  return from.clogged_until > now || to.clogged_until > now;
}

// ---- Leaving ------------------------------------------------------------------------------------

void Network::State::send(End& from, Packet packet, Duration later) {
  Connection& connection = from.connection();
  const int side = connection.side(from);
  auto& way = connection.ways[side];
  Machine& sender = from.machine();
  const Wire& here = wire(sender.id, connection.other(from).machine().id);
  Duration delay = later + Duration{sender.delays.between(here.delay_min.ns, here.delay_max.ns)};
  if (here.lose_ppm != 0) {
    for (Duration wait = kRetransmission; sender.faults.chance_ppm(here.lose_ppm);
         wait = wait * 2) {
      ++counts.lost;
      delay = delay + wait;
      if (wait > seconds(10)) break;
    }
  }
  packet.arrival = std::max(schedule.now() + delay, way.last_arrival);
  way.last_arrival = packet.arrival;
  way.packets.push_back(std::move(packet));
  plan(connection, side);
}

void Network::State::send_data(End& from, std::string bytes, Duration later) {
  Connection& connection = from.connection();
  const bool between_nodes = connection.between_nodes();
  const Wire& here = wire(from.machine().id, connection.other(from).machine().id);
  if (between_nodes && harms_messages(here)) bytes = tamper(from, std::move(bytes), here, later);
  if (bytes.empty()) return;
  ++counts.segments;
  if (between_nodes && here.corrupt_ppm != 0 &&
      from.machine().faults.chance_ppm(here.corrupt_ppm)) {
    ++counts.corrupted;
    const auto bit = from.machine().faults.below(8 * bytes.size());
    bytes[bit / 8] = static_cast<char>(bytes[bit / 8] ^ (1 << (bit % 8)));
  }
  from.count_unread(bytes.size());
  send(from, Packet(std::move(bytes)), later);
}

// ---- Arriving -----------------------------------------------------------------------------------

void Network::State::plan(Connection& connection, int side) {
  auto& way = connection.ways[side];
  if (way.planned || way.held || way.packets.empty()) return;
  way.planned = true;
  schedule.at(way.packets.front().arrival,
              [this, self = connection.shared_from_this(), side] { deliver(*self, side); });
}

void Network::State::deliver(Connection& connection, int side) {
  auto& way = connection.ways[side];
  way.planned = false;
  End& to = connection.ends[1 - side];
  while (!way.packets.empty() && way.packets.front().arrival <= schedule.now()) {
    if (blocked(connection.ends[side].machine(), to.machine())) {
      way.held = true;
      return;
    }
    Packet packet = std::move(way.packets.front());
    way.packets.pop_front();
    if (packet.kind == Packet::Kind::connect) {
      on_connect(connection);
    } else {
      to.arrive(std::move(packet));
    }
  }
  plan(connection, side);
  forget_if_over(connection);
}

// The kernel answers, whatever the process is doing.
void Network::State::on_connect(Connection& connection) {
  End& acceptor = connection.ends[1];
  const auto listening = find_listening(acceptor.machine(), connection.port);
  if (listening == nullptr || owners.at(connection.port) != acceptor.machine().id) {
    return send(acceptor, Packet(Packet::Kind::reset));
  }
  acceptor.begin(listening->process);
  send(acceptor, Packet(Packet::Kind::connected));
  listening->backlog.push_back(connection.shared_from_this());
  post_accept(listening);
}

// One at a time: each is work of its own for the loop.
void Network::State::post_accept(const std::shared_ptr<Listening>& listening) {
  if (listening->backlog.empty() || std::exchange(listening->posted, true)) return;
  listening->process->loop->post([this, listening] {
    listening->posted = false;
    if (listening->backlog.empty()) return;
    const auto connection = listening->backlog.front();
    listening->backlog.pop_front();
    connection->ends[1].accept(listening->accept);
    post_accept(listening);
  });
}

void Network::State::release(bool retransmitted) {
  for (const auto& connection : connections) {
    for (const int side : {0, 1}) {
      auto& way = connection->ways[side];
      Machine& from = connection->ends[side].machine();
      if (!way.held || blocked(from, connection->ends[1 - side].machine())) continue;
      way.held = false;
      if (retransmitted) {
        const Duration wait{from.delays.between(0, kRetransmission.ns)};
        for (Packet& packet : way.packets) {
          packet.arrival = std::max(packet.arrival, schedule.now() + wait);
        }
        way.last_arrival = std::max(way.last_arrival, schedule.now() + wait);
      }
      plan(*connection, side);
    }
  }
}

// ---- Messages between nodes ---------------------------------------------------------------------

// What is left of the write after some of its messages have been lost or sent on a way of their
// own.
std::string Network::State::tamper(End& from, std::string bytes, const Wire& here, Duration later) {
  Connection& connection = from.connection();
  auto& way = connection.ways[connection.side(from)];
  Prng& chance = from.machine().faults;
  std::string left;
  left.reserve(bytes.size());
  for (std::string_view rest = bytes; !rest.empty();) {
    const FrameHead head = way.opaque ? FrameHead{} : look_at_frame(rest);
    if (head.size == 0) {
      way.opaque = true;
      left += rest;
      break;
    }
    const std::string_view frame = rest.substr(0, head.size);
    rest.remove_prefix(head.size);
    if (!head.message) {
      left += frame;
      continue;
    }
    const auto apart = [&](Duration least, Duration most) {
      stray(from, std::string(frame),
            later + here.delay_min + Duration{chance.between(least.ns, most.ns)});
    };
    if (chance.chance_ppm(here.late_ppm)) {
      ++counts.late;
      apart({}, kLongestLate);
    }
    if (chance.chance_ppm(here.drop_ppm)) {
      ++counts.dropped;
      continue;
    }
    if (chance.chance_ppm(here.reorder_ppm)) {
      ++counts.reordered;
      apart({}, here.delay_max + kLongestReorder);
      continue;
    }
    left += frame;
    if (chance.chance_ppm(here.duplicate_ppm)) {
      ++counts.duplicated;
      left += frame;
    }
  }
  return left;
}

// Comes by itself, between two writes of the same connection; if the way is blocked then, never.
void Network::State::stray(End& from, std::string frame, Duration delay) {
  Connection& connection = from.connection();
  schedule.after(delay, [this, self = connection.shared_from_this(), side = connection.side(from),
                         frame = std::move(frame)] {
    End& sender = self->ends[side];
    End& receiver = self->ends[1 - side];
    if (receiver.input_over() || blocked(sender.machine(), receiver.machine())) return;
    sender.count_unread(frame.size());
    receiver.arrive(Packet(frame));
  });
}

}  // namespace holdfast::sim
