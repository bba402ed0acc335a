// Scenarios that nobody thought of. A few kinds of faults at a time go further than all of them at
// once, which heal each other (Groce et al., "Swarm Testing", 2012).

#include <fmt/format.h>

#include "base/prng.h"
#include "sim/random_streams.h"
#include "sim/scenario.h"

namespace holdfast::sim {
namespace {

std::uint32_t draw_nodes(Prng& prng) {
  const auto dice = prng.below(10);
  return dice == 0 ? 1 : dice < 3 ? 5 : 3;
}

workload::Mix draw_mix(Prng& prng) {
  workload::Mix mix;
  std::uint32_t* const shares[] = {&mix.read,      &mix.write,    &mix.cas,    &mix.erase,
                                   &mix.add,       &mix.once_add, &mix.insert, &mix.read_all,
                                   &mix.write_ttl, &mix.lock,     &mix.session, &mix.set_if,
                                   &mix.throttle,  &mix.latch,    &mix.feed,    &mix.hold,
                                   &mix.cache};
  // Half of the kinds are left out: what is left meets itself more often.
  for (std::uint32_t* share : shares) {
    if (prng.below(2) == 0) *share = static_cast<std::uint32_t>(1 + prng.below(4));
  }
  mix.read += 1;
  mix.write += 1;
  mix.keys = static_cast<std::uint32_t>(1 + prng.below(5));
  mix.locks = static_cast<std::uint32_t>(1 + prng.below(3));
  const std::uint64_t deepest = prng.below(4) == 0 ? 32 : 8;
  mix.pipeline = static_cast<std::uint32_t>(prng.below(2) == 0 ? 1 : 1 + prng.below(deepest));
  mix.clients = static_cast<std::uint32_t>(2 + prng.below(6));
  mix.think = milliseconds(prng.between(10, 60));
  return mix;
}

Wire draw_wire(Prng& prng) {
  Wire wire;
  if (prng.below(3) != 0) return wire;
  wire.delay_min = microseconds(prng.between(50, 3'000));
  wire.delay_max = wire.delay_min + microseconds(prng.between(0, 20'000));
  if (prng.below(2) == 0) wire.lose_ppm = static_cast<std::uint32_t>(prng.below(5'000));
  return wire;
}

// Mostly good ones of today; then those of a network, or that turn.
DiskSpeed draw_disk(Prng& prng) {
  DiskSpeed disk;
  if (prng.below(4) != 0) return disk;
  disk.sync_min = prng.below(2) == 0 ? milliseconds(1) : milliseconds(prng.between(2, 50));
  disk.sync_max = disk.sync_min * 2;
  return disk;
}

FaultMix draw_kinds(Prng& prng, std::uint32_t nodes) {
  FaultMix mix;
  const std::uint32_t share = static_cast<std::uint32_t>(prng.between(100'000, 500'000));
  for (std::size_t i = 0; i < static_cast<std::size_t>(FaultKind::join); ++i) {
    if (prng.chance_ppm(share)) mix.kinds.push_back(static_cast<FaultKind>(i));
  }
  mix.mean_pause = milliseconds(prng.between(150, 3'000));
  // Half of the runs trust the disks: in the others a damaged node is left out of much else.
  if (prng.below(2) == 0) mix.damaged = static_cast<std::uint32_t>(prng.below(nodes / 2 + 1));
  return mix;
}

// Nodes come and go in a third of the runs that trust the disks, and in a few of the others: those owe
// no service any more, once a disk has forgotten something.
bool draw_members(Prng& prng, Scenario& scenario) {
  using K = FaultKind;
  if (prng.below(scenario.faults.damaged == 0 ? 3 : 6) != 0) return false;
  for (const K kind : {K::join, K::remove, K::drain, K::undrain, K::transfer, K::renew}) {
    if (prng.below(4) != 0) scenario.faults.kinds.push_back(kind);
  }
  if (prng.below(2) == 0) scenario.replace_after = seconds(prng.between(2, 8));
  return true;
}

}  // namespace

Scenario swarm_scenario(std::uint64_t seed) {
  Prng prng = RandomStreams(seed).of(Purpose::faults, 2);
  Scenario scenario;
  scenario.name = "swarm";
  scenario.nodes = draw_nodes(prng);
  scenario.mode = prng.below(3) == 0 ? Mode::liveness : Mode::safety;
  scenario.mix = draw_mix(prng);
  scenario.wire = draw_wire(prng);
  scenario.faults = draw_kinds(prng, scenario.nodes);
  if (prng.below(2) == 0) scenario.snapshot_after_bytes = prng.between(4 << 10, 64 << 10);
  if (prng.below(2) == 0) scenario.segment_bytes = prng.between(64 << 10, 256 << 10);
  if (prng.below(2) == 0) scenario.scrub = seconds(prng.between(1, 20));
  if (draw_members(prng, scenario)) scenario.spares = static_cast<std::uint32_t>(1 + prng.below(2));
  if (prng.below(3) == 0) scenario.reads = Reads::lease;
  scenario.disk = draw_disk(prng);
  return scenario;
}

}  // namespace holdfast::sim
