#include "keyspace/latch.h"

#include <algorithm>
#include <utility>

#include "base/check.h"
#include "base/mutation.h"
#include "keyspace/latch_state.h"
#include "keyspace/sizes.h"
#include "keyspace/snapshot_codec.h"
#include "keyspace/table_scan.h"

namespace holdfast::keyspace {

struct LatchTable::State {
  Core& core;
};

namespace {

constexpr auto kLatchPart = static_cast<std::size_t>(PartKind::latches);

Latch* find_latch(const Core& core, Key name) {
  const Coordination* coordination = core.look_coordination(name.slot);
  return coordination == nullptr ? nullptr : coordination->latches.find(name.name);
}

std::size_t owner_memory(std::string_view owner) {
  return sizeof(std::string) + 4 * sizeof(void*) + (owner.size() > 15 ? owner.size() + 1 : 0);
}

std::size_t latch_memory(const Latch& latch) {
  std::size_t bytes = sizeof(Latch) + 3 * sizeof(void*) + outside_bytes(latch.name);
  for (const std::string& owner : latch.owners) bytes += owner_memory(owner);
  return bytes;
}

WaiterEvent answer(bool opened) {
  WaiterEvent event;
  event.kind = WaitKind::latch;
  event.granted = opened;
  return event;
}

void forget_owners(Core& core, Latch& latch) {
  core.memory -= latch_memory(latch);
  latch.owners.clear();
  core.memory += latch_memory(latch);
}

// Nobody counts any more, and nobody waits any more.
void open(Core& core, Latch& latch) {
  forget_owners(core, latch);
  if (mutated(Mutation::latch_forgets_waiters)) return;
  while (latch.waits != nullptr && !latch.waits->empty()) {
    settle_wait(core, latch.waits->front(), answer(true));
  }
  latch.waits.reset();
}

}  // namespace

void end_latch_wait(Core& core, Wait& wait) {
  core.change(wait.list->slot());
  core.next_revision();
  settle_wait(core, wait, answer(false));
}

void end_latch_waits(Core& core, Latch& latch) {
  while (latch.waits != nullptr && !latch.waits->empty()) {
    settle_wait(core, latch.waits->front(), answer(false));
  }
  latch.waits.reset();
}

void remove_latch(Core& core, Latch& latch) {
  Coordination& coordination = core.change_coordination(latch.slot);
  end_latch_waits(core, latch);
  core.next_revision();
  core.memory -= latch_memory(latch);
  --core.totals.later[kLatchPart];
  coordination.latches.remove(latch);
}

void encode_item(Writer& writer, const Latch& latch) {
  writer.bytes(latch.name);
  writer.varint(latch.count);
  writer.varint(latch.left);
  writer.i64(latch.since.ms);
  writer.varint(latch.owners.size());
  for (const std::string& owner : latch.owners) writer.bytes(owner);
  encode_waits(writer, latch.waits.get());
}

bool decode_latch(Reader& reader, Core& core, Slot slot) {
  auto fresh = std::make_unique<Latch>();
  fresh->name = reader.bytes();
  fresh->slot = slot;
  fresh->count = reader.varint();
  fresh->left = reader.varint();
  fresh->since.ms = reader.i64();
  const std::uint64_t owners = reader.varint();
  if (!reader.ok() || fresh->count == 0 || fresh->count >= kRevisionLimit) return false;
  if (fresh->left > fresh->count || !sane(fresh->since)) return false;
  if (owners > LatchTable::kMaxOwners || (fresh->left == 0 && owners != 0)) return false;
  for (std::uint64_t i = 0; i < owners; ++i) {
    std::string owner(reader.bytes());
    // In their order, each once.
    if (!reader.ok() || owner.empty()) return false;
    if (!fresh->owners.empty() && owner <= *fresh->owners.rbegin()) return false;
    fresh->owners.insert(fresh->owners.end(), std::move(owner));
  }
  Coordination& coordination = core.change_coordination(slot);
  if (coordination.latches.find(fresh->name) != nullptr) return false;
  Latch& latch = coordination.latches.add(std::move(fresh));
  core.memory += latch_memory(latch);
  ++core.totals.later[kLatchPart];
  if (!decode_waits(reader, core, latch.waits, slot, DeadlineKind::latch_wait,
                    LatchTable::kMaxWaiters)) {
    return false;
  }
  return latch.left != 0 || latch.waits == nullptr;
}

LatchTable::LatchTable(Keyspace& owner) : state_(new State{owner.state_->core}) {}
LatchTable::~LatchTable() = default;

LatchSet LatchTable::set(Key name, std::uint64_t count, ClusterTime now) {
  CHECK(count > 0 && count < kRevisionLimit);
  Core& core = state_->core;
  Latch* latch = find_latch(core, name);
  if (latch != nullptr && latch->left > 0) return LatchSet::closed_already;
  if (latch == nullptr && core.totals.later[kLatchPart] >= kMaxLatches) return LatchSet::too_many;
  Coordination& coordination = core.change_coordination(name.slot);
  if (latch == nullptr) {
    auto fresh = std::make_unique<Latch>();
    fresh->name = name.name;
    fresh->slot = name.slot;
    latch = &coordination.latches.add(std::move(fresh));
    core.memory += latch_memory(*latch);
    ++core.totals.later[kLatchPart];
  }
  latch->count = latch->left = count;
  latch->since = now;
  core.next_revision();
  return LatchSet::set;
}

LatchDown LatchTable::down(Key name, std::uint64_t n, std::string_view owner, std::uint64_t& left) {
  CHECK(n > 0);
  Core& core = state_->core;
  Latch* latch = find_latch(core, name);
  left = latch == nullptr ? 0 : latch->left;
  if (latch == nullptr) return LatchDown::absent;
  const bool known = !owner.empty() && latch->owners.contains(owner) &&
                     !mutated(Mutation::latch_counts_owner_twice);
  if (left == 0 || known) return LatchDown::repeated;
  if (!owner.empty() && latch->owners.size() >= kMaxOwners) return LatchDown::too_many_owners;
  core.change(name.slot);
  core.next_revision();
  latch->left -= std::min(n, latch->left);
  left = latch->left;
  if (left == 0) {
    open(core, *latch);
  } else if (!owner.empty() && latch->owners.emplace(owner).second) {
    core.memory += owner_memory(owner);
  }
  return LatchDown::counted;
}

LatchWait LatchTable::wait(Key name, const LatchWaitRequest& request, ClusterTime now,
                           Index index) {
  Core& core = state_->core;
  Latch* latch = find_latch(core, name);
  if (latch == nullptr) return LatchWait::absent;
  if (latch->left == 0) return LatchWait::open;
  if (request.wait_ms <= 0) return LatchWait::closed;
  if (latch->waits != nullptr && latch->waits->size() >= kMaxWaiters) return LatchWait::too_many;
  core.change(name.slot);
  if (latch->waits == nullptr) {
    latch->waits = std::make_unique<WaitList>(name.slot, DeadlineKind::latch_wait);
  }
  Wait wait;
  wait.origin = request.origin;
  wait.resp3 = request.resp3;
  wait.deadline = now.plus_ms(request.wait_ms);
  wait.queued_at = index.value;
  wait.created = core.next_revision();
  latch->waits->add(core, wait);
  return LatchWait::queued;
}

bool LatchTable::drop(Key name) {
  Latch* latch = find_latch(state_->core, name);
  if (latch == nullptr) return false;
  remove_latch(state_->core, *latch);
  return true;
}

std::optional<LatchInfo> LatchTable::info(Key name, ClusterTime now) const {
  const Latch* latch = find_latch(state_->core, name);
  if (latch == nullptr) return std::nullopt;
  LatchInfo info;
  info.count = latch->count;
  info.left = latch->left;
  info.owners = latch->owners.size();
  info.since = latch->since;
  if (latch->waits == nullptr) return info;
  for (const Wait& wait : latch->waits->order()) {
    if (wait.deadline.passed(now)) {
      info.due = true;
    } else {
      info.waiters.push_back({wait.queued_at, wait.deadline, wait.origin});
    }
  }
  return info;
}

std::uint64_t LatchTable::scan(std::uint64_t cursor, std::size_t count,
                               const std::function<void(std::string_view)>& visit) const {
  return scan_table(state_->core, &Coordination::latches, cursor, count,
                    [&](const Latch& latch) { visit(latch.name); });
}

std::size_t LatchTable::size() const { return state_->core.totals.later[kLatchPart]; }

bool LatchTable::drop_waiter(Key name, const Origin& origin) {
  Core& core = state_->core;
  Latch* latch = find_latch(core, name);
  Wait* wait = latch == nullptr || latch->waits == nullptr ? nullptr : latch->waits->find(origin);
  if (wait == nullptr) return false;
  end_latch_wait(core, *wait);
  return true;
}

std::size_t LatchTable::drop_node(NodeId node, Incarnation up_to) {
  Core& core = state_->core;
  std::size_t dropped = 0;
  for (auto number = core.used.next(0); number < kSlotCount; number = core.used.next(number + 1)) {
    const Slot slot(static_cast<std::uint16_t>(number));
    const Coordination* coordination = core.look_coordination(slot);
    const std::size_t count = coordination == nullptr ? 0 : coordination->latches.size();
    for (std::size_t i = 0; i < count; ++i) {
      Latch& latch = coordination->latches.at(i);
      if (latch.waits == nullptr) continue;
      core.change(slot);
      const std::size_t gone = drop_waits_of(core, *latch.waits, node, up_to, answer(false));
      if (gone != 0) core.next_revision();
      dropped += gone;
    }
  }
  return dropped;
}

}  // namespace holdfast::keyspace
