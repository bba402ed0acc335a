#include "keyspace/wait_list.h"

#include <utility>
#include <vector>

#include "keyspace/snapshot_codec.h"

namespace holdfast::keyspace {

namespace {

constexpr std::size_t kWaitBytes = sizeof(Wait) + sizeof(Origin) + sizeof(Deadline) +
                                   6 * sizeof(void*);

}  // namespace

Wait& WaitList::add(Core& core, const Wait& wait) {
  Wait& added = order_.emplace_back();
  added.list = this;
  added.self = std::prev(order_.end());
  added.origin = wait.origin;
  added.resp3 = wait.resp3;
  added.deadline = wait.deadline;
  added.queued_at = wait.queued_at;
  added.created = wait.created;
  added.asked_ms = wait.asked_ms;
  by_origin_.insert_or_assign(added.origin, &added);
  core.deadlines.schedule({added.deadline, added.created, slot_, kind_, &added});
  core.memory += kWaitBytes;
  return added;
}

Wait* WaitList::find(const Origin& origin) const {
  const auto found = by_origin_.find(origin);
  return found == by_origin_.end() ? nullptr : found->second;
}

void WaitList::remove(Core& core, Wait& wait) {
  core.deadlines.cancel(wait, kind_);
  core.memory -= kWaitBytes;
  const auto found = by_origin_.find(wait.origin);
  if (found != by_origin_.end() && found->second == &wait) by_origin_.erase(found);
  order_.erase(wait.self);
}

void settle_wait(Core& core, Wait& wait, WaiterEvent event) {
  event.origin = wait.origin;
  event.resp3 = wait.resp3;
  core.events.push_back(std::move(event));
  wait.list->remove(core, wait);
}

std::size_t drop_waits_of(Core& core, WaitList& list, NodeId node, Incarnation up_to,
                          const WaiterEvent& event) {
  std::vector<Wait*> gone;
  for (const Wait& wait : list.order()) {
    if (wait.origin.node == node && wait.origin.incarnation <= up_to) gone.push_back(&*wait.self);
  }
  for (Wait* wait : gone) settle_wait(core, *wait, event);
  return gone.size();
}

void encode_waits(Writer& writer, const WaitList* list) {
  writer.varint(list == nullptr ? 0 : list->size());
  if (list == nullptr) return;
  for (const Wait& wait : list->order()) {
    encode_origin(writer, wait.origin);
    writer.u8(wait.resp3 ? 1 : 0);
    writer.i64(wait.deadline.ms);
    writer.varint(wait.queued_at);
    writer.varint(wait.created);
    writer.i64(wait.asked_ms);
  }
}

bool decode_waits(Reader& reader, Core& core, std::unique_ptr<WaitList>& list, Slot slot,
                  DeadlineKind kind, std::size_t most) {
  const std::uint64_t count = reader.varint();
  if (!reader.ok() || count > most) return false;
  for (std::uint64_t i = 0; i < count; ++i) {
    Wait wait;
    wait.origin = decode_origin(reader);
    const std::uint8_t resp3 = reader.u8();
    wait.resp3 = resp3 == 1;
    wait.deadline.ms = reader.i64();
    wait.queued_at = reader.varint();
    wait.created = reader.varint();
    wait.asked_ms = reader.i64();
    if (!reader.ok() || resp3 > 1 || !counted(core, wait.created)) return false;
    if (!sane(wait.deadline) || wait.asked_ms < 0 || !sane(ClusterTime{wait.asked_ms})) return false;
    if (list == nullptr) list = std::make_unique<WaitList>(slot, kind);
    if (list->find(wait.origin) != nullptr) return false;
    list->add(core, wait);
  }
  return true;
}

}  // namespace holdfast::keyspace
