#include "keyspace/snapshot_walk.h"

#include <algorithm>
#include <utility>

#include "base/check.h"

namespace holdfast::keyspace {

namespace {

// A part grows no further beyond this; one item may be larger.
constexpr std::size_t kPartBytes = 64 * 1024;
// A text of this length is a part of its own. Shorter ones are copied as quickly as noted.
constexpr std::size_t kLongText = 1024;

}  // namespace

// Removals are of no slot that could save them before they change: they are few enough to be
// encoded at once.
SnapshotWalk::SnapshotWalk(const Core& core)
    : format_(core.format),
      header_{.kind = PartKind::header},
      removals_{.kind = PartKind::removals, .body = encode_removals(core.removals)},
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
  for (Part part; encode_part(core, number, place, part); part = {}) {
    parts.push_back(std::move(part));
  }
  saved_[number] = true;
  if (!parts.empty()) keep_parts(number, std::move(parts));
}

void SnapshotWalk::keep_parts(std::uint32_t slot, std::deque<Part> parts) {
  auto& kept = backlog_.emplace(slot, std::move(parts)).first->second;
  for (Part& part : kept) {
    backlog_bytes_ += part.body.size();
    if (!part.lent.empty()) lent_.emplace(part.lent.data(), &part);
  }
}

SnapshotWalk::Part SnapshotWalk::take_kept(std::uint32_t slot) {
  const auto kept = backlog_.find(slot);
  CHECK(kept != backlog_.end());
  Part part = std::move(kept->second.front());
  backlog_bytes_ -= part.body.size() + part.kept.size();
  if (!part.lent.empty()) lent_.erase(part.lent.data());
  kept->second.pop_front();
  if (kept->second.empty()) backlog_.erase(kept);
  return part;
}

void SnapshotWalk::before_text_goes(const Object& object) {
  const std::string_view text = text_of(object.value());
  if (text.size() < kLongText) return;
  const auto found = lent_.find(text.data());
  if (found == lent_.end()) return;
  Part& part = *found->second;
  part.kept = part.lent;
  part.lent = {};
  backlog_bytes_ += part.kept.size();
  lent_.erase(found);
}

void SnapshotWalk::detach_keys(Slot slot, KeyTable& keys) {
  const std::uint32_t number = slot.value;
  // Detached already: the keys there now came after the beginning.
  if (detached_.contains(number)) return;
  // The pre-image of a slot that has one may want their texts.
  if (needs(number) || backlog_.contains(number)) detached_.emplace(number, std::move(keys));
}

std::string SnapshotWalk::next_chunk(const Core& core, std::size_t target, std::string room) {
  std::string chunk = std::move(room);
  chunk.clear();
  if (end_given_) return chunk;
  chunk.push_back(static_cast<char>(format_));
  if (!std::exchange(header_given_, true)) {
    give(chunk, header_);
    if (!removals_.body.empty()) give(chunk, std::exchange(removals_, {}));
  }
  for (Part part; chunk.size() < target || chunk.size() == 1; part = {}) {
    if (!feeds_.empty()) {
      give(chunk, {.kind = PartKind::feeds, .body = encode_feed_part(feeds_.front())});
      feeds_.pop_front();
      continue;
    }
    if (next_part(core, part)) {
      give(chunk, part);
      continue;
    }
    Part end{.kind = PartKind::end};
    Writer(end.body).u64(chain_);
    give(chunk, end);
    end_given_ = true;
    break;
  }
  return chunk;
}

bool SnapshotWalk::needs(std::uint32_t slot) const { return slot >= slot_ && !saved_[slot]; }

bool SnapshotWalk::next_part(const Core& core, Part& part) {
  // Slots that never held anything are given out as they are passed over.
  if (place_ == Place{}) slot_ = core.used.next(slot_);
  for (; slot_ < kSlotCount; slot_ = core.used.next(slot_ + 1), place_ = {}) {
    if (!saved_[slot_]) {
      if (encode_part(core, slot_, place_, part)) return true;
    } else if (backlog_.contains(slot_)) {
      part = take_kept(slot_);
      return true;
    }
    detached_.erase(slot_);
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
    const Object* const lender = with_long_text(section, keys, first, kLongText);
    std::string items;
    Writer writer(items);
    if (lender != nullptr) {
      ++place.item;
    } else {
      do {
        section.encode(writer, place.item++, keys, coordination, format_);
      } while (place.item < size && items.size() < kPartBytes &&
               with_long_text(section, keys, place.item, kLongText) == nullptr);
    }
    part.kind = section.kind;
    Writer body(part.body);
    body.u16(static_cast<std::uint16_t>(slot));
    body.varint(first);
    body.varint(place.item - first);
    if (lender == nullptr) {
      body.raw(items);
      return true;
    }
    encode_before_text(body, *lender);
    part.text_at = part.body.size();
    part.lent = text_of(lender->value());
    encode_after_text(body, *lender);
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
  const std::string_view body = part.body;
  const std::string_view text = part.text();
  Writer writer(chunk);
  writer.u8(static_cast<std::uint8_t>(part.kind));
  writer.varint(body.size() + text.size());
  const std::size_t begin = chunk.size();
  if (const std::size_t end = begin + body.size() + text.size(); end > chunk.capacity()) {
    chunk.reserve(std::max(end, 2 * chunk.capacity()));
  }
  writer.raw(body.substr(0, part.text_at));
  writer.raw(text);
  writer.raw(body.substr(part.text_at));
  chain_ = chain(chain_, part.kind, std::string_view(chunk).substr(begin));
}

}  // namespace holdfast::keyspace
