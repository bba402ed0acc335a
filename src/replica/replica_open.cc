// Where a replica begins again: the newest snapshot, then what the log holds after it.

#include <algorithm>

#include "base/check.h"
#include "base/mutation.h"
#include "replica/replica_state.h"

namespace holdfast::replica {
namespace {

constexpr std::uint64_t kSnapshotLimit = std::uint64_t{1} << 40;

// What takes longer than this is told of.
constexpr Duration kTellEvery = seconds(1);

Result<LoadedSnapshot> load(env::Disk& disk, env::Clock& clock, Trace& trace,
                            const storage::SnapshotFile& file, std::uint64_t hash_seed) {
  const Instant begin = clock.now();
  const auto content = disk.read(file.name, kSnapshotLimit);
  if (!content) return content.error();
  Instant told = begin;
  auto loaded = load_snapshot(file.name, *content, hash_seed, [&](std::uint64_t bytes) {
    if (clock.now() - told < kTellEvery) return;
    told = clock.now();
    trace.info("loading a snapshot", {{"file", file.name},
                                      {"bytes", fmt::to_string(bytes)},
                                      {"of", fmt::to_string(content->size())}});
  });
  if (loaded && told > begin) {
    trace.info("snapshot loaded", {{"file", file.name},
                                   {"keys", fmt::to_string(loaded->keyspace->size())},
                                   {"ms", fmt::to_string((clock.now() - begin).ns / 1'000'000)}});
  }
  return loaded;
}

// Entries of a newer build are found before the first of them is applied.
Result<void> may_apply(const std::vector<consensus::Entry>& entries) {
  for (const consensus::Entry& entry : entries) {
    if (entry.kind != consensus::EntryKind::batch) continue;
    const auto version = BatchReader(entry.payload.view()).header().semantics;
    const std::string objection = semantics_objection(version);
    if (objection.empty()) continue;
    return Error{fmt::format("entry {} of the log {}. No data was changed.", entry.index, objection)};
  }
  return {};
}

ClusterTime newest_stamp(const storage::GroupRecovery& recovered) {
  for (auto entry = recovered.entries.rbegin(); entry != recovered.entries.rend(); ++entry) {
    if (entry->kind == consensus::EntryKind::batch) {
      return BatchReader(entry->payload.view()).header().stamp;
    }
  }
  return {};
}

}  // namespace

Result<std::unique_ptr<Replica>> Replica::open(const ReplicaOptions& options, env::Clock& clock,
                                               env::Disk& disk, storage::Log& log, Trace& trace,
                                               Outbox& outbox,
                                               const storage::GroupRecovery& recovered,
                                               const consensus::Membership& founding,
                                               std::uint64_t seed) {
  const GroupId group = options.protocol.group;
  auto file = storage::find_snapshot(disk, group);
  if (!file) return file.error();
  Prng prng(seed);
  consensus::Recovered start;
  start.promise = recovered.promise;
  start.mark.membership = founding;
  start.recovering = options.recovering;
  start.may_have_promised = options.may_have_promised;
  std::unique_ptr<keyspace::Keyspace> keyspace;
  ClusterTime applied_stamp{}, stamp{};
  Duration loading{};
  if (*file) {
    const Instant begin = clock.now();
    auto loaded = load(disk, clock, trace, **file, prng.next());
    if (!loaded) return loaded.error();
    start.mark = loaded->header.mark;
    stamp = loaded->header.stamp;
    applied_stamp = stamp;
    keyspace = std::move(loaded->keyspace);
    loading = clock.now() - begin;
  }
  if (recovered.before > start.mark.index) {
    return Error{fmt::format(
        "the log of group {} begins after entry {}, but {}: entries are missing; nothing was changed. "
        "Restore the folder, or start this node with an empty one and let it be replaced",
        group, recovered.before,
        *file ? fmt::format("the newest snapshot in the data folder ends at {}", start.mark.index)
              : "the snapshot that holds what was before is missing from the data folder")};
  }
  // The snapshot may have come from a peer just before a crash, and the log not yet been replaced.
  const auto last = recovered.before + recovered.entries.size();
  bool follows = start.mark.index <= last;
  if (follows && start.mark.index > recovered.before) {
    const auto position = start.mark.index - recovered.before - 1;
    follows = recovered.entries[position].epoch == start.mark.epoch;
  }
  if (follows) {
    start.entries.assign(
        recovered.entries.begin() + static_cast<std::ptrdiff_t>(start.mark.index - recovered.before),
        recovered.entries.end());
    stamp = std::max(stamp, newest_stamp(recovered));
  }
  if (auto good = may_apply(start.entries); !good) return good.error();
  const Instant now = clock.now();
  // Without any stamp a first leader begins at its calendar; a follower may be told better.
  const bool stamped = stamp != ClusterTime{};
  const ClusterTime begin = stamped ? stamp : ClusterTime{clock.wall().ms};
  auto state = std::make_unique<State>(options, clock, disk, log, trace, outbox, prng.next(), begin,
                                       now);
  if (!stamped && !mutated(Mutation::calendar_for_a_floor)) state->time.cut({});
  if (!follows) log.reset(group, start.mark.index, start.mark.epoch, [] {});
  if (keyspace) state->machine.replace(std::move(keyspace));
  state->note_stop();
  if (*file) state->snapshots.adopt(**file);
  state->loading = loading;
  state->applied = start.mark.index;
  state->applied_epoch = start.mark.epoch;
  state->applied_stamp = applied_stamp;
  state->written = start.mark.index + start.entries.size();
  state->engine = consensus::make_protocol(options.protocol, std::move(start), now, prng.fork());
  CHECK(state->engine != nullptr, "this build has no such engine");
  return std::unique_ptr<Replica>(new Replica(std::move(state)));
}

}  // namespace holdfast::replica
