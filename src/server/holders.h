// Who holds what through which connection of this node, so that a holder is told when it ends without
// his doing: he gets the push `holdfast.lost` {kind, name, token, reason} on the connection that
// acquired it.
//
// Learnt from the entries that this node applies itself, so nothing is asked of anybody and a
// holding of a connection of another node costs nothing here. Only connections that speak RESP3 can be
// pushed to; others subscribe to `__holdfast__:lost:<name>` (pushes.h).
//
// Threads: the loop's. May be called from inside the replica.
#pragma once

#include <cstdint>
#include <functional>
#include <map>
#include <set>
#include <string>
#include <string_view>
#include <vector>

#include "base/ids.h"
#include "keyspace/notice.h"

namespace holdfast::server {

class ConnectionTable;

struct Holding {
  keyspace::HoldingKind kind = keyspace::HoldingKind::lock;
  std::string name;
  std::uint64_t token = 0;

  auto operator<=>(const Holding&) const = default;
};

class Holders {
 public:
  explicit Holders(ConnectionTable& table) : table_(table) {}

  void granted(const keyspace::Notice& notice);
  // It was given back: nobody needs to be told.
  void released(const keyspace::Notice& notice);
  void lost(const keyspace::Notice& notice);
  // The connection is gone.
  void forget(ConnectionId id);
  using StillHeld = std::function<bool(const Holding&)>;
  // What these connections hold may have ended unnoticed: who holds something no more is told, with the
  // reason "unknown".
  void compare(const StillHeld& still_held);
  // Pushes what had to wait for the answer to the acquire itself: nobody hears of the end of what he does
  // not know that he has. Once a turn.
  void push_waiting();

  std::size_t size() const { return holdings_.size(); }
  std::uint64_t told() const { return told_; }  // since start

 private:
  // The connection, and the number of the request that acquired.
  using Listeners = std::map<ConnectionId, std::uint64_t>;
  struct Waiting {
    ConnectionId id;
    std::uint64_t request = 0;
    std::string push;
  };

  void end(std::map<Holding, Listeners>::iterator found, std::string_view reason);
  void drop(std::map<Holding, Listeners>::iterator found);
  bool push(const Waiting& waiting);

  ConnectionTable& table_;
  std::map<Holding, Listeners> holdings_;
  std::map<ConnectionId, std::set<const Holding*>> by_connection_;
  std::vector<Waiting> waiting_;
  std::uint64_t told_ = 0;
};

}  // namespace holdfast::server
