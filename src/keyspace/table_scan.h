// SCAN's walk over the objects of one kind in all slots. For the files of keyspace/ only.
#pragma once

#include <cstddef>
#include <cstdint>

#include "keyspace/state.h"

namespace holdfast::keyspace {

// Visits from the cursor on until `count` (from 1) items were seen or the end; returns the next
// cursor, 0 at the end. Cursors are those of Keyspace::scan, with its promise.
template <class T, class Visit>
std::uint64_t scan_table(const Core& core, SlotTable<T> Coordination::* table, std::uint64_t cursor,
                         std::size_t count, const Visit& visit) {
  if (cursor >= kRevisionLimit) return 0;
  std::uint64_t position = cursor / kSlotCount;
  std::size_t seen = 0;
  for (std::uint64_t slot = cursor % kSlotCount; slot < kSlotCount; ++slot, position = 0) {
    const Coordination* coordination =
        core.look_coordination(Slot(static_cast<std::uint16_t>(slot)));
    if (coordination == nullptr || (coordination->*table).empty()) continue;
    const SlotTable<T>& items = coordination->*table;
    if (position == 0 || position > items.size()) position = items.size();
    while (position > 0) {
      if (seen == count) return position * kSlotCount + slot;
      visit(items.at(--position));
      ++seen;
    }
  }
  return 0;
}

}  // namespace holdfast::keyspace
