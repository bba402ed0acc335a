#include "consensus/quorum.h"

#include <algorithm>
#include <functional>
#include <vector>

#include "base/mutation.h"

namespace holdfast::consensus {
namespace {

std::uint64_t majority_reached(const std::vector<NodeId>& voters,
                               const std::function<std::uint64_t(NodeId)>& value_of) {
  if (voters.empty()) return 0;
  std::vector<std::uint64_t> values;
  values.reserve(voters.size());
  for (const NodeId voter : voters) values.push_back(value_of(voter));
  // The greatest first: the value in the middle has been reached by a majority.
  const std::size_t half = mutated(Mutation::minority_commits) ? 0 : values.size() / 2;
  const auto middle = values.begin() + static_cast<std::ptrdiff_t>(half);
  std::nth_element(values.begin(), middle, values.end(), std::greater<>());
  return *middle;
}

VoteResult majority_votes(const std::vector<NodeId>& voters,
                          const std::function<std::optional<bool>(NodeId)>& vote_of) {
  std::size_t yes = 0;
  std::size_t no = 0;
  for (const NodeId voter : voters) {
    const std::optional<bool> vote = vote_of(voter);
    if (!vote) continue;
    ++(*vote ? yes : no);
  }
  const std::size_t majority = voters.size() / 2 + (mutated(Mutation::minority_elects) ? 0 : 1);
  if (yes >= majority) return VoteResult::won;
  if (voters.size() - no < majority) return VoteResult::lost;
  return VoteResult::pending;
}

}  // namespace

std::uint64_t quorum_reached(const Membership& membership,
                             const std::function<std::uint64_t(NodeId)>& value_of) {
  const bool all = mutated(Mutation::learner_counted);
  const std::uint64_t incoming =
      majority_reached(all ? membership.everyone() : membership.voters, value_of);
  if (membership.outgoing.empty() || mutated(Mutation::joint_by_new_majority)) return incoming;
  return std::min(incoming, majority_reached(membership.outgoing, value_of));
}

VoteResult count_votes(const Membership& membership,
                       const std::function<std::optional<bool>(NodeId)>& vote_of) {
  const VoteResult incoming = majority_votes(membership.voters, vote_of);
  if (membership.outgoing.empty() || mutated(Mutation::joint_by_new_majority)) return incoming;
  const VoteResult outgoing = majority_votes(membership.outgoing, vote_of);
  if (incoming == VoteResult::lost || outgoing == VoteResult::lost) return VoteResult::lost;
  if (incoming == VoteResult::won && outgoing == VoteResult::won) return VoteResult::won;
  return VoteResult::pending;
}

}  // namespace holdfast::consensus
