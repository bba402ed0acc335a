// Who waits for one thing, first come first served. For the files of keyspace/ only.
//
// The list alone says the order; the index finds a wait by whom it is to be answered. Each wait is
// scheduled for its end. Owns its waits; whoever owns the list empties it before it dies.
#pragma once

#include <boost/unordered/unordered_flat_map.hpp>
#include <cstdint>
#include <list>
#include <memory>

#include "base/codec.h"
#include "base/ids.h"
#include "base/time.h"
#include "keyspace/deadlines.h"
#include "keyspace/state.h"

namespace holdfast::keyspace {

class WaitList;

struct Wait : Timed {
  WaitList* list = nullptr;
  std::list<Wait>::iterator self;
  Origin origin;
  bool resp3 = false;
  ClusterTime deadline;
  std::uint64_t queued_at = 0;  // index of the entry that queued it
  std::uint64_t created = 0;    // revision
  std::int64_t asked_ms = 0;    // what is asked for, if it is for a time
};

class WaitList {
 public:
  // `kind`: of the deadlines of its waits.
  WaitList(Slot slot, DeadlineKind kind) : slot_(slot), kind_(kind) {}
  WaitList(const WaitList&) = delete;
  WaitList& operator=(const WaitList&) = delete;

  // At the end; `wait` says all but its place.
  Wait& add(Core& core, const Wait& wait);
  // Null: nobody waits under this origin.
  Wait* find(const Origin& origin) const;
  // Gone afterwards.
  void remove(Core& core, Wait& wait);

  Slot slot() const { return slot_; }
  bool empty() const { return order_.empty(); }
  std::size_t size() const { return order_.size(); }
  Wait& front() { return order_.front(); }
  const std::list<Wait>& order() const { return order_; }

 private:
  const Slot slot_;
  const DeadlineKind kind_;
  std::list<Wait> order_;
  boost::unordered_flat_map<Origin, Wait*, OriginHash> by_origin_;
};

// Tells whoever waits that it is over, and removes the wait. The event lacks the origin only.
void settle_wait(Core& core, Wait& wait, WaiterEvent event);
// Removes all waits of that node with an incarnation up to this one, each told `event`; returns how
// many there were.
std::size_t drop_waits_of(Core& core, WaitList& list, NodeId node, Incarnation up_to,
                          const WaiterEvent& event);

void encode_waits(Writer& writer, const WaitList* list);
// Adds what encode_waits wrote. False: it makes no sense.
bool decode_waits(Reader& reader, Core& core, std::unique_ptr<WaitList>& list, Slot slot,
                  DeadlineKind kind, std::size_t most);

}  // namespace holdfast::keyspace
