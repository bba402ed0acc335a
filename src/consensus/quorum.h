// What a quorum of a membership has, and whether a quorum has said yes.
//
// One majority, or a majority of both halves while a joint change lasts (Raft 5.2 and 5.3; thesis
// 4.3). A membership without voters never has a quorum.
#pragma once

#include <cstdint>
#include <functional>
#include <optional>

#include "base/ids.h"
#include "consensus/membership.h"

namespace holdfast::consensus {

// The greatest value that a quorum has reached, when each voter has reached value_of(voter):
// indexes on disks, read rounds confirmed, moments of last contact. 0 without voters.
std::uint64_t quorum_reached(const Membership& membership,
                             const std::function<std::uint64_t(NodeId)>& value_of);

enum class VoteResult { pending, won, lost };

// `vote_of`: yes, no, or not heard yet.
VoteResult count_votes(const Membership& membership,
                       const std::function<std::optional<bool>(NodeId)>& vote_of);

}  // namespace holdfast::consensus
