#include "replica/steward.h"

#include <algorithm>

#include "base/mutation.h"

namespace holdfast::replica {
namespace {

using commands::NodeState;

class Choice {
 public:
  explicit Choice(const StewardView& view) : view_(view) {}

  std::optional<consensus::Membership> make() {
    keep_voters();
    replace_silent();
    fill_up();
    wait_for_successors();
    thin_out();
    if (voters_.empty() || !majority_is_there()) voters_ = view_.membership.voters;
    consensus::Membership target = complete();
    if (target == view_.membership) return std::nullopt;
    return target;
  }

 private:
  const Presence* presence(NodeId node) const {
    for (const Presence& one : view_.present) {
      if (one.node == node) return &one;
    }
    return nullptr;
  }
  bool there(NodeId node) const {
    const Presence* one = presence(node);
    return one != nullptr && one->there;
  }
  bool in_state(NodeId node, NodeState state) const {
    const commands::RosterNode* one = view_.roster.find(node);
    return one != nullptr && one->state == state;
  }
  bool votes(NodeId node) const {
    return std::find(voters_.begin(), voters_.end(), node) != voters_.end();
  }
  std::size_t wanted() const {
    const auto& nodes = view_.roster.nodes;
    const auto active = static_cast<std::size_t>(
        std::count_if(nodes.begin(), nodes.end(),
                      [](const auto& one) { return one.state == NodeState::active; }));
    return mutated(Mutation::even_number_votes) ? std::min(active, kMostVoters) : voters_for(active);
  }

  void keep_voters() {
    for (const NodeId node : view_.membership.voters) {
      const bool stays = mutated(Mutation::drained_leader_stays) && node == view_.self;
      if (stays || in_state(node, NodeState::active)) voters_.push_back(node);
    }
  }

  // A learner that could vote at once.
  std::optional<NodeId> candidate() const {
    for (const auto& one : view_.roster.nodes) {
      const Presence* known = presence(one.node);
      if (one.state != NodeState::active || votes(one.node) || known == nullptr) continue;
      const bool able = known->caught_up || mutated(Mutation::learner_promoted_behind);
      if (known->there && able) return one.node;
    }
    return std::nullopt;
  }

  void add(NodeId node) {
    voters_.insert(std::upper_bound(voters_.begin(), voters_.end(), node), node);
  }

  void replace_silent() {
    if (view_.replace_after <= Duration{}) return;
    for (const NodeId node : std::vector<NodeId>(voters_)) {
      const Presence* known = presence(node);
      if (known == nullptr || known->there || known->silent_for < view_.replace_after) continue;
      const auto other = candidate();
      if (!other) return;
      std::erase(voters_, node);
      add(*other);
    }
  }

  // In pairs where that is needed to keep the number odd.
  void fill_up() {
    while (voters_.size() < wanted()) {
      const auto one = candidate();
      if (!one) break;
      add(*one);
    }
    // One more than an odd number waits for another one, unless it makes up for one that leaves.
    if (mutated(Mutation::even_number_votes)) return;
    if (voters_.size() % 2 == 0 && voters_.size() > view_.membership.voters.size()) drop_newest();
  }

  // While somebody is on his way to take the place, who leaves and is there stays.
  void wait_for_successors() {
    if (voters_.size() >= wanted()) return;
    const auto& nodes = view_.roster.nodes;
    const bool coming = std::any_of(nodes.begin(), nodes.end(), [this](const auto& one) {
      const Presence* known = presence(one.node);
      return one.state == NodeState::active && !votes(one.node) && (!known || known->there);
    });
    if (!coming) return;
    for (const NodeId node : view_.membership.voters) {
      if (voters_.size() < wanted() && !votes(node) && there(node)) add(node);
    }
  }

  void drop_newest() {
    for (auto node = voters_.rbegin(); node != voters_.rend(); ++node) {
      if (view_.membership.is_voter(*node)) continue;
      voters_.erase(std::next(node).base());
      return;
    }
  }

  // Who is not there goes first, then the greatest number; the leader stays.
  void thin_out() {
    while (voters_.size() > wanted() && voters_.size() > 1) {
      auto worst = voters_.end();
      for (auto node = voters_.begin(); node != voters_.end(); ++node) {
        if (*node == view_.self) continue;
        if (worst == voters_.end() || !there(*node) || there(*worst)) worst = node;
      }
      voters_.erase(worst);
    }
  }

  bool majority_is_there() const {
    const auto present = std::count_if(voters_.begin(), voters_.end(), [this](NodeId node) {
      return node == view_.self || there(node);
    });
    return static_cast<std::size_t>(present) > voters_.size() / 2;
  }

  consensus::Membership complete() const {
    consensus::Membership target;
    target.voters = voters_;
    for (const auto& one : view_.roster.nodes) {
      const bool leaves = one.state == NodeState::removed && !votes(one.node);
      if (!leaves && !votes(one.node)) target.learners.push_back(one.node);
    }
    return target;
  }

  const StewardView& view_;
  std::vector<NodeId> voters_;
};

}  // namespace

std::optional<consensus::Membership> next_membership(const StewardView& view) {
  return Choice(view).make();
}

bool have_answered(const std::vector<NodeId>& voters, NodeId leader, std::uint64_t round,
                   const std::vector<consensus::PeerProgress>& peers) {
  const auto present = std::count_if(voters.begin(), voters.end(), [&](NodeId node) {
    return node == leader || std::any_of(peers.begin(), peers.end(), [&](const auto& peer) {
             return peer.node == node && peer.round >= round;
           });
  });
  return static_cast<std::size_t>(present) > voters.size() / 2;
}

}  // namespace holdfast::replica
