// What the wires are made of; for network*.cc only.
//
// A Connection has two Ends, the dialler's and the acceptor's: each is the stream that a process
// holds and at the same time what the kernel of its machine knows of the connection, so it outlives
// the process. From each End packets travel to the other: in order, each at its arrival time, held
// back while the way is blocked. Frames that a message's fault has taken out of the order travel
// alone, as strays.
//
// Lives: a Connection is kept by the network's list until both ends are gone and nothing is on its
// way any more, and by each event and each turn that may still touch it.
#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <deque>
#include <map>
#include <memory>
#include <set>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "base/prng.h"
#include "env/network.h"
#include "sim/network.h"
#include "sim/random_streams.h"
#include "sim/schedule.h"

namespace holdfast::sim {

class Connection;
class End;

// Bytes under way or arrived that the receiver has not read; what the kernels of both sides hold.
inline constexpr std::size_t kWindow = 256 << 10;
// As in os/tcp.h.
inline constexpr std::size_t kHighWater = 64 << 10;
inline constexpr std::size_t kReadBuffer = 64 << 10;
inline constexpr Duration kLinger = seconds(2);

struct Packet {
  enum class Kind : std::uint8_t {
    connect,    // from the dialler, first
    connected,  // its answer; the other answer is a reset
    data,
    window,  // `amount` bytes have been read
    end,     // nothing more will be said
    reset,
  };
  explicit Packet(Kind the_kind) : kind(the_kind) {}
  explicit Packet(std::string data) : kind(Kind::data), bytes(std::move(data)) {}

  Kind kind;
  std::string bytes;
  std::size_t amount = 0;
  Instant arrival;
};

// One incarnation of a process on a machine.
struct Process {
  MachineId machine = 0;
  Loop* loop = nullptr;
  bool alive = true;
  std::vector<End*> dirty;  // have output, or a goodbye, that no turn has sent; kept by `kept`
  // Until the end of the turn: the caller may still be using them.
  std::vector<std::shared_ptr<Connection>> kept;
  std::vector<std::shared_ptr<env::StreamHandler>> released;
};

struct Listening {
  std::uint16_t port = 0;
  std::shared_ptr<Process> process;
  env::AcceptHandler accept;
  std::deque<std::shared_ptr<Connection>> backlog;
  bool posted = false;
};

struct Machine {
  Machine(MachineId number, const RandomStreams& streams);

  MachineId id;
  bool on = true;
  Instant clogged_until;
  std::shared_ptr<Process> process;
  // Apart, so that a fault that strikes does not change the delays of what follows.
  Prng delays;
  Prng faults;
  Prng reads;
};

class End final : public env::Stream {
 public:
  enum class Life : std::uint8_t { none, connecting, open, closing, gone };

  End(Connection& connection, Machine& machine) : connection_(connection), machine_(machine) {}

  // ---- beginnings
  void connect(std::shared_ptr<Process> process, std::shared_ptr<env::StreamHandler> handler);
  // The kernel has answered the dialler; accept() comes in a turn of the process.
  void begin(std::shared_ptr<Process> process);
  void accept(const env::AcceptHandler& accept);

  // ---- env::Stream
  void send(std::string_view bytes) override;
  void send(SharedBytes bytes) override { send(bytes.view()); }
  std::size_t pending() const override { return output_.size() - sent_; }
  void pause_reading(bool paused) override;
  void close(bool now) override;
  env::Address local() const override { return local_; }
  env::Address remote() const override { return remote_; }

  // ---- as its machine's kernel
  void arrive(Packet packet);
  // The process has died, or the machine has lost its power and says nothing.
  void abandon(bool silently);
  // The connection is broken: the process will be told.
  void strike();
  // Nobody will accept it.
  void turn_away();

  // The end of a turn of its process that took so long.
  void end_turn(Duration turn);

  Machine& machine() { return machine_; }
  const std::shared_ptr<Process>& process() const { return process_; }
  Connection& connection() { return connection_; }
  bool over() const { return life_ == Life::none || life_ == Life::gone; }
  bool input_over() const { return over() || input_end_ || reset_; }
  // As the other end's window counts it.
  void count_unread(std::size_t bytes) { unread_ += bytes; }
  void set_addresses(env::Address local, env::Address remote);

 private:
  bool usable() const { return process_ && process_->alive && life_ != Life::gone; }
  void wake();
  void serve();
  void on_established();
  void read_once();
  void acknowledge(std::size_t bytes);
  void on_end_of_input();
  void queued();
  void transmit(Duration turn);
  void drained();
  void finish_output();
  void begin_closing();
  void linger();
  void end(bool clean, std::string_view reason);
  void release_handler();
  void leave();

  Connection& connection_;
  Machine& machine_;
  std::shared_ptr<Process> process_;
  std::shared_ptr<env::StreamHandler> handler_;
  env::Address local_;
  env::Address remote_;
  Life life_ = Life::none;

  std::string output_;  // not yet taken by the kernel, from sent_ on
  std::size_t sent_ = 0;
  std::size_t unread_ = 0;  // taken, and not known to have been read
  std::string input_;       // arrived, not yet read

  bool dirty_ = false;
  bool posted_ = false;
  bool paused_ = false;       // by pause_reading
  bool established_ = false;  // the dialler has been answered
  bool stalled_ = false;      // the window is full
  bool writable_ = false;     // ... and has room again
  bool tell_drained_ = false;
  bool drained_ = false;
  bool input_end_ = false;    // arrived
  bool input_ended_ = false;  // told
  bool reset_ = false;
  bool broken_write_ = false;  // written to after the reset: told even if nobody reads
  bool output_ended_ = false;
  bool progress_ = false;  // bytes left since the linger was last looked at
};

class Connection final : public std::enable_shared_from_this<Connection> {
 public:
  // `dialler` is side 0.
  Connection(Network::State& the_network, Machine& dialler, Machine& acceptor,
             std::uint16_t the_port)
      : network(the_network), port(the_port), ends{End(*this, dialler), End(*this, acceptor)} {}

  int side(const End& end) const { return &end == &ends[0] ? 0 : 1; }
  End& other(const End& end) { return ends[1 - side(end)]; }
  bool between_nodes() const;

  // Packets that left from ends[side].
  struct Way {
    std::deque<Packet> packets;
    Instant last_arrival;
    bool planned = false;
    bool held = false;    // the first has come as far as it can
    bool opaque = false;  // no frames: nothing is done to its messages
  };

  Network::State& network;
  std::uint16_t port;
  std::array<End, 2> ends;
  std::array<Way, 2> ways;
  std::size_t place = 0;  // in the network's list
  bool listed = false;
};

struct Network::State {
  State(Schedule& the_schedule, const RandomStreams& the_streams)
      : schedule(the_schedule), streams(the_streams) {}

  // ---- machines
  Machine& machine(MachineId id);
  std::shared_ptr<Listening> find_listening(const Machine& machine, std::uint16_t port);
  void bury(const std::shared_ptr<Process>& process, bool silently);
  void stop_listening(const std::shared_ptr<Listening>& listening);

  // ---- connections
  End& dial(const std::shared_ptr<Process>& process, std::uint16_t port,
            std::shared_ptr<env::StreamHandler> handler);
  void forget_if_over(Connection& connection);

  // ---- wires
  const Wire& wire(MachineId from, MachineId to) const;
  bool blocked(const Machine& from, const Machine& to) const;
  void send(End& from, Packet packet, Duration later = {});
  void send_data(End& from, std::string bytes, Duration later);
  void plan(Connection& connection, int side);
  void deliver(Connection& connection, int side);
  void on_connect(Connection& connection);
  void post_accept(const std::shared_ptr<Listening>& listening);
  // What had been held back goes on, if it may: `retransmitted` after a while, or all at once.
  void release(bool retransmitted);

  // ---- messages between nodes
  std::string tamper(End& from, std::string bytes, const Wire& wire, Duration later);
  void stray(End& from, std::string frame, Duration delay);

  Schedule& schedule;
  RandomStreams streams;
  Wire all;
  std::map<std::pair<MachineId, MachineId>, Wire> wires;
  std::set<std::pair<MachineId, MachineId>> cuts;
  std::map<MachineId, Machine> machines;
  std::vector<std::shared_ptr<Listening>> listenings;
  std::map<std::uint16_t, MachineId> owners;  // of ports, once listened on
  std::vector<std::shared_ptr<Connection>> connections;
  std::uint32_t next_port = 0;
  Counts counts;
};

}  // namespace holdfast::sim
