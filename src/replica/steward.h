// Who should vote: from the roster, the membership in force and who is there, the next membership
// that a leader asks for, one safe change at a time. Pure; replica_membership.cc carries it out.
//
//   - every node of the roster that is not removed takes part, at first as a learner;
//   - an odd number of voters, at most five, from the active nodes: an even number outvotes nobody
//     and fails more often. So with two nodes the second stays a learner;
//   - who votes goes on voting, unless he is drained or removed, or silent for so long that he is
//     replaced: then a learner that is there and has caught up takes his place, if there is one;
//   - nobody leaves whom the others could not do without: a majority of the voters to be is there. Who
//     was heard lately may have been lost since, and a change that is up to him can neither end nor be
//     taken back: so a majority must have answered after the decision, too.
#pragma once

#include <cstdint>
#include <optional>
#include <vector>

#include "base/ids.h"
#include "base/time.h"
#include "commands/roster.h"
#include "consensus/membership.h"
#include "consensus/protocol.h"

namespace holdfast::replica {

inline constexpr std::size_t kMostVoters = 5;

// The greatest number of voters that so many nodes should have.
constexpr std::size_t voters_for(std::size_t nodes) {
  const std::size_t odd = nodes % 2 == 1 ? nodes : nodes - (nodes == 0 ? 0 : 1);
  return odd < kMostVoters ? odd : kMostVoters;
}

// What the leader knows of a member, itself included.
struct Presence {
  NodeId node;
  bool there = false;      // was heard lately
  bool caught_up = false;  // lacks next to nothing
  Duration silent_for{};
};

struct StewardView {
  NodeId self;  // the leader
  const commands::Roster& roster;
  const consensus::Membership& membership;  // in force, not joint, committed
  const std::vector<Presence>& present;     // all members
  Duration replace_after;                   // 0: nobody is replaced for being silent
};

// Nothing: the membership is as it should be, or has to wait.
std::optional<consensus::Membership> next_membership(const StewardView& view);

// Whether a majority of these voters has answered that round of the leader's, or a later one.
bool have_answered(const std::vector<NodeId>& voters, NodeId leader, std::uint64_t round,
                   const std::vector<consensus::PeerProgress>& peers);

}  // namespace holdfast::replica
