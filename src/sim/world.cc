#include "sim/world.h"

#include <algorithm>
#include <utility>

#include "base/checksum.h"
#include "replica/replica.h"

namespace holdfast::sim {
namespace {

constexpr std::uint16_t kFirstPort = 7379;

// There are no files here that could hold it: its name is its content.
constexpr std::string_view kSecret = "the simulated secret";

}  // namespace

World::World(const WorldOptions& options, HostObserver& observer,
             const std::function<Trace&(MachineId)>& trace_of)
    : streams_(options.seed), network_(schedule_, streams_), founders_(options.nodes) {
  server::Config config;
  for (std::uint16_t i = 0; i < options.nodes; ++i) {
    config.join.emplace_back(env::Address{"127.0.0.1", static_cast<std::uint16_t>(kFirstPort + i)});
  }
  config.segment_bytes = options.segment_bytes;
  config.snapshot_after_bytes = options.snapshot_after_bytes;
  config.snapshot_after_max_bytes =
      std::max(options.snapshot_after_bytes, options.snapshot_after_max_bytes);
  if (options.snapshot_rate != 0) config.snapshot_send_bytes_per_s = options.snapshot_rate;
  if (options.scrub != Duration{}) config.scrub_period_s = options.scrub.ns / seconds(1).ns;
  config.heartbeat_ms = options.timing.heartbeat.ns / milliseconds(1).ns;
  config.election_ms = options.timing.election.ns / milliseconds(1).ns;
  config.replace_after_s = options.replace_after.ns / seconds(1).ns;
  if (options.leases) config.reads = "lease";
  if (options.secret) config.cluster_secret = kSecret;
  for (MachineId id = 1; id <= options.nodes + options.spares; ++id) {
    config.listen = {"127.0.0.1", static_cast<std::uint16_t>(kFirstPort + id - 1)};
    const bool last = id <= options.nodes && id > options.nodes - options.last;
    config.priority = last ? "last" : "normal";
    hosts_.push_back(
        std::make_unique<Host>(id, config, schedule_, network_, streams_, trace_of(id), observer));
    hosts_.back()->disk().set_speed(options.disk);
    hosts_.back()->bound_pending(static_cast<std::uint64_t>(options.pending_bytes));
  }
  administrator_ = std::make_unique<Administrator>(*this);
}

World::~World() = default;

void World::run_until(Instant end) {
  bool reached = false;
  schedule_.at(end, [&reached] { reached = true; });
  while (!reached) schedule_.step();
}

MachineId World::leader() const {
  MachineId leads = 0;
  Epoch newest;
  for (const auto& host : hosts_) {
    const server::Node* node = host->node();
    const replica::Replica* replica = node == nullptr ? nullptr : node->replica();
    if (replica == nullptr || replica->role() != consensus::Role::leader) continue;
    if (leads != 0 && replica->epoch() < newest) continue;
    leads = host->id();
    newest = replica->epoch();
  }
  return leads;
}

std::uint64_t World::hash() const {
  std::uint64_t hash = mix(schedule_.events_run(), static_cast<std::uint64_t>(schedule_.now().ns));
  const auto& counts = network_.counts();
  for (const std::uint64_t count :
       {counts.segments, counts.lost, counts.dropped, counts.duplicated, counts.late,
        counts.reordered, counts.corrupted, counts.resets}) {
    hash = mix(hash, count);
  }
  for (const auto& host : hosts_) {
    hash = mix(hash, host->incarnation());
    const server::Node* node = host->node();
    const replica::Replica* replica = node == nullptr ? nullptr : node->replica();
    hash = mix(hash, replica != nullptr ? 2 : node != nullptr ? 1 : 0);
    if (replica == nullptr) continue;
    hash = mix(hash, replica->epoch().round);
    hash = mix(hash, replica->applied().value);
    hash = mix(hash, replica->keyspace().digest());
  }
  return hash;
}

}  // namespace holdfast::sim
