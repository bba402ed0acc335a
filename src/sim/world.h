// A cluster of machines and its clients in virtual time; everything in it is the code that ships,
// but for clock, disk and wires. A seed decides everything.
//
// The world does nothing to itself: faults are put into it (fault.h), clients are started by
// whoever runs it (run.h), checkers watch.
#pragma once

#include <cstdint>
#include <memory>
#include <vector>

#include "base/trace.h"
#include "server/config.h"
#include "sim/administrator.h"
#include "sim/host.h"
#include "sim/network.h"
#include "sim/observer.h"
#include "sim/random_streams.h"
#include "sim/schedule.h"

namespace holdfast::sim {

struct WorldOptions {
  std::uint64_t seed = 1;
  std::uint32_t nodes = 3;  // that found the cluster
  // Machines with an empty disk, which run nothing at first: started they join the cluster.
  std::uint32_t spares = 0;
  Duration replace_after = seconds(300);  // whole seconds
  // Small, so that a minute rolls segments, makes snapshots and sends them.
  std::int64_t segment_bytes = 64 << 10;
  std::int64_t snapshot_after_bytes = 16 << 10;
  std::int64_t snapshot_after_max_bytes = 0;  // where the last one is larger; 0: no more than that
  std::int64_t pending_bytes = 64 << 20;
  std::int64_t snapshot_rate = 0;  // bytes a second that a node sends of snapshots; 0: as by default
  // Running nodes read their files again so often; whole seconds, 0: as often as nodes do by default.
  Duration scrub = {};
  DiskSpeed disk = {};
  Timing timing = {};
  std::uint32_t last = 0;  // so many of the founders, those with the greatest numbers, are to lead last
  bool leases = false;     // reads = lease
  bool secret = false;  // the nodes prove to each other that they know one
};

class World {
 public:
  // `trace_of(node)` gives each node its sink; it must outlive the world.
  World(const WorldOptions& options, HostObserver& observer,
        const std::function<Trace&(MachineId)>& trace_of);
  ~World();

  Schedule& schedule() { return schedule_; }
  Network& network() { return network_; }
  const RandomStreams& streams() const { return streams_; }
  // Machines, the spare ones included: 1 … nodes(). The first founders() of them found the cluster.
  std::uint32_t nodes() const { return static_cast<std::uint32_t>(hosts_.size()); }
  std::uint32_t founders() const { return founders_; }
  // 1 … nodes().
  Host& host(MachineId id) { return *hosts_.at(id - 1); }
  const Host& host(MachineId id) const { return *hosts_.at(id - 1); }
  // Whether this machine has its part in the cluster, or had: not a spare one that never ran.
  bool in_use(MachineId id) const { return id <= founders_ || host(id).incarnation() > 0; }
  // Who says to the cluster which nodes are to go, over the same wires as everybody.
  Administrator& administrator() { return *administrator_; }
  const Administrator& administrator() const { return *administrator_; }

  Instant now() const { return schedule_.now(); }
  // Runs everything that is due until then.
  void run_until(Instant end);
  // The node that leads in the newest epoch, 0 if none does.
  MachineId leader() const;
  // A number that two runs share only if they went the same way: of states, positions and traffic.
  std::uint64_t hash() const;

 private:
  RandomStreams streams_;
  Schedule schedule_;
  Network network_;
  std::uint32_t founders_;
  std::vector<std::unique_ptr<Host>> hosts_;
  std::unique_ptr<Administrator> administrator_;
};

}  // namespace holdfast::sim
