// Digests: of everything at once, and of a part at a time, for replicas that compare themselves.
#include <utility>

#include "base/check.h"
#include "base/checksum.h"
#include "keyspace/snapshot_codec.h"
#include "keyspace/state.h"

namespace holdfast::keyspace {
namespace {

// Hashes what is written, in pieces, so that memory does not grow with the data. A long text is hashed where
// it lies.
class Hashing {
 public:
  explicit Hashing(std::uint8_t format) : format_(format), writer_(bytes_) {}

  Writer& writer() { return writer_; }
  void item(const Section& section, std::size_t position, const SlotState& state) {
    const Object* const key = with_long_text(section, &state.keys, position, kAtOnce);
    if (key != nullptr) return long_item(*key);
    const std::size_t before = bytes_.size();
    section.encode(writer_, position, &state.keys, state.coordination.get(), format_);
    written(before);
  }
  void removal(std::uint32_t bucket, std::uint64_t revision) {
    const std::size_t before = bytes_.size();
    writer_.u8(static_cast<std::uint8_t>(PartKind::removals));
    encode_removal(writer_, bucket, revision);
    written(before);
  }
  std::size_t item_bytes() const { return item_bytes_; }
  std::uint64_t value() const { return checksum(bytes_, hash_); }

 private:
  static constexpr std::size_t kAtOnce = 64 * 1024;

  // As if it had been written whole: the pieces end where they did.
  void long_item(const Object& key) {
    const std::size_t before = bytes_.size();
    ChecksumOfParts sum(hash_);
    encode_before_text(writer_, key);
    const std::string_view text = text_of(key.value());
    sum.add(bytes_);
    sum.add(text);
    item_bytes_ += bytes_.size() - before + text.size();
    bytes_.clear();
    encode_after_text(writer_, key);
    sum.add(bytes_);
    item_bytes_ += bytes_.size();
    bytes_.clear();
    hash_ = sum.value();
  }
  void written(std::size_t before) {
    item_bytes_ += bytes_.size() - before;
    if (bytes_.size() < kAtOnce) return;
    hash_ = checksum(bytes_, hash_);
    bytes_.clear();
  }

  const std::uint8_t format_;
  std::string bytes_;
  Writer writer_;
  std::uint64_t hash_ = 0;
  std::size_t item_bytes_ = 0;
};

std::size_t size_of(const SlotState& state, const Section& section) {
  return section.size(&state.keys, state.coordination.get());
}

void begin_section(Hashing& hashing, const Section& section, std::uint32_t slot, std::size_t size) {
  hashing.writer().u8(static_cast<std::uint8_t>(section.kind));
  hashing.writer().varint(slot);
  hashing.writer().varint(size);
}

void write(Hashing& hashing, const DigestCursor& cursor) {
  hashing.writer().varint(cursor.slot);
  hashing.writer().varint(cursor.section);
  hashing.writer().varint(cursor.left);
}

DigestPart finish(Hashing& hashing, const DigestCursor& next) {
  write(hashing, next);
  return {hashing.value(), next};
}

}  // namespace

std::uint64_t Keyspace::digest(std::uint32_t first_slot, std::uint32_t count) const {
  const Core& core = state_->core;
  CHECK(first_slot <= kSlotCount && count <= kSlotCount - first_slot);
  Hashing hashing(core.format);
  if (count == kSlotCount) {
    encode_header(hashing.writer(), core, core.format);
    encode_feeds(hashing.writer(), core);
  }
  const SlotMarks used = core.used | core.removals.used();
  for (auto slot = used.next(first_slot); slot < first_slot + count; slot = used.next(slot + 1)) {
    // Buckets are no slots: only who asks for everything gets them.
    const std::uint64_t removal = count == kSlotCount ? core.removals.at(slot) : 0;
    if (removal != 0) hashing.removal(slot, removal);
    const SlotState& state = core.slots[slot];
    if (state.empty()) continue;
    for (const Section& section : sections()) {
      const std::size_t size = size_of(state, section);
      if (size == 0) continue;
      begin_section(hashing, section, slot, size);
      for (std::size_t i = 0; i < size; ++i) hashing.item(section, i, state);
    }
  }
  return hashing.value();
}

DigestPart Keyspace::digest_part(const DigestCursor& from, std::size_t bytes) const {
  const Core& core = state_->core;
  CHECK(bytes > 0);
  Hashing hashing(core.format);
  encode_header(hashing.writer(), core, core.format);
  encode_feeds(hashing.writer(), core);
  write(hashing, from);
  DigestCursor at = from;
  const SlotMarks used = core.used | core.removals.used();
  const auto to_next = [&](std::uint32_t slot) {
    if (slot != at.slot) at = {.slot = slot, .section = 0, .left = 0};
  };
  to_next(used.next(at.slot));
  for (; at.slot < kSlotCount; to_next(used.next(at.slot + 1))) {
    const std::uint64_t removal = core.removals.at(at.slot);
    if (removal != 0 && at.section == 0 && at.left == 0) {
      if (hashing.item_bytes() >= bytes) return finish(hashing, at);
      hashing.removal(at.slot, removal);
    }
    const SlotState& state = core.slots[at.slot];
    if (state.empty()) continue;
    for (; at.section < sections().size(); ++at.section, at.left = 0) {
      const Section& section = sections()[at.section];
      const std::size_t size = size_of(state, section);
      if (at.left == 0 || at.left > size) at.left = size;
      if (size != 0) begin_section(hashing, section, at.slot, size);
      for (; at.left > 0; --at.left) {
        if (hashing.item_bytes() >= bytes) return finish(hashing, at);
        hashing.item(section, at.left - 1, state);
      }
    }
  }
  return finish(hashing, {});
}

}  // namespace holdfast::keyspace
