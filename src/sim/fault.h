// One thing that goes wrong (or right again), as data: a run is a list of these, drawn from the
// seed before it begins, so that it can be printed, shortened and played again.
//
//   1200ms cut 1,2                     one direction: what node 1 sends does not reach node 2
//   1350.25ms partition 1,2            … from the rest
//   2s kill 0                          0: whoever leads at that moment
//   2500ms power-off 2                 3100ms pause 0 800ms         4s start
//   5s wires 40% chance=77             6s bit-flip 3 file=log- chance=12
//
// What the cluster owes under each kind. *In bound* it must be safe, and serve again once the
// faults are over; out of bound it may stop, in part or whole, and say why, but never lie.
//
//   kinds                            in bound
//   network, all                     always. A flipped byte is an ended connection
//   kill, terminate, hand-over,      always, any number of nodes, at any moment: everyone comes
//   pause, power-off, …-at, …-all    back with what it had confirmed
//   slow-disk                        always
//   io-error, read-error,            always: the node dies or refuses to start and says why, and
//   sync-error                       is well when started after heal-disk
//   no-space                         always: the node does not stop. It hands over if another has
//                                    room, acknowledges nothing, and where no majority has room
//                                    writes are refused; or it refuses to start, until heal-disk
//   drift up to 1,000 ppm, freeze,   always. step-wall: any step. With leases a clock may stand still
//   step-wall                        for a tenth of an election time-out within one (consensus/
//                                    leases.h), and draw_faults() keeps to FaultMix::longest_freeze
//   bit-flip                         a minority of the nodes at a time. A node that meets the flip
//                                    in its log or a snapshot begins again without it and counts
//                                    for nothing until it has everything from the others. In its
//                                    identity, or with fewer than three nodes: it refuses to start
//                                    and changes nothing until heal-disk (the sector is read
//                                    right). A majority: no service, and still no lie
//   wipe                             a minority, for good: if started the node is a stranger, whom
//                                    the others refuse its old place; heal() leaves it down
//   join, remove, drain, undrain,    always: what cannot be is refused, or waits
//   transfer
//   renew                            if the voters can do without that disk for good, in every
//                                    membership that may be in force; otherwise inflict() leaves
//                                    the disk as it is
//   lost-write, misdirected-write,   a minority, and no node is made to forget unless each other
//   lying-cache, older-disk          node holds on disk what it held. What is lost at the end of a
//                                    log cannot be told from what never was, so beyond this bound
//                                    nobody could promise anything: inflict() keeps it. The node
//                                    has found the damage and begins again; or it has not, and
//                                    catches up. Back to an earlier start, it may forget anything
//                                    if each other node keeps the later one in mind, and none of
//                                    them recovers: it is told, and begins again
//
// So only the kinds from bit-flip on count as damage: draw_faults() takes at most FaultMix::damaged
// nodes for them in a run, always the same ones.
#pragma once

#include <array>
#include <cstdint>
#include <optional>
#include <set>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "base/prng.h"
#include "base/result.h"
#include "base/time.h"
#include "sim/network.h"
#include "sim/world.h"

namespace holdfast::sim {

enum class FaultKind : std::uint8_t {
  // ---- network. Partitions (partition … ring) replace each other; cuts are added.
  cut,          // from, to: one direction
  partition,    // one half: nothing passes between it and the others
  isolate,      // these nodes, each from everybody
  isolate_in,   // nothing reaches these nodes from the others, what they send arrives
  isolate_out,  // what these nodes send does not reach the others
  bridge,       // the first node sees both halves; the others named are one of them
  ring,         // the nodes in the order of the ring: each sees a majority, no two the same;
                // of three, each hears one and is heard by the other
  heal,         // every direction whole again
  clog,         // nothing arrives at or leaves the node for so long, then all at once
  swizzle,      // these nodes are clogged one by one and unclogged in another order, within so long
  reset,        // connections between two nodes break
  wires,        // all links (or those between two nodes) are so bad: 0 % good … 100 % awful
  // ---- process
  kill,
  kill_at,  // after so many operations of its disk from now
  power_off,
  power_off_at,  // as kill_at
  power_off_all,
  terminate,
  pause,
  start,       // these nodes if they are down; none named: all that are
  wipe,        // power off, an empty disk
  save_disk,   // keeps an image of the disk
  older_disk,  // power off, back to the saved image
  // ---- disk
  slow_disk,   // so many times slower, with stalls
  io_error,    // the next so many writes fail; 0: all from now on
  read_error,  // … reads
  sync_error,  // … syncs, and what they should have synced is dropped
  no_space,    // so many bytes are left
  bit_flip,
  lost_write,         // the next so many syncs leave something out
  misdirected_write,  // … put something elsewhere in the file
  lying_cache,        // syncs are confirmed and not done
  heal_disk,          // whole, fast, roomy again
  // ---- clock
  drift,      // gains so many millionths
  step_wall,  // the calendar jumps so many ms
  freeze,     // stands still for so long, then catches up at once
  heal_clock,
  // ---- the cluster
  hand_over,  // the leader is told to end in order, and started again after so long
  join,       // the machine is started if it does not run: with an empty disk it asks for a number
  remove,     // the administrator takes its node out of the cluster
  drain,      // … keeps it from voting and leading
  undrain,    // … lets it again
  transfer,   // … has leadership handed to it
  renew,      // power off, an empty disk: from now on the machine is a new node's
};
inline constexpr std::size_t kFaultKinds = static_cast<std::size_t>(FaultKind::renew) + 1;

// As in the text form: power_off is "power-off".
std::string_view name_of(FaultKind kind);
std::optional<FaultKind> fault_kind(std::string_view name);
// Whether a disk loses for a while, or for good, what it had confirmed.
bool damages(FaultKind kind);

struct Fault {
  Duration at;  // since the run began; whole microseconds
  FaultKind kind = FaultKind::heal;
  // Nodes by number; 0: whoever leads at that moment (or node 1 if none does).
  std::vector<MachineId> nodes;
  std::int64_t amount = 0;   // milliseconds, ppm … as the kind says
  std::uint64_t chance = 0;  // seed of what the fault itself draws
  std::string file;          // files it may hit begin so; "": any

  // parse(text()) gives the same fault.
  std::string text() const;
  static Result<Fault> parse(std::string_view text);
  bool operator==(const Fault&) const = default;
};

// Whose disks are damaged by these, as far as they name them: 0 is whoever leads then.
std::set<MachineId> damaged_by(const std::vector<Fault>& script);

// Which kinds, how often, within which bounds.
struct FaultMix {
  // Repairs are not named here: each fault is followed by its own after a drawn time.
  std::vector<FaultKind> kinds;
  Duration mean_pause = milliseconds(700);  // between two faults
  // How many nodes may be damaged in a run; 0: kinds that damage are left out.
  std::uint32_t damaged = 0;
  Duration longest_freeze = seconds(8);  // not part of a scenario's text: it follows from `reads`
};

// The faults of a run, sorted by time, all before `length`. A repair that would come later is left
// out: what is open at the end is healed by heal(), or stays for good.
std::vector<Fault> draw_faults(const FaultMix& mix, std::uint32_t nodes, Duration length,
                               Prng prng);

// Puts one into the world. A damaged node may from then on be behind what it had confirmed, or
// stay away; everybody else comes back whole.
void inflict(const Fault& fault, World& world);
// Undoes all of them: wires, disks, clocks, processes. Who refuses to start stays down, and so does
// a wiped node, who has no place any more.
void heal(World& world);
// The same for one machine; its wires stay as they are.
void heal(Host& host);

}  // namespace holdfast::sim
