#include "sim/observer_data.h"

#include <fmt/format.h>

#include <algorithm>
#include <bit>
#include <map>
#include <utility>

#include "base/checksum.h"
#include "commands/holding_words.h"
#include "keyspace/cache.h"
#include "keyspace/latch.h"
#include "replica/batch.h"
#include "routing/slot.h"

namespace holdfast::sim {
namespace {

// A digest walks over all data: the more there is the less often.
bool digest_is_due(Index index, std::uint64_t keys) {
  const std::uint64_t period = std::bit_ceil(std::max<std::uint64_t>(64, keys / 8));
  return index.value % period == 0;
}

template <class Words>
std::uint64_t hash_of(const Words& words) {
  std::uint64_t hash = words.size();
  for (const auto& word : words) hash = checksum(word, hash);
  return hash;
}

// Whoever waits for what this one waits for: a name may be that of a lock, a latch and a key.
std::vector<Origin> queue_of(const keyspace::Keyspace& data, const server::LockWait& wait) {
  std::vector<Origin> queue;
  const auto add = [&queue](const auto& info) {
    if (!info) return;
    for (const auto& waiter : info->waiters) queue.push_back(waiter.origin);
  };
  // At the beginning of time nothing is due, so nobody is left out.
  const keyspace::Key name{wait.name, routing::slot_of(wait.name)};
  add(commands::table_of(data, wait.kind).info(name, {}));
  add(data.latches().info(name, {}));
  add(data.caches().info(name, {}));
  return queue;
}

}  // namespace

// ---- ReplicaEquality
// ------------------------------------------------------------------------------

void ReplicaEquality::see(const Look& look, const Memory& memory, Problems& problems) {
  const Sight& now = look.now;
  if (now.data == nullptr || !memory.data_trusted(now.machine)) return;
  if (now.differed) {
    problems.add(
        kName, now.at,
        fmt::format("node {} itself has found that its data is not that of the others", now.node));
  }
  if (!look.started && !look.thorough && look.before->applied == now.applied) return;
  if (after_.size() <= now.applied.value) after_.resize(now.applied.value + 1);
  After& after = after_[now.applied.value];
  const After seen{.machine = now.machine,
                   .revision = now.data->revision(),
                   .keys = now.data->size(),
                   .next_deadline_ms = now.data->next_deadline().ms};
  if (after.machine == 0) {
    after = seen;
  } else if (after.revision != seen.revision || after.keys != seen.keys ||
             after.next_deadline_ms != seen.next_deadline_ms) {
    problems.add(
        kName, now.at,
        fmt::format("after entry {} node {} has revision {}, {} keys and the next deadline "
                    "at {}; machine {} had {}, {} and {}",
                    now.applied, now.node, seen.revision, seen.keys, seen.next_deadline_ms,
                    after.machine, after.revision, after.keys, after.next_deadline_ms));
    return;
  }
  if (look.thorough || digest_is_due(now.applied, seen.keys)) see_digest(look, after, problems);
}

void ReplicaEquality::see_digest(const Look& look, After& after, Problems& problems) {
  ++digests_;
  const std::uint64_t digest = look.now.data->digest();
  if (after.digested_at == 0) {
    after.digested_at = look.now.machine;
    after.digest = digest;
  } else if (after.digest != digest) {
    problems.add(kName, look.now.at,
                 fmt::format("after entry {} the data of node {} is not that of machine {}",
                             look.now.applied, look.now.node, after.digested_at));
  }
}

// ---- AcknowledgedIsCommitted
// ----------------------------------------------------------------------

void AcknowledgedIsCommitted::see(const Look& look, const Memory&, Problems&) {
  const consensus::LogTail& log = *look.now.log;
  for (Index index = std::max(committed_.fresh_from(), log.first()); index <= committed_.last();
       index = index.next()) {
    const consensus::Entry& entry = log.at(index);
    if (entry.kind != consensus::EntryKind::batch) continue;
    replica::BatchReader batch(entry.payload.view());
    std::string_view bytes;
    while (batch.next(bytes)) {
      if (!replica::decode_record(bytes, record_).ok()) break;  // log matching objects
      for (const auto& words : record_.commands) ++unclaimed_[hash_of(words)];
    }
  }
}

void AcknowledgedIsCommitted::acknowledged(Instant at, std::span<const std::string> words,
                                           Problems& problems) {
  if (--unclaimed_[hash_of(words)] >= 0) return;
  problems.add(kName, at,
               fmt::format("a client was told that this was done, but no committed "
                           "entry holds it: {}",
                           fmt::join(words, " ")));
}

// ---- WaitersAreQueued
// -----------------------------------------------------------------------------

void WaitersAreQueued::see(const Look& look, const Memory& memory, Problems& problems) {
  const Sight& now = look.now;
  if (now.data == nullptr || now.waits == nullptr || now.waits->empty()) return;
  if (now.differed || !memory.data_trusted(now.machine)) return;
  // That somebody waits may have been told by the leader, before this replica has come so far.
  if (now.applied < committed_.last()) return;
  // Many wait for the same: its queue is read once.
  std::map<std::pair<keyspace::HoldingKind, std::string_view>, std::vector<Origin>> queues;
  for (const server::LockWait& wait : *now.waits) {
    const auto [known, fresh] = queues.try_emplace({wait.kind, wait.name});
    auto& queue = known->second;
    if (fresh) queue = queue_of(*now.data, wait);
    if (std::find(queue.begin(), queue.end(), wait.origin) != queue.end()) continue;
    problems.add(kName, now.at,
                 fmt::format("request {} of connection {} waits at node {} for {}, and is not in "
                             "its queue after entry {}",
                             wait.origin.request, wait.origin.connection, now.node, wait.name,
                             now.applied));
  }
}

}  // namespace holdfast::sim
