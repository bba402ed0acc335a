// Keeps a connection's forwarded commands in order when the leader must refuse one of them.
//
// A node sends several commands of a connection without waiting. If the leader is too busy for the
// first and then takes the second, the order is lost. So once it has refused one, it refuses every
// later one that it sees for the first time: those were sent before the refusal was known. The node
// then sends them again, in order, and one that was refused before is by that known to be a repeat.
#pragma once

#include <cstdint>
#include <map>
#include <tuple>

#include "base/ids.h"
#include "base/mutation.h"

namespace holdfast::server {

class ForwardOrder {
 public:
  // Whether the command came too early. If so it counts as refused.
  bool must_refuse(const Origin& origin) {
    if (mutated(Mutation::refusal_forgotten)) return false;
    const auto found = refused_.find(key(origin));
    if (found == refused_.end() || origin.request <= found->second) return false;
    found->second = origin.request;
    return true;
  }
  // Also lowers it: a repeat that is refused again makes those behind it wait for it again.
  void on_refused(const Origin& origin) { refused_[key(origin)] = origin.request; }
  void on_accepted(const Origin& origin) {
    if (!refused_.empty()) refused_.erase(key(origin));
  }
  // Nothing sent before now can be accepted any more.
  void clear() { refused_.clear(); }

 private:
  using Key = std::tuple<NodeId, Incarnation, ConnectionId>;
  static Key key(const Origin& origin) {
    return {origin.node, origin.incarnation, origin.connection};
  }

  std::map<Key, std::uint64_t> refused_;  // the request that was refused last
};

}  // namespace holdfast::server
