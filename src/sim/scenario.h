// What a run is made of, as text that people write: who works, what goes wrong, for how long.
//
//   # Partitions of every kind, healed at last.
//   nodes 3
//   length 60s
//   mode safety
//   promise live
//   mix read 4 write 3 cas 1 add 2 once_add 1 lock 1
//   clients 5 keys 4 pipeline 4 think 20ms value_bytes 0
//   habits leave_ppm 20000 patience 9s
//   wire delay_min 1ms delay_max 20ms lose_ppm 1000
//   disk sync_min 20us sync_max 400us
//   log segment_bytes 65536 snapshot_after_bytes 16384
//   timing heartbeat 50ms election 300ms
//   reads quorum
//   members spares 2 replace_after 4s
//   faults cut partition isolate bridge ring heal
//   every 700ms damaged 0
//
// One setting a line, each at most once (but `fault`), what is left out keeps its default. Lines
// `fault 1200ms cut 1 2` (fault.h) are played instead of faults drawn from the seed: that is how a
// shrunk run is written down. `repeat 5s`: they are played again and again, so far apart. `fault
// none` says that nothing is played.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "base/result.h"
#include "base/time.h"
#include "sim/disk.h"
#include "sim/fault.h"
#include "sim/network.h"
#include "sim/observer.h"
#include "workload/habits.h"
#include "workload/mix.h"

namespace holdfast::sim {

// What stands at the end of the faults.
enum class Mode : std::uint8_t {
  safety,    // everything is healed, everyone comes back
  liveness,  // a core (a majority) is healed, all else stays for good as it is
};

// What the cluster owes after that (fault.h has the bounds).
enum class Promise : std::uint8_t {
  live,  // it serves again within a bounded time
  safe,  // it may have stopped, and says why; it never lies
};

// How leaders confirm reads.
enum class Reads : std::uint8_t {
  quorum,
  lease,
  either,  // as the seed wants it
};

struct Scenario {
  Scenario();

  std::string name;  // not in the text: of its file
  std::uint32_t nodes = 3;
  std::uint32_t last = 0;                 // of these are to lead only if nobody else can
  std::uint32_t spares = 0;               // machines that may join
  Duration replace_after = seconds(300);  // whole seconds
  Duration length = seconds(60);  // under faults
  Mode mode = Mode::safety;
  Promise promise = Promise::live;
  workload::Mix mix;
  workload::Habits habits;
  Wire wire;  // every link, before any fault
  DiskSpeed disk;  // every disk, likewise
  std::int64_t segment_bytes = 64 << 10;
  std::int64_t snapshot_after_bytes = 16 << 10;
  std::int64_t snapshot_after_max_bytes = 0;  // where the last one is larger; 0: no more than that
  std::int64_t pending_bytes = 64 << 20;  // accepted by a leader and not done; beyond: it is busy
  std::int64_t snapshot_rate = 0;  // bytes a second that a node sends of snapshots; 0: as by default
  // Running nodes read their files again so often; whole seconds, 0: hardly ever.
  Duration scrub = {};
  Timing timing = {};
  Reads reads = Reads::quorum;
  FaultMix faults;
  bool scripted = false;  // `script` is played instead of drawing from `faults`
  std::vector<Fault> script;
  Duration repeat;  // 0: played once

  // Whether nodes may come and go in it.
  bool changes_members() const;
  // Whether bits flip and nothing else happens, so that every node can mend its disk while it runs.
  bool only_rots() const;
  // Whether nodes have leases in the run of this seed.
  bool leases(std::uint64_t seed) const;
  std::uint32_t machines() const { return nodes + spares; }
  // The whole text form; parse(text()) gives the same scenario.
  std::string text() const;
  // An error names the line.
  static Result<Scenario> parse(std::string_view text);
};

// The faults that a run of this seed plays.
std::vector<Fault> script_of(const Scenario& scenario, std::uint64_t seed);

// A scenario of its own for each seed: some kinds of faults, some kinds of work, all within what
// the protocol promises. For long runs, which should not only repeat what somebody thought of.
Scenario swarm_scenario(std::uint64_t seed);

}  // namespace holdfast::sim
