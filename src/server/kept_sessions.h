// The sessions that connections of this node keep alive (SESSION.ATTACH). As long as one that is
// attached lives, this node tells the leader every third of the TTL that the session is kept, many
// sessions in one word; when the last of them is gone it just stops.
//
// Not to be confused with server/session.h, which is what a connection has said about itself.
//
// Threads: the loop's.
#pragma once

#include <boost/unordered/unordered_flat_map.hpp>
#include <cstdint>
#include <map>
#include <set>
#include <string_view>
#include <utility>
#include <vector>

#include "base/ids.h"
#include "base/time.h"
#include "replica/outbox.h"
#include "server/services.h"

namespace holdfast::server {

class KeptSessions {
 public:
  // The connection id under which this node itself asks.
  static constexpr ConnectionId kConnection{UINT64_MAX - 3};
  static constexpr std::size_t kAttachedAtMost = 100;  // sessions of one connection

  explicit KeptSessions(Services& services) : services_(services) {}

  // One connection more keeps it. `left_ms`: what the leader has just said is left of it.
  void attach(std::uint64_t id, std::int64_t left_ms);
  // One connection less. Nothing happens if it is not known (any more).
  void detach(std::uint64_t id);
  // An outcome for connection kConnection.
  void on_outcome(std::uint64_t number, replica::Verdict verdict, std::string_view reply);
  void on_turn_end(Instant now);
  Instant wake_at() const;
  std::size_t size() const { return kept_.size(); }

 private:
  struct Kept {
    std::size_t connections = 0;
    Duration interval;
    Instant next;  // when it is to be kept again; its place in order_
  };
  struct Batch {
    std::vector<std::uint64_t> ids;
    Instant given_up;  // nothing was heard by then
  };

  void schedule(std::uint64_t id, Kept& kept, Instant next);
  void ask_again(const Batch& batch, Instant when);
  bool send(const std::vector<std::uint64_t>& ids, std::uint64_t number);

  Services& services_;
  boost::unordered_flat_map<std::uint64_t, Kept> kept_;
  std::set<std::pair<Instant, std::uint64_t>> order_;
  std::map<std::uint64_t, Batch> batches_;  // under way, by number
  // Each is lower than the one before, so that none looks as if it overtook another
  // (forward_order.h): their order does not matter.
  std::uint64_t next_number_ = std::uint64_t{1} << 62;
  Instant not_before_;  // the leader took nothing
};

}  // namespace holdfast::server
