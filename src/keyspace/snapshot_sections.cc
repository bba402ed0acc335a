// The kinds of items that a slot holds, a row each, for snapshots and digests.
#include <algorithm>

#include "base/mutation.h"
#include "keyspace/cache_state.h"
#include "keyspace/latch_state.h"
#include "keyspace/snapshot_codec.h"

namespace holdfast::keyspace {
namespace {

using Keys = KeyTable;

// A kind whose items lie in one of a slot's tables of coordination objects.
template <auto kTable, auto kDecode>
constexpr Section section_of(PartKind kind) {
  return {kind,
          [](const Keys*, const Coordination* coordination) {
            return coordination == nullptr ? 0 : (coordination->*kTable).size();
          },
          [](Writer& writer, std::size_t position, const Keys*, const Coordination* coordination,
             std::uint8_t) {
            (coordination->*kTable).fetch_ahead(position);
            encode_item(writer, (coordination->*kTable).at(position));
          },
          [](Reader& reader, Core& core, Slot slot, std::uint8_t) {
            return kDecode(reader, core, slot);
          }};
}

constexpr Section kKeys = {
    PartKind::keys,
    [](const Keys* keys, const Coordination*) { return keys == nullptr ? std::size_t{0} : keys->size(); },
    [](Writer& writer, std::size_t position, const Keys* keys, const Coordination*, std::uint8_t) {
      encode_item(writer, keys->at(position));
    },
    [](Reader& reader, Core& core, Slot slot, std::uint8_t) {
      return decode_key(reader, core, slot);
    }};

constexpr Section kOnce = {
    PartKind::once,
    [](const Keys*, const Coordination* coordination) {
      if (coordination == nullptr || mutated(Mutation::snapshot_without_once)) return std::size_t{0};
      return coordination->once.size();
    },
    [](Writer& writer, std::size_t position, const Keys*, const Coordination* coordination,
       std::uint8_t format) {
      coordination->once.fetch_ahead(position);
      encode_item(writer, coordination->once.at(position), format);
    },
    decode_once};

template <auto kTable, HoldingKind kHolding>
constexpr Section holdings_of(PartKind kind) {
  return {kind,
          [](const Keys*, const Coordination* coordination) {
            return coordination == nullptr ? 0 : (coordination->*kTable).size();
          },
          [](Writer& writer, std::size_t position, const Keys*, const Coordination* coordination,
             std::uint8_t format) {
            (coordination->*kTable).fetch_ahead(position);
            encode_holding(writer, (coordination->*kTable).at(position), format);
          },
          [](Reader& reader, Core& core, Slot slot, std::uint8_t format) {
            return decode_holding(reader, core, slot, kHolding, format);
          }};
}

constexpr Section kSections[] = {
    kKeys,
    holdings_of<&Coordination::locks, HoldingKind::lock>(PartKind::locks),
    section_of<&Coordination::guards, decode_guard>(PartKind::guards),
    kOnce,
    section_of<&Coordination::sessions, decode_session>(PartKind::sessions),
    section_of<&Coordination::latches, decode_latch>(PartKind::latches),
    section_of<&Coordination::caches, decode_cached>(PartKind::caches),
    holdings_of<&Coordination::semaphores, HoldingKind::semaphore>(PartKind::semaphores),
    holdings_of<&Coordination::elections, HoldingKind::election>(PartKind::elections),
};

}  // namespace

std::span<const Section> sections() { return kSections; }

const Section* find_section(PartKind kind) {
  const auto* found = std::find_if(std::begin(kSections), std::end(kSections),
                                   [&](const Section& section) { return section.kind == kind; });
  return found == std::end(kSections) ? nullptr : found;
}

}  // namespace holdfast::keyspace
