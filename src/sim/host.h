// One machine: clock, disk and wires that outlive its processes, and now and then a process: the
// production node, driven as os/event_loop drives it.
//
// A turn: whatever is ready (bytes, completed disk jobs) is handed in, in an order that the seed
// chooses among sources, then on_turn_end, then what was sent leaves. A turn takes some
// microseconds. A paused process takes no turns. A node that calls `fatal` is dead at once: not one
// line of it runs any more, it sends nothing, and `last_words` keeps what it said.
#pragma once

#include <cstdint>
#include <deque>
#include <functional>
#include <memory>
#include <string>
#include <vector>

#include "base/trace.h"
#include "server/node.h"
#include "sim/clock.h"
#include "sim/disk.h"
#include "sim/network.h"
#include "sim/random_streams.h"
#include "sim/schedule.h"

namespace holdfast::sim {

// Told what happens in a host. Not to change the world from inside a call.
class HostObserver {
 public:
  virtual ~HostObserver() = default;
  virtual void on_turn(MachineId machine) = 0;  // a turn ended; the node may be looked at
  // Of its own accord, with what it said; refusing to start is one.
  virtual void on_death(MachineId machine, const std::string& why) = 0;
  // What the entry did that who listens is told; and that a snapshot took the place of some entries.
  virtual void on_noticed(MachineId /*machine*/, const replica::EntryNotices& /*entry*/) {}
  virtual void on_notices_missed(MachineId /*machine*/) {}
};

class Host final : private Loop {
 public:
  Host(MachineId id, server::Config config, Schedule& schedule, Network& network,
       const RandomStreams& streams, Trace& trace, HostObserver& observer);
  ~Host() override;

  MachineId id() const { return id_; }
  // NodeOptions::pending_bytes of the processes that are started from now on.
  void bound_pending(std::uint64_t bytes) { pending_bytes_ = bytes; }
  // Starts a process. If the node refuses to start, `last_words` says why and it is not running.
  // REQUIRES: not running.
  void start();
  // Ends the process and starts it with another --join: a member that is there. Nothing if it has
  // that already.
  // REQUIRES: running, and its folder knows of no cluster.
  void start_to_join(const env::Address& member);
  // kill -9: the page cache survives, peers see their connections close.
  void kill();
  // The power goes, whether a process runs or not: un-synced bytes may be gone, peers see nothing.
  // On again with start().
  void power_off();
  // SIGTERM: leadership is handed over, then it ends.
  void terminate();
  // Whether this process was told to end in order.
  bool ending() const { return running() && ending_; }
  // SIGSTOP, for so long; a second call replaces the first. Duration{}: goes on now.
  void pause(Duration length);
  bool running() const;
  bool paused() const;
  // Null while no process runs.
  const server::Node* node() const;
  // How many processes have been started.
  std::uint64_t incarnation() const { return incarnation_; }
  // Of the last process that died of its own accord.
  const std::string& last_words() const { return last_words_; }
  // Its empty disk is a new node's: whoever heals it starts it, to ask for a number.
  void take_for_new() { new_ = true; }
  bool is_new() const { return new_; }
  // Where its clients find it.
  env::Address address() const { return config_.listen; }

  Clock& clock() { return clock_; }
  Disk& disk() { return disk_; }
  const Disk& disk() const { return disk_; }

 private:
  void post(std::function<void()> work) override;
  void on_disk_done(std::function<void()> done);
  server::NodeOptions node_options();
  // False if the process has ended in it.
  bool run(const std::function<void()>& part_of_process);
  void take_turn();
  void hand_in();
  void plan_turn(Instant when);
  void plan_next_turn();
  void forget_plan();
  void end_process(bool power);
  void start_again_soon();

  MachineId id_;
  server::Config config_;
  std::uint64_t pending_bytes_ = server::NodeOptions().pending_bytes;
  Schedule& schedule_;
  Network& network_;
  const RandomStreams& streams_;
  Trace& trace_;
  HostObserver& observer_;
  Prng loop_;
  Clock clock_;
  Disk disk_;
  std::uint64_t incarnation_ = 0;
  std::unique_ptr<env::Network> wires_;
  std::unique_ptr<server::Node> node_;
  std::vector<std::function<void()>> ready_;      // from the wires: no order among them
  std::deque<std::function<void()>> disk_ready_;  // completions keep theirs
  Instant planned_ = Instant::never();
  std::uint64_t plan_ = 0;  // events of an older plan do nothing
  Instant busy_until_;      // the last turn took so long
  Instant paused_until_;
  bool on_ = true;
  bool ending_ = false;
  bool stopped_ = false;
  bool again_ = false;  // whoever watches over the process starts it again
  bool new_ = false;
  std::string last_words_;
};

}  // namespace holdfast::sim
