// Faults put into the world, and taken out of it again.
#include <algorithm>
#include <utility>

#include "base/check.h"
#include "sim/fault.h"
#include "storage/identity_file.h"
#include "storage/set_aside.h"

namespace holdfast::sim {
namespace {

using K = FaultKind;

constexpr std::string_view kIdentity = "identity";
// Whoever is to end in order is looked at so often until it has.
constexpr Duration kLookAgain = milliseconds(100);
constexpr int kLooks = 100;

bool contains(std::span<const MachineId> nodes, MachineId node) {
  return std::find(nodes.begin(), nodes.end(), node) != nodes.end();
}

template <class Each>
void for_each_pair(const World& world, Each each) {
  for (MachineId from = 1; from <= world.nodes(); ++from) {
    for (MachineId to = 1; to <= world.nodes(); ++to) {
      if (from != to) each(from, to);
    }
  }
}

// ---- The network --------------------------------------------------------------------------------

void mend_all(World& world) {
  for_each_pair(world, [&world](MachineId from, MachineId to) { world.network().mend(from, to); });
}

// Cuts each direction of which `cut(from, to)` is true, and no other.
template <class Cut>
void cut_exactly(World& world, Cut cut) {
  mend_all(world);
  for_each_pair(world, [&](MachineId from, MachineId to) {
    if (cut(from, to)) world.network().cut(from, to);
  });
}

void partition(const Fault& fault, World& world) {
  const auto& nodes = fault.nodes;
  const auto inside = [&nodes](MachineId node) { return contains(nodes, node); };
  cut_exactly(world, [&](MachineId from, MachineId to) {
    switch (fault.kind) {
      case K::partition:
        return inside(from) != inside(to);
      case K::isolate:
        return inside(from) || inside(to);
      case K::isolate_in:
        return !inside(from) && inside(to);
      case K::isolate_out:
        return inside(from) && !inside(to);
      default:  // a bridge
        return from != nodes[0] && to != nodes[0] && inside(from) != inside(to);
    }
  });
}

// Each node sees its neighbours on both sides, so many that they are a majority with itself. Three
// would see everybody: there each one is not heard by its right neighbour, and no two can talk.
void ring(const std::vector<MachineId>& nodes, World& world) {
  const std::size_t count = nodes.size();
  const auto place = [&nodes](MachineId node) {
    return static_cast<std::size_t>(std::find(nodes.begin(), nodes.end(), node) - nodes.begin());
  };
  const std::size_t reach = (count / 2 + 1) / 2;
  cut_exactly(world, [&](MachineId from, MachineId to) {
    const std::size_t a = place(from);
    const std::size_t b = place(to);
    if (a == count || b == count) return true;
    const std::size_t steps = (b + count - a) % count;
    if (count == 3) return steps == 1;
    return std::min(steps, count - steps) > reach;
  });
}

// After Foundation DB's nastiest: one by one in, and out in another order.
void swizzle(const Fault& fault, World& world) {
  const std::size_t count = fault.nodes.size();
  std::vector<std::size_t> rank(count);
  for (std::size_t i = 0; i < count; ++i) rank[i] = i;
  Prng prng(fault.chance);
  for (std::size_t i = count; i > 1; --i) std::swap(rank[i - 1], rank[prng.below(i)]);
  const Duration step = milliseconds(fault.amount) / static_cast<std::int64_t>(2 * count);
  for (std::size_t i = 0; i < count; ++i) {
    const Duration begin = step * static_cast<std::int64_t>(i);
    const Duration end = step * static_cast<std::int64_t>(count + rank[i] + 1);
    world.schedule().after(begin, [&world, node = fault.nodes[i], length = end - begin] {
      world.network().clog(node, length);
    });
  }
}

// Each thing that a wire can do is there or not, so that they are met alone and together.
Wire draw_wire(std::int64_t percent, std::uint64_t chance) {
  Wire wire;
  if (percent == 0) return wire;
  Prng prng(chance);
  const auto some = [&prng, percent](std::int64_t most) {
    const bool any = prng.below(2) == 0;
    const std::int64_t drawn = prng.between(0, std::max<std::int64_t>(1, most * percent / 100));
    return any ? drawn : 0;
  };
  wire.delay_max = wire.delay_max + milliseconds(some(200));
  wire.delay_min = wire.delay_min + nanoseconds(some(wire.delay_max.ns / 2));
  const auto ppm = [&some](std::int64_t most) { return static_cast<std::uint32_t>(some(most)); };
  wire.lose_ppm = ppm(100'000);
  wire.drop_ppm = ppm(300'000);
  wire.duplicate_ppm = ppm(300'000);
  wire.late_ppm = ppm(50'000);
  wire.reorder_ppm = ppm(300'000);
  wire.corrupt_ppm = ppm(2'000);
  return wire;
}

void make_wires(const Fault& fault, World& world) {
  const Wire wire = draw_wire(fault.amount, fault.chance);
  if (fault.nodes.empty()) {
    world.network().all() = wire;
    return;
  }
  world.network().set_wire(fault.nodes[0], fault.nodes[1], wire);
  world.network().set_wire(fault.nodes[1], fault.nodes[0], wire);
}

// ---- Power --------------------------------------------------------------------------------------

// Whether each other node has on its disk what this one has on its own: then no majority is formed
// of nodes that lack something together, whatever this one forgets. An entry of an epoch is durable
// only behind the promise of that epoch, so it vouches for the promise as well.
bool may_forget(World& world, MachineId forgetful) {
  const auto replica_of = [&world](MachineId id) -> const replica::Replica* {
    const Host& host = world.host(id);
    return host.running() && !host.paused() ? host.node()->replica() : nullptr;
  };
  const replica::Replica* own = replica_of(forgetful);
  if (own == nullptr) return false;
  const Index needed = own->protocol().durable();
  const auto epoch = own->protocol().log().epoch_at(needed);
  for (MachineId id = 1; id <= world.nodes(); ++id) {
    if (id == forgetful) continue;
    const replica::Replica* other = replica_of(id);
    if (other == nullptr || world.host(id).disk().hides_loss()) return false;
    const consensus::Protocol& protocol = other->protocol();
    const Index durable = protocol.durable();
    if (durable < needed || protocol.log().epoch_at(durable) < own->epoch()) return false;
    if (needed > protocol.commit() && protocol.log().epoch_at(needed) != epoch) return false;
  }
  return true;
}

// Whether each other node would know an older copy of this one's folder for what it is, and nobody else
// is without his log just then: then it may forget what it likes, since it begins again and is not
// counted (decision 0022).
bool known_to_all(World& world, MachineId forgetful) {
  const Host& own = world.host(forgetful);
  if (!own.running() || own.node()->replica() == nullptr) return false;
  for (MachineId id = 1; id <= world.nodes(); ++id) {
    if (id == forgetful || !world.in_use(id)) continue;
    const Host& host = world.host(id);
    if (!host.running() || host.paused() || host.disk().hides_loss()) return false;
    const replica::Replica* other = host.node()->replica();
    if (other == nullptr || other->status().protocol.recovering) return false;
    if (!host.node()->keeps_in_mind(own.node()->identity())) return false;
  }
  return true;
}

// Whether the node may go on with this identity, and what it then has forgotten. A copy of the start
// under way is told apart by nobody.
bool in_bound(World& world, MachineId id, const std::optional<std::string>& identity) {
  if (!identity) return false;
  const bool same_life = identity == world.host(id).disk().content(kIdentity);
  if (same_life) return may_forget(world, id);
  const auto older = storage::read_identity(*identity);
  return older && older->members.size() >= storage::kNodesToRecoverFrom && known_to_all(world, id);
}

// What the disk hides comes out only within the bound; otherwise it was lucky.
void power_off(World& world, MachineId id) {
  Disk& disk = world.host(id).disk();
  if (disk.hides_loss() && !in_bound(world, id, disk.after_power_loss(kIdentity))) {
    disk.keep_promises();
  }
  world.host(id).power_off();
}

void power_off_all(World& world) {
  for (MachineId id = 1; id <= world.nodes(); ++id) world.host(id).disk().keep_promises();
  for (MachineId id = 1; id <= world.nodes(); ++id) world.host(id).power_off();
}

void back_to_image(World& world, MachineId id) {
  Disk& disk = world.host(id).disk();
  const bool within = in_bound(world, id, disk.in_image(kIdentity));
  disk.keep_promises();
  world.host(id).power_off();
  if (within) CHECK(disk.restore_image());
}

// ---- Processes ----------------------------------------------------------------------------------

void crash_at(const Fault& fault, World& world, MachineId id) {
  const auto crash = [&world, id,
                      power = fault.kind == K::power_off_at](std::uint64_t incarnation) {
    Host& host = world.host(id);
    if (host.incarnation() != incarnation) return;  // healed at the same moment
    if (power) {
      power_off(world, id);
    } else {
      host.kill();
    }
    // It may have been starting, and have died of the standstill.
    if (host.disk().stands_still()) host.disk().crash(power);
  };
  world.host(id).disk().stand_still_after(
      static_cast<std::uint64_t>(fault.amount), [&world, id, crash] {
        world.schedule().after(
            {}, [crash, incarnation = world.host(id).incarnation()] { crash(incarnation); });
      });
}

void start_when_ended(World& world, MachineId id, std::uint64_t incarnation, int looks) {
  Host& host = world.host(id);
  if (host.incarnation() != incarnation) return;  // somebody else did it
  if (!host.running()) return host.start();
  if (looks == 0) return;
  world.schedule().after(kLookAgain, [&world, id, incarnation, looks] {
    start_when_ended(world, id, incarnation, looks - 1);
  });
}

void hand_over(World& world, MachineId leader, Duration until_start) {
  Host& host = world.host(leader);
  if (!host.running()) return;
  host.terminate();
  world.schedule().after(until_start, [&world, leader, incarnation = host.incarnation()] {
    start_when_ended(world, leader, incarnation, kLooks);
  });
}

void start(const Fault& fault, World& world) {
  for (MachineId id = 1; id <= world.nodes(); ++id) {
    Host& host = world.host(id);
    const bool known = world.in_use(id) && (!host.disk().wiped() || host.is_new());
    const bool meant = fault.nodes.empty() ? known : contains(fault.nodes, id);
    if (meant && !host.running()) host.start();
  }
}

// ---- Members ------------------------------------------------------------------------------------

bool holds_a_majority(const std::vector<NodeId>& voters, const std::vector<NodeId>& kept) {
  const auto left = std::count_if(voters.begin(), voters.end(), [&kept](NodeId node) {
    return std::find(kept.begin(), kept.end(), node) != kept.end();
  });
  return voters.empty() || static_cast<std::size_t>(left) > voters.size() / 2;
}

// The disk of this machine is lost for good. Whoever voted there must be one of a minority, and a
// majority of the founding places must know that there is a cluster.
bool may_lose(World& world, MachineId lost) {
  std::uint32_t empty = 1;
  std::vector<NodeId> kept;
  std::vector<const replica::Replica*> replicas;
  for (MachineId id = 1; id <= world.nodes(); ++id) {
    const Host& host = world.host(id);
    if (id == lost) continue;
    const replica::Replica* replica = host.running() ? host.node()->replica() : nullptr;
    if (replica != nullptr) kept.push_back(host.node()->self());
    // What a process that is down bears in mind cannot be seen: then nothing is lost.
    if (replica == nullptr && world.in_use(id) && !host.disk().wiped()) return false;
    if (replica == nullptr && id <= world.founders()) ++empty;
    if (replica != nullptr) replicas.push_back(replica);
  }
  const bool members_know = std::all_of(replicas.begin(), replicas.end(), [&](const auto* one) {
    const auto& log = one->protocol().log();
    const auto& membership = one->protocol().membership_at(log.last());
    return holds_a_majority(membership.voters, kept) && holds_a_majority(membership.outgoing, kept);
  });
  return world.leader() != 0 && members_know && empty <= world.founders() / 2;
}

void renew(World& world, MachineId id) {
  Host& host = world.host(id);
  if (!world.administrator().at_peace() || !may_lose(world, id)) return;
  host.power_off();
  host.disk().wipe();
  host.take_for_new();
}

// ---- Disks --------------------------------------------------------------------------------------

std::uint32_t times_of(const Fault& fault) {
  return fault.amount == 0 ? Disk::kForGood : static_cast<std::uint32_t>(fault.amount);
}

void slow_down(const Fault& fault, Disk& disk) {
  Prng prng(fault.chance);
  const Duration stall = milliseconds(prng.between(100, 3000));
  const auto stall_ppm = static_cast<std::uint32_t>(prng.between(0, 20'000));
  disk.slow_down(std::max<std::int64_t>(1, fault.amount), stall, fault.chance == 0 ? 0 : stall_ppm);
}

bool inflict_on_disk(const Fault& fault, Disk& disk) {
  switch (fault.kind) {
    case K::save_disk:
      disk.save_image();
      return true;
    case K::slow_disk:
      slow_down(fault, disk);
      return true;
    case K::io_error:
      disk.fail_writes(times_of(fault), fault.file);
      return true;
    case K::read_error:
      disk.fail_reads(times_of(fault), fault.file);
      return true;
    case K::sync_error:
      disk.fail_syncs(times_of(fault), fault.file);
      return true;
    case K::no_space:
      disk.limit_space(static_cast<std::uint64_t>(fault.amount));
      return true;
    case K::bit_flip: {
      Prng prng(fault.chance);
      disk.flip_bit(prng, fault.file);
      return true;
    }
    case K::lost_write:
      disk.lose_writes(times_of(fault), fault.file);
      return true;
    case K::misdirected_write:
      disk.misdirect_writes(times_of(fault), fault.file);
      return true;
    case K::lying_cache:
      disk.lie_about_syncs(true);
      return true;
    case K::heal_disk:
      disk.heal();
      return true;
    default:
      return false;
  }
}

// ---- One node, or several one after the other ---------------------------------------------------

bool inflict_on_clock(const Fault& fault, Clock& clock) {
  switch (fault.kind) {
    case K::drift:
      clock.set_drift_ppm(fault.amount);
      return true;
    case K::step_wall:
      clock.step_wall(fault.amount);
      return true;
    case K::freeze:
      clock.freeze(milliseconds(fault.amount));
      return true;
    case K::heal_clock:
      clock.heal();
      return true;
    default:
      return false;
  }
}

void inflict_on_process(const Fault& fault, World& world, MachineId id) {
  Host& host = world.host(id);
  switch (fault.kind) {
    case K::clog:
      return world.network().clog(id, milliseconds(fault.amount));
    case K::kill:
      return host.kill();
    case K::power_off:
      return power_off(world, id);
    case K::kill_at:
    case K::power_off_at:
      return crash_at(fault, world, id);
    case K::terminate:
      return host.terminate();
    case K::pause:
      return host.pause(milliseconds(fault.amount));
    case K::wipe:
      host.power_off();
      return host.disk().wipe();
    case K::older_disk:
      return back_to_image(world, id);
    case K::join:
      if (!host.running() && (!host.disk().wiped() || host.is_new())) host.start();
      return;
    case K::remove:
      return world.administrator().order(Order::remove, id);
    case K::drain:
      return world.administrator().order(Order::drain, id);
    case K::undrain:
      return world.administrator().order(Order::undrain, id);
    case K::transfer:
      return world.administrator().order(Order::transfer, id);
    case K::renew:
      return renew(world, id);
    default:
      CHECK(false, "{} is not for a node", name_of(fault.kind));
  }
}

}  // namespace

void inflict(const Fault& asked, World& world) {
  Fault fault = asked;
  const MachineId leader = std::max<MachineId>(1, world.leader());
  std::replace(fault.nodes.begin(), fault.nodes.end(), MachineId{0}, leader);
  switch (fault.kind) {
    case K::cut:
      return world.network().cut(fault.nodes[0], fault.nodes[1]);
    case K::partition:
    case K::isolate:
    case K::isolate_in:
    case K::isolate_out:
    case K::bridge:
      return partition(fault, world);
    case K::ring:
      return ring(fault.nodes, world);
    case K::heal:
      return mend_all(world);
    case K::swizzle:
      return swizzle(fault, world);
    case K::reset:
      return world.network().reset(fault.nodes[0], fault.nodes[1]);
    case K::wires:
      return make_wires(fault, world);
    case K::power_off_all:
      return power_off_all(world);
    case K::start:
      return start(fault, world);
    case K::hand_over:
      return hand_over(world, leader, milliseconds(fault.amount));
    default:
      break;
  }
  for (const MachineId id : fault.nodes) {
    Host& host = world.host(id);
    if (inflict_on_disk(fault, host.disk()) || inflict_on_clock(fault, host.clock())) continue;
    inflict_on_process(fault, world, id);
  }
}

void heal(World& world) {
  world.network().heal();
  for (MachineId id = 1; id <= world.nodes(); ++id) {
    if (world.in_use(id)) heal(world.host(id));
  }
}

void heal(Host& host) {
  host.clock().heal();
  host.disk().heal();
  if (host.disk().wiped() && !host.is_new()) return host.kill();
  if (host.ending() || host.disk().stands_still()) host.kill();
  if (host.paused()) host.pause({});
  if (!host.running()) host.start();
}

}  // namespace holdfast::sim
