// What an object with holders and a queue consists of. For the files of keyspace/ only.
#pragma once

#include <array>
#include <boost/unordered/unordered_flat_map.hpp>
#include <list>
#include <map>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "keyspace/deadlines.h"
#include "keyspace/holding.h"
#include "keyspace/slot_table.h"

namespace holdfast::keyspace {

struct Holding;

struct Waiter : Timed {
  Holding* holding = nullptr;
  std::list<Waiter>::iterator self;
  std::string owner;
  std::string value;
  std::int64_t ttl_ms = 0;  // 0: of a session
  ClusterTime deadline;
  Origin origin;
  bool resp3 = false;
  std::uint64_t queued_at = 0;
  std::uint64_t created = 0;  // revision
  std::string once_id;
  GrantMode mode = GrantMode::exclusive;
  std::uint64_t permits = 1;
  std::uint64_t session = 0;
  std::int64_t delay_ms = 0;
  std::string hold;
};

struct OriginHash {
  using is_avalanching = void;
  std::size_t operator()(const Origin& origin) const {
    return mix(mix(origin.node.value, origin.incarnation.value),
               mix(origin.connection.value, origin.request));
  }
};

// First come, first served. The indexes find a waiter; the list alone says the order.
struct Queue {
  explicit Queue(std::uint64_t hash_seed) : by_owner(0, NameHash{hash_seed}) {}

  std::list<Waiter> order;
  boost::unordered_flat_map<std::string_view, Waiter*, NameHash> by_owner;
  boost::unordered_flat_map<Origin, Waiter*, OriginHash> by_origin;
};

struct Hold : Timed {
  Holding* holding = nullptr;
  std::list<Hold>::iterator self;
  std::string owner;
  std::string value;
  Grant grant;
  ClusterTime since;
  // Who was told of the grant when his wait ended, until he shows that he heard. Node 0: attended.
  Origin told;
  std::string once_id;
  // The connection that acquired it last, to be told if it is lost. Node 0: not known.
  Origin origin;
  std::uint64_t session = 0;
  std::int64_t delay_ms = 0;
  // The owner's holds: the unnamed one, and named ones in the order of their coming.
  bool unnamed = true;
  std::vector<std::string> names;
};

// Finds a hold among many. One among few is looked for in the list.
struct HoldIndex {
  explicit HoldIndex(std::uint64_t hash_seed) : by_owner(0, NameHash{hash_seed}) {}

  boost::unordered_flat_map<std::string_view, Hold*, NameHash> by_owner;
  boost::unordered_flat_map<std::uint64_t, Hold*> by_token;
  boost::unordered_flat_map<Origin, Hold*, OriginHash> by_told;
};

// Invariants: the head of the queue does not fit. Scheduled: each hold by its deadline; each waiter;
// the object by the end of its delay, or else, if nobody holds or waits, by forget_at.
struct Holding : Timed {
  std::string name;
  std::uint32_t position = 0;
  Slot slot;
  HoldingKind kind = HoldingKind::lock;
  std::list<Hold> holds;             // in the order of their tokens
  std::unique_ptr<HoldIndex> index;  // null: few holds
  std::unique_ptr<Queue> queue;      // null: nobody waits
  std::uint64_t last_token = 0;
  std::uint64_t last_fence = 0;
  std::uint64_t released_token = 0;  // 0: none that a repeated release could mean
  ClusterTime released_until;
  std::uint32_t grants_since_release = 0;
  ClusterTime forget_at;
  std::optional<ClusterTime> delay_until;  // nobody is let in until then
  std::uint64_t limit = 0;                 // of a semaphore
  std::uint64_t used = 0;                  // of its permits
  std::vector<LossInfo> losses;                // the last few
};

// What depends on a session: by revision, which is the order in which it ends.
struct SessionHoldings {
  std::map<std::uint64_t, Waiter*> waits;
  std::map<std::uint64_t, Hold*> holds;

  bool empty() const { return waits.empty() && holds.empty(); }
  std::size_t size() const { return waits.size() + holds.size(); }
};

// By session; one that nothing depends on has no place. In parts, so that no table is ever so large that
// its growth would hold up the loop.
class HoldingsOfSessions {
 public:
  // Null if nothing depends on it.
  SessionHoldings* find(std::uint64_t session) {
    auto& part = parts_[session % kParts];
    const auto found = part.find(session);
    return found == part.end() ? nullptr : &found->second;
  }
  SessionHoldings& of(std::uint64_t session) { return parts_[session % kParts][session]; }
  void remove(std::uint64_t session) { parts_[session % kParts].erase(session); }
  // In no order that may be observed.
  template <class Check>
  bool all_of(Check check) const {
    for (const auto& part : parts_) {
      for (const auto& [session, holdings] : part) {
        if (!check(session)) return false;
      }
    }
    return true;
  }

 private:
  static constexpr std::size_t kParts = 256;
  std::array<boost::unordered_flat_map<std::uint64_t, SessionHoldings>, kParts> parts_;
};

}  // namespace holdfast::keyspace
