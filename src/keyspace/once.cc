#include "keyspace/once.h"

#include "base/check.h"
#include "keyspace/holding_engine.h"
#include "keyspace/sizes.h"
#include "keyspace/state.h"

namespace holdfast::keyspace {

struct OnceTable::State {
  Core& core;
};

namespace {

OnceEntry* find_entry(const Core& core, Slot slot, std::string_view id) {
  const Coordination* coordination = core.look_coordination(slot);
  return coordination == nullptr ? nullptr : coordination->once.find(id);
}

void schedule(Core& core, Slot slot, OnceEntry& entry) {
  core.deadlines.schedule({entry.record.until, entry.created, slot, DeadlineKind::once, &entry});
}

}  // namespace

std::size_t once_memory(const OnceEntry& entry) {
  return sizeof(OnceEntry) + 3 * sizeof(void*) + sizeof(Deadline) + outside_bytes(entry.name) +
         outside_bytes(entry.record.answer);
}

OnceTable::OnceTable(Keyspace& owner) : state_(new State{owner.state_->core}) {}
OnceTable::~OnceTable() = default;

const OnceRecord* OnceTable::find(Slot slot, std::string_view id) const {
  const OnceEntry* entry = find_entry(state_->core, slot, id);
  return entry == nullptr ? nullptr : &entry->record;
}

void OnceTable::store(Slot slot, std::string_view id, OnceRecord record, ClusterTime until) {
  Core& core = state_->core;
  Coordination& coordination = core.change_coordination(slot);
  OnceEntry* entry = coordination.once.find(id);
  if (entry == nullptr) {
    auto fresh = std::make_unique<OnceEntry>();
    fresh->name = id;
    entry = &coordination.once.add(std::move(fresh));
    ++core.totals.once;
  } else {
    core.memory -= once_memory(*entry);
  }
  entry->record = std::move(record);
  entry->record.until = until;
  entry->created = core.next_revision();
  core.memory += once_memory(*entry);
  schedule(core, slot, *entry);
}

std::size_t OnceTable::size() const { return state_->core.totals.once; }

void settle_once(Core& core, Slot slot, std::string_view id, const Grant* grant, ClusterTime now) {
  if (id.empty() || find_entry(core, slot, id) == nullptr) return;
  OnceEntry& entry = *core.change_coordination(slot).once.find(id);
  if (entry.record.state != OnceState::waiting) return;
  entry.record.state = grant == nullptr ? OnceState::not_granted : OnceState::granted;
  if (grant != nullptr) entry.record.grant = *grant;
  entry.record.until = now.plus_ms(OnceTable::kKeptMs);
  schedule(core, slot, entry);
}

void forget_wait(Core& core, Slot slot, std::string_view id, std::uint64_t token) {
  if (id.empty()) return;
  OnceEntry* entry = find_entry(core, slot, id);
  if (entry == nullptr) return;
  const OnceRecord& record = entry->record;
  const bool meant = record.state == OnceState::waiting ||
                     (record.state == OnceState::granted && record.grant.token == token);
  if (meant) forget_once(core, slot, *entry);
}

void forget_once(Core& core, Slot slot, OnceEntry& entry) {
  Coordination& coordination = core.change_coordination(slot);
  core.deadlines.cancel(entry, DeadlineKind::once);
  core.memory -= once_memory(entry);
  --core.totals.once;
  core.next_revision();
  coordination.once.remove(entry);
}

}  // namespace holdfast::keyspace
