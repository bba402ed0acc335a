// How the replicated state of a keyspace is written as bytes, for snapshots and digests alike:
// docs/formats/keyspace-snapshot.md. Canonical: equal states give equal bytes on every node.
//
// Decoding believes nothing: every length is bounded by the input before memory is taken, and every
// value that the code relies on is checked.
#pragma once

#include <cstddef>
#include <cstdint>
#include <optional>
#include <span>
#include <string>

#include "base/codec.h"
#include "keyspace/state.h"

namespace holdfast::keyspace {

// Format 1 has no removals; 3 counts kinds that 2 does not know. What is written, and what digests
// are taken of, is Core::format: 2 or 3.
inline constexpr std::uint8_t kSnapshotVersion = 3;
inline constexpr std::uint8_t kFormatOfKinds = 3;

// A chunk is the version byte and whole parts; a part is its kind, its length, and one of:
enum class PartKind : std::uint8_t {
  header = 1,  // totals, revision, settings: the first part
  keys = 2,    // a run of a slot's dense array: slot, position of the first, count, items
  locks = 3,
  guards = 4,
  once = 5,
  end = 6,       // a hash over all parts before it: the last part
  removals = 7,  // when keys were last removed: the second part, if any ever was
  sessions = 8,
  latches = 9,
  caches = 10,
  feeds = 11,  // what is declared and remembered: behind the removals, before all sections
  semaphores = 12,
  elections = 13,
};

// A section: the items of one kind in one slot. Its row is all that a snapshot, a load and a digest
// know of a kind.
struct Section {
  PartKind kind;
  // How many items the kind has in a slot that has these; `coordination` may be null.
  std::size_t (*size)(const KeyTable* keys, const Coordination* coordination);
  void (*encode)(Writer& writer, std::size_t position, const KeyTable* keys,
                 const Coordination* coordination, std::uint8_t format);
  // Adds the item to the slot, indexes and schedules it. False: the bytes make no sense; the
  // keyspace is then to be thrown away.
  bool (*decode)(Reader& reader, Core& core, Slot slot, std::uint8_t format);
};

// In the order in which they are written, which goes up with the kinds' numbers.
std::span<const Section> sections();
// Null if it is no section's.
const Section* find_section(PartKind kind);

void encode_item(Writer& writer, const Object& object);
// An item is this, the value's text, and that.
void encode_before_text(Writer& writer, const Object& object);
void encode_after_text(Writer& writer, const Object& object);
// The key that this item is, if its value is a text of at least so many bytes; else null.
const Object* with_long_text(const Section& section, const KeyTable* keys, std::size_t item,
                             std::size_t bytes);
void encode_item(Writer& writer, const GuardFloor& guard);
void encode_item(Writer& writer, const OnceEntry& entry, std::uint8_t format);

// Each adds the item to the slot, indexes and schedules it. False: the bytes make no sense; the
// keyspace is then to be thrown away.
bool decode_key(Reader& reader, Core& core, Slot slot);
bool decode_guard(Reader& reader, Core& core, Slot slot);
bool decode_once(Reader& reader, Core& core, Slot slot, std::uint8_t format);

// What can be held, of whatever kind (snapshot_holdings.cc).
void encode_holding(Writer& writer, const Holding& holding, std::uint8_t format);
bool decode_holding(Reader& reader, Core& core, Slot slot, HoldingKind kind, std::uint8_t format);

// Token, fence and deadline.
void encode_grant(Writer& writer, const Grant& grant);
Grant decode_grant(Reader& reader);
bool sane(const Core& core, const Grant& grant);

void encode_header(Writer& writer, const Core& core, std::uint8_t format);
// Sets revision and settings, and tells the totals.
bool decode_header(Reader& reader, Core& core, Totals& totals, std::uint8_t format);

void encode_removal(Writer& writer, std::uint32_t bucket, std::uint64_t revision);
// Those that there were. Nothing: none.
std::string encode_removals(const Removals& removals);
bool decode_removals(Reader& reader, Core& core);

// For what other files encode and decode.
void encode_value(Writer& writer, const ValueView& value);
void encode_before_text(Writer& writer, const ValueView& value);
// Empty if it is an integer, which has none.
std::string_view text_of(const ValueView& value);
// Of the reader's bytes. Nothing: they make no sense.
std::optional<ValueView> decode_value(Reader& reader);
void encode_origin(Writer& writer, const Origin& origin);
Origin decode_origin(Reader& reader);
// A revision that was counted: at least 1, at most the shard's.
bool counted(const Core& core, std::uint64_t revision);
// Far enough from the ends that sums and differences of two of them fit.
bool sane(ClusterTime time);

// The hash that the end part carries: as it is before the first part, and continued by one part.
std::uint64_t chain_of(std::uint8_t format);
std::uint64_t chain(std::uint64_t before, PartKind kind, std::string_view body);

}  // namespace holdfast::keyspace
