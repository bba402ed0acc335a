// What a keyspace remembers of caches' leases. For the files of keyspace/ only.
#pragma once

#include <cstdint>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "base/codec.h"
#include "base/ids.h"
#include "base/time.h"
#include "keyspace/deadlines.h"
#include "keyspace/value.h"

namespace holdfast::keyspace {

struct Core;
class Object;
struct Wait;
class WaitList;

// A value whose time was over at `since`, kept until `until`.
struct StaleCopy {
  Value value;
  ClusterTime since;
  ClusterTime until;
};

// Beside a key of that name, or in its place.
//
// Invariants at the end of each step: while the key is there no lease is out and nothing stale is
// kept; keep_ms only while it is; somebody waits only if a lease is out, or, with the key there, if
// serve_at says when the next of them are told, which it also does for a moment when nobody is left;
// there is no record of nothing.
struct Cached : Timed {
  std::string name;
  std::uint32_t position = 0;
  Slot slot;
  std::uint64_t created = 0;  // revision
  std::uint64_t lease = 0;    // 0: none is out
  ClusterTime lease_since;
  ClusterTime lease_until;
  Origin holder;  // who was told of the lease
  // For how long the key's value is kept when its time is over; 0: not at all.
  std::int64_t keep_ms = 0;
  std::unique_ptr<StaleCopy> stale;
  ClusterTime serve_at = ClusterTime::never();
  std::unique_ptr<WaitList> waits;  // null: nobody has waited yet
  bool touched = false;             // stands in CacheLists::touched

  Cached();
  ~Cached();
};

struct CacheLists {
  std::vector<Cached*> touched;  // in this step
  std::size_t leases = 0;
  std::size_t waiting = 0;
};

// ---- the hook: called when a key is changed, if there are any records
//
// Its value is another one, or a command has removed it: no lease on it is good any more, and nothing
// of what was there before is kept.
void void_cached(Core& core, Slot slot, std::string_view name);
// All keys are removed by a command.
void void_all_cached(Core& core);
// The key, which is about to be forgotten, has ended by itself.
void keep_stale(Core& core, Slot slot, Object& object);
// Whoever waits for what was touched in this step is told, or is the next to fetch it.
void settle_cached(Core& core, ClusterTime now);

// Something of it is due. REQUIRES: settle_cached is called next.
void end_cached(Core& core, Cached& cached, ClusterTime now);
// The wait's time is over. It is gone afterwards.
void end_cache_wait(Core& core, Wait& wait);
// Takes the record away; who waits is told that there is nothing.
void remove_cached(Core& core, Cached& cached);
// Ends all waits of the slot; no lease is anybody's any more.
void drop_cache_waits(Core& core, Slot slot);

void encode_item(Writer& writer, const Cached& cached);
bool decode_cached(Reader& reader, Core& core, Slot slot);

}  // namespace holdfast::keyspace
