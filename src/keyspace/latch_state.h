// What the heap, snapshots and restoring need of latches. For the files of keyspace/ only.
#pragma once

#include "base/codec.h"
#include "keyspace/latch.h"
#include "keyspace/wait_list.h"

namespace holdfast::keyspace {

// The wait's time is over. It is gone afterwards.
void end_latch_wait(Core& core, Wait& wait);
// Ends all waits for it, who waits being told that it did not open.
void end_latch_waits(Core& core, Latch& latch);
// Takes it away, and all waits with it.
void remove_latch(Core& core, Latch& latch);

void encode_item(Writer& writer, const Latch& latch);
bool decode_latch(Reader& reader, Core& core, Slot slot);

}  // namespace holdfast::keyspace
