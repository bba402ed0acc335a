// Waiters whose connection broke: each keeps its place in its lock's queue for `waiter-grace`, then
// this node has it removed by an entry, so that the dead do not block the living.
//
// The removal names the origin of the wait. An owner that came back within the grace has put its
// new origin in the old one's place, so the removal finds nothing and does nothing: it is sent
// until it has an outcome, twice if need be.
//
// Threads: the loop's.
#pragma once

#include <cstdint>
#include <deque>
#include <string>

#include "base/ids.h"
#include "base/time.h"
#include "replica/outbox.h"
#include "server/services.h"

namespace holdfast::server {

class WaiterDrops {
 public:
  // The connection id under which this node itself asks.
  static constexpr ConnectionId kSelf{0};

  explicit WaiterDrops(Services& services) : services_(services) {}

  // From `due` on, this wait is over.
  void add(LockWait wait, Instant due);
  // An outcome for connection kSelf.
  void on_outcome(std::uint64_t number, replica::Verdict verdict);
  void on_turn_end(Instant now);
  Instant wake_at() const;
  std::size_t size() const { return drops_.size(); }

 private:
  struct Drop {
    LockWait wait;
    Instant due;  // when it is to be sent, the next time
    std::uint64_t number = 0;
  };

  bool send(Drop& drop);

  Services& services_;
  std::deque<Drop> drops_;
  std::uint64_t last_number_ = 0;
};

}  // namespace holdfast::server
