// How the replicated state of a keyspace is written as bytes, for snapshots and digests alike:
// docs/formats/keyspace-snapshot.md. Canonical: equal states give equal bytes on every node.
//
// Decoding believes nothing: every length is bounded by the input before memory is taken, and every
// value that the code relies on is checked.
#pragma once

#include <cstddef>
#include <cstdint>
#include <string>

#include "base/codec.h"
#include "keyspace/state.h"

namespace holdfast::keyspace {

inline constexpr std::uint8_t kSnapshotVersion = 2;  // 1: without removals

// A chunk is the version byte and whole parts; a part is its kind, its length, and one of:
enum class PartKind : std::uint8_t {
  header = 1,  // totals, revision, settings: the first part
  keys = 2,    // a run of a slot's dense array: slot, position of the first, count, items
  locks = 3,
  guards = 4,
  once = 5,
  end = 6,       // a hash over all parts before it: the last part
  removals = 7,  // when keys were last removed: the second part, if any ever was
};

// A section: the items of one kind in one slot, in this order.
inline constexpr PartKind kSections[] = {PartKind::keys, PartKind::locks, PartKind::guards,
                                         PartKind::once};

void encode_item(Writer& writer, const StoredObject& object);
void encode_item(Writer& writer, const Lock& lock);
void encode_item(Writer& writer, const GuardFloor& guard);
void encode_item(Writer& writer, const OnceEntry& entry);

// Each adds the item to the slot, indexes and schedules it. False: the bytes make no sense; the
// keyspace is then to be thrown away.
bool decode_key(Reader& reader, Core& core, Slot slot);
bool decode_lock(Reader& reader, Core& core, Slot slot);
bool decode_guard(Reader& reader, Core& core, Slot slot);
bool decode_once(Reader& reader, Core& core, Slot slot);

void encode_header(Writer& writer, const Core& core);
// Sets revision and settings, and tells the totals.
bool decode_header(Reader& reader, Core& core, Totals& totals);

void encode_removal(Writer& writer, std::uint32_t bucket, std::uint64_t revision);
// Those that there were. Nothing: none.
std::string encode_removals(const Removals& removals);
bool decode_removals(Reader& reader, Core& core);

// How many items a section has in these tables.
std::size_t section_size(PartKind section, const SlotTable<StoredObject>* keys,
                         const Coordination* coordination);
void encode_section_item(Writer& writer, PartKind section, std::size_t position,
                         const SlotTable<StoredObject>* keys, const Coordination* coordination);

// The hash that the end part carries, continued by one part.
std::uint64_t chain(std::uint64_t before, PartKind kind, std::string_view body);

}  // namespace holdfast::keyspace
