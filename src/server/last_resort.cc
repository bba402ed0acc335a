#include "server/last_resort.h"

#include <fmt/format.h>

#include <algorithm>
#include <utility>

#include "base/check.h"
#include "commands/roster.h"
#include "replica/batch.h"
#include "replica/state_machine.h"
#include "replica/steward.h"
#include "storage/log.h"
#include "storage/recovery.h"
#include "storage/set_aside.h"
#include "storage/snapshot_file.h"

namespace holdfast::server {
namespace {

constexpr std::uint64_t kSnapshotLimit = std::uint64_t{1} << 40;
constexpr std::size_t kRecords = 8;
constexpr std::uint64_t kFirstSegment = 1 << 20;
constexpr char kBetweenRecords = ';';

class Nobody final : public replica::DurabilityView {
 public:
  std::size_t replicas_with(Index) const override { return 0; }
};

// As node_start.cc has it: what a founder's log begins with.
consensus::Membership founding_membership(std::uint32_t founders) {
  const std::size_t voters = replica::voters_for(founders);
  consensus::Membership membership;
  for (std::uint64_t i = 1; i <= founders; ++i) {
    (i <= voters ? membership.voters : membership.learners).push_back(NodeId(i));
  }
  return membership;
}

// The newest snapshot, or an empty keyspace.
Result<void> load_snapshot(env::Disk& folder, Survivor& survivor) {
  survivor.keyspace = std::make_unique<keyspace::Keyspace>(0);
  survivor.membership = founding_membership(survivor.identity.founders);
  auto file = storage::find_snapshot(folder, GroupId{});
  if (!file) return file.error();
  if (!*file) return {};
  const auto content = folder.read((*file)->name, kSnapshotLimit);
  if (!content) return content.error();
  std::string refused;
  const auto header = storage::read_snapshot((*file)->name, *content, [&](std::string_view chunk) {
    const auto loaded = survivor.keyspace->load_chunk(chunk);
    if (!loaded) refused = loaded.error().message;
    return loaded.ok();
  });
  if (!header) return Error{refused.empty() ? header.error().message : refused};
  if (auto finished = survivor.keyspace->finish_load(); !finished) return finished;
  survivor.membership = header->mark.membership;
  survivor.index = header->mark.index;
  survivor.epoch = header->mark.epoch;
  survivor.stamp = header->stamp;
  return {};
}

Result<void> apply(replica::StateMachine& machine, const consensus::Entry& entry,
                   Survivor& survivor) {
  if (entry.kind == consensus::EntryKind::batch) {
    replica::BatchReader batch(entry.payload.view());
    if (batch.header().semantics > replica::kSemantics) {
      return Error{fmt::format(
          "entry {} needs semantics version {}, this program knows 1 to {}; nothing was changed. "
          "Use the newer program that wrote it",
          entry.index, batch.header().semantics, replica::kSemantics)};
    }
    survivor.stamp = batch.header().stamp;
    machine.begin_entry(batch.header(), entry.index);
    std::string_view record;
    std::string reply;
    Origin origin;
    while (batch.next(record)) {
      reply.clear();
      machine.apply(record, reply, origin);
    }
    CHECK(batch.ok(), "entry {} is damaged", entry.index);
    machine.take_events();
  }
  if (entry.kind == consensus::EntryKind::config) {
    auto membership = consensus::Membership::decode(entry.payload.view());
    if (!membership) return membership.error();
    survivor.membership = *std::move(membership);
  }
  survivor.index = entry.index;
  survivor.epoch = entry.epoch;
  return {};
}

// Whether the log goes on where the snapshot ends, as replica_open.cc asks; else the snapshot came
// from a peer just before the end and stands for all.
bool goes_on(const storage::GroupReplay& log, const Survivor& survivor) {
  if (survivor.index > log.track.last) return false;
  if (survivor.index <= log.track.before) return true;
  return log.entries[survivor.index - log.track.before - 1].epoch == survivor.epoch;
}

Result<void> apply_log(env::Disk& folder, Survivor& survivor) {
  auto log =
      storage::recover_log(folder, {.folder_id = survivor.identity.folder_uid, .must_exist = true});
  if (!log) return log.error();
  const auto found = log->groups.find(GroupId{});
  if (found == log->groups.end()) return {};
  const storage::GroupReplay& group = found->second;
  survivor.promise = group.track.promise;
  if (group.track.before > survivor.index) {
    return Error{fmt::format(
        "the log begins after entry {}, but the newest snapshot in the folder ends at {}: entries "
        "between them are missing, and nothing can be made of this folder. Nothing was changed",
        group.track.before, survivor.index)};
  }
  if (!goes_on(group, survivor)) return {};
  const Nobody nobody;
  replica::StateMachine machine(0, nobody);
  machine.look_at_checks(false);
  machine.replace(std::move(survivor.keyspace));
  const Index begin = survivor.index;
  for (const consensus::Entry& entry : group.entries) {
    if (entry.index <= begin) continue;
    if (auto applied = apply(machine, entry, survivor); !applied) return applied;
  }
  survivor.keyspace = machine.take();
  return {};
}

// The roster and the identity of a cluster of this one node. Numbers that were given stay given.
Result<storage::Identity> alone(Survivor& survivor, const NewCluster& anew) {
  keyspace::Keyspace& keyspace = *survivor.keyspace;
  const storage::Member* self = survivor.identity.find(survivor.identity.node);
  CHECK(self != nullptr);
  storage::Identity identity;
  identity.folder_uid = anew.folder_uid;
  identity.cluster_id = anew.cluster_id;
  identity.node = survivor.identity.node;
  identity.incarnation = survivor.identity.incarnation;
  identity.members = {{identity.node, self->address, self->peer_address, anew.folder_uid}};

  const std::string* text = keyspace.setting(commands::Roster::kSetting);
  auto roster = commands::Roster::decode(text == nullptr ? "" : *text);
  if (!roster) return roster.error();
  for (const storage::Member& member : survivor.identity.members) {
    roster->last = std::max(roster->last, member.node);
  }
  roster->nodes = {{identity.node, self->address, self->peer_address, anew.folder_uid,
                    commands::NodeState::active}};
  ++roster->version;
  identity.roster_version = roster->version;
  keyspace.set_setting(commands::Roster::kSetting, roster->encode());
  return identity;
}

void keep_record(keyspace::Keyspace& keyspace, const std::string& record) {
  const std::string* before = keyspace.setting(kRecoveredSetting);
  std::string records = before == nullptr ? "" : *before;
  while (std::count(records.begin(), records.end(), kBetweenRecords) + 2 >
         static_cast<std::ptrdiff_t>(kRecords)) {
    records.erase(0, records.find(kBetweenRecords) + 1);
  }
  if (!records.empty()) records += kBetweenRecords;
  keyspace.set_setting(kRecoveredSetting, records + record);
}

Result<void> lift(keyspace::Keyspace& keyspace, WallTime wall) {
  const std::uint64_t clock = wall.ms <= 0 ? 0 : static_cast<std::uint64_t>(wall.ms) * 1000;
  const std::uint64_t to = std::max(clock, keyspace.revision()) + kRevisionJump;
  if (to >= keyspace::kRevisionLimit / 2) {
    return Error{
        "this machine's clock, or what the folder counted, is too far in the future for "
        "tokens above it; nothing was changed. Set the clock right"};
  }
  keyspace.lift_revision(to);
  return {};
}

Result<void> write_snapshot(Survivor& survivor, const NewCluster& anew, env::Disk& empty,
                            const std::function<void()>& work) {
  storage::SnapshotHeader header;
  header.mark.index = survivor.index;
  header.mark.epoch = {std::max(survivor.epoch, survivor.promise).round + kEpochJump,
                       survivor.identity.node};
  header.mark.membership.voters = {survivor.identity.node};
  header.stamp = survivor.stamp;
  header.wall = anew.wall;
  header.semantics = replica::level_of(*survivor.keyspace);
  storage::SnapshotWriter writer(empty, header);
  survivor.keyspace->begin_snapshot();
  constexpr std::size_t kChunk = 256 << 10;
  for (std::string chunk; !(chunk = survivor.keyspace->next_chunk(kChunk)).empty();) {
    writer.add_chunk(std::move(chunk));
    work();
  }
  Result<void> result = Error{"the snapshot was not written"};
  writer.finish([&result](Result<void> finished) { result = std::move(finished); });
  work();
  return result;
}

}  // namespace

Result<Survivor> examine_survivor(env::Disk& folder) {
  auto identity = storage::load_identity(folder);
  if (!identity) return identity.error();
  Survivor survivor;
  survivor.identity = *std::move(identity);
  if (survivor.identity.cluster_id == 0 ||
      survivor.identity.find(survivor.identity.node) == nullptr) {
    return Error{
        "this folder is no member of a cluster: nothing can be made of it, and nothing was "
        "changed"};
  }
  const auto state = storage::folder_state(folder);
  if (!state) return state.error();
  if (*state != storage::FolderState::whole) {
    return Error{"this node had lost a part of its log and was taking it from the others: the folder "
                 "lacks what it once acknowledged, so no cluster is made of it. Take another one's, or "
                 "restore a backup; nothing was changed"};
  }
  if (auto loaded = load_snapshot(folder, survivor); !loaded) return loaded.error();
  if (auto applied = apply_log(folder, survivor); !applied) return applied.error();
  if (survivor.index == Index()) {
    return Error{"this folder holds no entries: there is nothing to save; nothing was changed"};
  }
  return survivor;
}

Result<void> found_anew(Survivor& survivor, const NewCluster& anew, env::Disk& empty,
                        const std::function<void()>& work) {
  CHECK(anew.cluster_id != 0 && anew.folder_uid != 0);
  keyspace::Keyspace& keyspace = *survivor.keyspace;
  if (auto lifted = lift(keyspace, anew.wall); !lifted) return lifted;
  auto identity = alone(survivor, anew);
  if (!identity) return identity.error();
  keyspace.drop_waits();
  replica::lift_stop(keyspace);
  keep_record(keyspace, anew.record);
  if (auto written = write_snapshot(survivor, anew, empty, work); !written) return written;

  // Its one file is empty: the node finds that the snapshot stands for all.
  NoTrace trace;
  std::string failed;
  storage::LogRecovery recovered;
  const storage::LogOptions options{.segment_bytes = kFirstSegment, .folder_id = anew.folder_uid};
  auto log = storage::Log::open(
      empty, trace, options, [&failed](const std::string& what) { failed = what; }, recovered);
  if (!log) return log.error();
  work();
  *log = nullptr;
  work();
  if (!failed.empty()) return Error{failed};
  return storage::store_identity(empty, *identity);
}

}  // namespace holdfast::server
