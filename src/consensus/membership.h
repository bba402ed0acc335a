// Who takes part in a group, and what counts as a quorum of it.
//
// `outgoing` is empty except during a joint change (Raft thesis 4.3): then a quorum needs a
// majority of both. Learners receive everything and count for nothing.
#pragma once

#include <string>
#include <string_view>
#include <vector>

#include "base/ids.h"
#include "base/result.h"

namespace holdfast::consensus {

struct Membership {
  std::vector<NodeId> voters;    // sorted, no duplicates
  std::vector<NodeId> outgoing;  // sorted; the old voters while a joint change lasts
  std::vector<NodeId> learners;  // sorted; disjoint from the voters

  bool operator==(const Membership&) const = default;
  bool is_voter(NodeId node) const;  // of either half
  bool contains(NodeId node) const;
  // Every node once, sorted.
  std::vector<NodeId> everyone() const;

  void encode(std::string& out) const;
  static Result<Membership> decode(std::string_view bytes);
};

}  // namespace holdfast::consensus
