#include "keyspace/snapshot_walk.h"

#include <utility>

#include "base/check.h"

namespace holdfast::keyspace {

namespace {

// A part grows no further beyond this; one item may be larger.
constexpr std::size_t kPartBytes = 64 * 1024;

}  // namespace

// Removals are of no slot that could save them before they change: they are few enough to be
// encoded at once.
SnapshotWalk::SnapshotWalk(const Core& core)
    : format_(core.format),
      header_{PartKind::header, {}},
      removals_{PartKind::removals, encode_removals(core.removals)},
      feeds_(feed_parts(core)),
      saved_(kSlotCount) {
  Writer writer(header_.body);
  encode_header(writer, core, format_);
  chain_ = chain_of(format_);
}

void SnapshotWalk::before_change(const Core& core, Slot slot) {
  const std::uint32_t number = slot.value;
  if (!needs(number)) return;
  Place place = number == slot_ ? place_ : Place{};
  std::deque<Part> parts;
  for (Part part; encode_part(core, number, place, part);) {
    backlog_bytes_ += part.body.size();
    parts.push_back(std::exchange(part, {}));
  }
  saved_[number] = true;
  if (!parts.empty()) backlog_.emplace(number, std::move(parts));
  detached_.erase(number);
}

void SnapshotWalk::detach_keys(Slot slot, KeyTable& keys) {
  const std::uint32_t number = slot.value;
  // Detached already: the keys there now came after the beginning.
  if (!needs(number) || detached_.contains(number)) return;
  detached_.emplace(number, std::move(keys));
}

std::string SnapshotWalk::next_chunk(const Core& core, std::size_t target) {
  if (end_given_) return {};
  std::string chunk(1, static_cast<char>(format_));
  if (!std::exchange(header_given_, true)) {
    give(chunk, header_);
    if (!removals_.body.empty()) give(chunk, std::exchange(removals_, {}));
  }
  for (Part part; chunk.size() < target || chunk.size() == 1; part = {}) {
    if (!feeds_.empty()) {
      give(chunk, {PartKind::feeds, encode_feed_part(feeds_.front())});
      feeds_.pop_front();
      continue;
    }
    if (next_part(core, part)) {
      give(chunk, part);
      continue;
    }
    Part end{PartKind::end, {}};
    Writer(end.body).u64(chain_);
    give(chunk, end);
    end_given_ = true;
    break;
  }
  return chunk;
}

bool SnapshotWalk::needs(std::uint32_t slot) const { return slot >= slot_ && !saved_[slot]; }

bool SnapshotWalk::next_part(const Core& core, Part& part) {
  for (; slot_ < kSlotCount; ++slot_, place_ = {}) {
    if (!saved_[slot_]) {
      if (encode_part(core, slot_, place_, part)) return true;
      detached_.erase(slot_);
      continue;
    }
    const auto kept = backlog_.find(slot_);
    if (kept == backlog_.end()) continue;
    part = std::move(kept->second.front());
    backlog_bytes_ -= part.body.size();
    kept->second.pop_front();
    if (kept->second.empty()) backlog_.erase(kept);
    return true;
  }
  return false;
}

bool SnapshotWalk::encode_part(const Core& core, std::uint32_t slot, Place& place,
                               Part& part) const {
  const KeyTable* keys = keys_of(core, slot);
  const Coordination* coordination = core.slots[slot].coordination.get();
  for (; place.section < sections().size(); ++place.section, place.item = 0) {
    const Section& section = sections()[place.section];
    const std::size_t size = section.size(keys, coordination);
    if (place.item == size) continue;

    const std::size_t first = place.item;
    std::string items;
    Writer writer(items);
    for (; place.item < size && items.size() < kPartBytes; ++place.item) {
      section.encode(writer, place.item, keys, coordination, format_);
    }
    part.kind = section.kind;
    Writer body(part.body);
    body.u16(static_cast<std::uint16_t>(slot));
    body.varint(first);
    body.varint(place.item - first);
    body.raw(items);
    return true;
  }
  return false;
}

const KeyTable* SnapshotWalk::keys_of(const Core& core, std::uint32_t slot) const {
  const auto detached = detached_.find(slot);
  if (detached != detached_.end()) return &detached->second;
  return &core.slots[slot].keys;
}

void SnapshotWalk::give(std::string& chunk, const Part& part) {
  Writer writer(chunk);
  writer.u8(static_cast<std::uint8_t>(part.kind));
  writer.bytes(part.body);
  chain_ = chain(chain_, part.kind, part.body);
}

}  // namespace holdfast::keyspace
