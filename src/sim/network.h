// The wires between machines: TCP as a machine sees it, on virtual time.
//
// A connection is two one-way streams of bytes. Bytes arrive in order, once, after the link's
// delay; a lost segment holds up what is behind it, as a retransmission does; a cut direction
// delivers nothing until it is whole again; a reset breaks both ends. What a receiver does not read
// stays with the sender beyond a window. A process that dies closes its connections; a machine
// without power says nothing, and answers with a reset once it is back. Nothing is ever given up
// for silence alone: whoever waits needs a patience of its own. Streams keep the promises of
// env/network.h as os/tcp does, down to its high-water mark and its linger.
//
// Between nodes (ports from kPeerPorts on) the wire knows the frames of docs/formats/peer.md and
// can do to a *message* what a packet network does: lose it, delay it behind later ones, deliver it
// again, now or much later. What server/ sends as a stream (forwards, outcomes, snapshots) is never
// treated so: TCP does not do that. Corrupting a byte is done to anything between nodes.
//
// Addresses: every machine is 127.0.0.1 and owns the ports it listens on; who dials is known by the
// env::Network it holds.
#pragma once

#include <cstdint>
#include <functional>
#include <memory>

#include "base/time.h"
#include "env/network.h"
#include "sim/random_streams.h"
#include "sim/schedule.h"

namespace holdfast::sim {

// Machines: nodes are 1 … N, clients have numbers from kFirstClient on.
using MachineId = std::uint32_t;
inline constexpr MachineId kFirstClient = 1000;
inline constexpr std::uint16_t kPeerPorts = 17000;

// What a wire does; for each direction of each pair, or for all.
struct Wire {
  Duration delay_min = microseconds(50);
  Duration delay_max = milliseconds(1);
  std::uint32_t lose_ppm = 0;       // of segments: retransmitted after 200 ms and more
  std::uint32_t drop_ppm = 0;       // of messages between nodes: gone
  std::uint32_t duplicate_ppm = 0;  // … delivered again at once
  std::uint32_t late_ppm = 0;       // … delivered again after up to 10 s
  std::uint32_t reorder_ppm = 0;    // … delivered after later ones
  std::uint32_t corrupt_ppm = 0;    // of segments between nodes: one bit flipped

  bool operator==(const Wire&) const = default;
};

// How a machine's loop takes what arrives: `work` is run in a turn of that machine, if its process
// (of this incarnation) still lives, when it is not paused.
class Loop {
 public:
  virtual ~Loop() = default;
  virtual void post(std::function<void()> work) = 0;
};

class Network {
 public:
  Network(Schedule& schedule, const RandomStreams& streams);
  ~Network();

  // ---- machines
  // The network as the process that now runs on this machine sees it. Destroying it is the death of
  // the process as its peers notice it, unless process_died or power_lost was called before.
  std::unique_ptr<env::Network> attach(MachineId machine, Loop& loop);
  // To be called at the end of each turn of that machine: what was sent leaves, so much later as
  // the turn took.
  void flush(MachineId machine, Duration turn = {});
  // The process has died, from now on: its connections are closed as a kernel closes them, and what
  // its objects still say while they are destroyed says nothing to anybody.
  void process_died(MachineId machine);
  // The machine goes silent: no FIN, no reset. What dials it, or sends to it, waits.
  void power_lost(MachineId machine);
  void power_back(MachineId machine);

  // ---- faults
  Wire& all();  // what holds where nothing else was said
  void set_wire(MachineId from, MachineId to, const Wire& wire);
  void cut(MachineId from, MachineId to);  // one direction
  void mend(MachineId from, MachineId to);
  bool connected(MachineId from, MachineId to) const;
  // Nothing arrives at or leaves the machine for so long; then all of it at once.
  void clog(MachineId machine, Duration length);
  // Breaks every connection between two machines.
  void reset(MachineId one, MachineId other);
  // Everything whole, default wires, no clogs. What was lost stays lost.
  void heal();

  struct Counts {
    std::uint64_t segments = 0, lost = 0, dropped = 0, duplicated = 0, late = 0, reordered = 0,
                  corrupted = 0, resets = 0,
                  mended = 0;  // a cut direction, or all, made whole again
  };
  const Counts& counts() const;

  struct State;  // network_parts.h

 private:
  std::unique_ptr<State> state_;
};

}  // namespace holdfast::sim
