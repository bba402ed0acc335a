#include "keyspace/guard.h"

#include "base/check.h"
#include "keyspace/sizes.h"
#include "keyspace/state.h"

namespace holdfast::keyspace {

struct GuardTable::State {
  Core& core;
};

std::size_t guard_memory(const GuardFloor& guard) {
  return sizeof(GuardFloor) + 3 * sizeof(void*) + outside_bytes(guard.name);
}

GuardTable::GuardTable(Keyspace& owner) : state_(new State{owner.state_->core}) {}
GuardTable::~GuardTable() = default;

std::uint64_t GuardTable::floor(Slot slot, std::string_view lock) const {
  const Coordination* coordination = state_->core.look_coordination(slot);
  const GuardFloor* found = coordination == nullptr ? nullptr : coordination->guards.find(lock);
  return found == nullptr ? 0 : found->fence;
}

void GuardTable::raise(Slot slot, std::string_view lock, std::uint64_t fence) {
  const std::uint64_t before = floor(slot, lock);
  CHECK(fence >= before && fence > 0);
  if (fence == before) return;  // the usual case: the same holder writes again
  Core& core = state_->core;
  Coordination& coordination = core.change_coordination(slot);
  GuardFloor* found = coordination.guards.find(lock);
  if (found == nullptr) {
    auto fresh = std::make_unique<GuardFloor>();
    fresh->name = lock;
    found = &coordination.guards.add(std::move(fresh));
    core.memory += guard_memory(*found);
    ++core.totals.guards;
  }
  found->fence = fence;
  core.next_revision();
}

}  // namespace holdfast::keyspace
