// The membership in force, and how it changes: thesis 4.
//
// A membership counts from when it is appended, committed or not (4.1); a cut takes it back, and a
// snapshot replaces it. Voters change by joint consensus (4.3): an entry with both halves; when a
// quorum of both has that, the leader, whoever it is by then, appends the new half alone. Learners
// change in one entry: no quorum changes with them.
//
// A leader begins no change before it has committed an entry of its own epoch (Ongaro's correction
// of 2015), nor while another is under way: so there are never two uncommitted memberships, and a
// leader continues only what it has committed itself.
//
// A leader that is not among the new voters goes on until their membership is committed, without
// counting itself (4.2.2), and hands over then. Who is no member any more is sent entries for a
// little longer, so that it hears of it: one that thinks it belongs to a group campaigns.
#include <algorithm>

#include "base/check.h"
#include "base/mutation.h"
#include "consensus/raft/raft.h"

namespace holdfast::consensus {
namespace {

// For how many election time-outs somebody who was removed is still told.
constexpr int kToldFor = 4;

}  // namespace

const Membership& Raft::membership_at(Index index) const {
  auto one = memberships_.rbegin();
  while (one->first > index && std::next(one) != memberships_.rend()) ++one;
  return one->second;
}

// ---- Beginning a change -------------------------------------------------------------------------

void Raft::on(MembershipRequested&& input) {
  MembershipChange& answer = out_->membership_change.emplace();
  answer.refusal = objection(input.target);
  if (answer.refusal) return;
  if (input.target == membership()) {
    answer.index = memberships_.back().first;
    return;
  }
  if (input.target.voters != membership().voters) input.target.outgoing = membership().voters;
  append_membership(std::move(input.target));
  answer.index = log_.last();
}

std::optional<ChangeRefusal> Raft::objection(const Membership& target) const {
  if (role_ != Role::leader) return ChangeRefusal::not_leader;
  if (transfer_to_) return ChangeRefusal::handing_over;
  if (commit_ < own_first_ && !mutated(Mutation::change_before_own_commit)) {
    return ChangeRefusal::too_early;
  }
  const bool under_way = !membership().outgoing.empty() || memberships_.back().first > commit_;
  if (under_way && !mutated(Mutation::two_changes_at_once)) return ChangeRefusal::under_way;
  // As strict as the decoder: what is appended must be readable everywhere.
  std::string encoded;
  target.encode(encoded);
  if (target.voters.empty() || !target.outgoing.empty() || !Membership::decode(encoded)) {
    return ChangeRefusal::invalid;
  }
  std::size_t recovering = 0;
  for (const NodeId node : target.voters) {
    if (!membership().is_voter(node) && !caught_up(node)) return ChangeRefusal::behind;
    const auto is_it = [node](const Progress& peer) {
      return peer.node() == node && peer.recovers();
    };
    recovering += std::any_of(peers_.begin(), peers_.end(), is_it) ? 1 : 0;
  }
  // Who recovers waits for a leader: if none can be elected without him, both wait for ever.
  if (recovering * 2 >= target.voters.size()) return ChangeRefusal::behind;
  return std::nullopt;
}

bool Raft::caught_up(NodeId node) const {
  if (mutated(Mutation::learner_promoted_behind)) return true;
  for (const Progress& peer : peers_) {
    if (peer.node() != node) continue;
    return peer.state() == Progress::State::replicate &&
           elapsed_ - peer.heard_at() < options_.election_timeout &&
           peer.match() + kNearlyAll >= commit_;
  }
  return false;
}

// REQUIRES: nothing else is appended in this step.
void Raft::append_membership(Membership&& next) {
  std::string payload;
  next.encode(payload);
  memberships_.emplace_back(log_.last().next(), std::move(next));
  update_peers();
  uncommitted_bytes_ += payload.size();
  append_own(EntryKind::config, SharedBytes(std::move(payload)));
  membership_changed();
  // A quorum may be less than it was, or more.
  update_commit();
  confirm_reads();
  count_leases();
}

// Adds nobody while a change ends: whoever holds a Progress& then may go on using it.
void Raft::update_peers() {
  for (Progress& peer : peers_) {
    peer.set_voter(membership().is_voter(peer.node()));
    if (membership().contains(peer.node())) {
      peer.leaves_at = Instant::never();
    } else if (peer.leaves_at == Instant::never()) {
      peer.leaves_at = elapsed_ + options_.election_timeout * kToldFor;
    }
  }
  for (const NodeId node : membership().everyone()) {
    if (node == options_.self || find_peer(node) != nullptr) continue;
    peers_.emplace_back(node, membership().is_voter(node), log_.last().next(),
                        Window(options_.window_messages, options_.window_bytes), elapsed_);
  }
  std::sort(peers_.begin(), peers_.end(),
            [](const Progress& a, const Progress& b) { return a.node() < b.node(); });
}

void Raft::forget_departed() {
  std::erase_if(peers_, [this](const Progress& peer) { return elapsed_ >= peer.leaves_at; });
}

// ---- Ending it ----------------------------------------------------------------------------------

bool Raft::leaving() const {
  return role_ == Role::leader && !is_voter() && memberships_.back().first <= commit_;
}

// On a leader, when something has been committed.
void Raft::continue_change() {
  const bool early = mutated(Mutation::joint_left_early) && !membership().outgoing.empty();
  if ((memberships_.back().first > commit_ && !early) || commit_ < own_first_) return;
  if (!membership().outgoing.empty()) {
    Membership next = membership();
    next.outgoing.clear();
    return append_membership(std::move(next));
  }
  if (is_voter() || transfer_to_ || mutated(Mutation::removed_leader_stays)) return;
  on(TransferRequested{});
  if (!transfer_to_) become_follower(promise_, {});
}

// ---- Every replica ------------------------------------------------------------------------------

void Raft::membership_changed() {
  if (role_ == Role::follower || role_ == Role::learner) role_ = idle_role();
  if (out_ != nullptr) out_->membership = membership();
}

void Raft::adopt_memberships(const std::vector<Entry>& entries) {
  const std::size_t before = memberships_.size();
  for (const Entry& entry : entries) {
    if (entry.kind != EntryKind::config) continue;
    Result<Membership> decoded = Membership::decode(entry.payload.view());
    CHECK(decoded.ok(), "entry {} was verified and is not readable", entry.index);
    memberships_.emplace_back(entry.index, *std::move(decoded));
  }
  if (memberships_.size() != before) membership_changed();
}

void Raft::cut_memberships(Index from) {
  if (memberships_.size() == 1 || memberships_.back().first < from) return;
  if (mutated(Mutation::membership_not_rolled_back)) return;
  while (memberships_.size() > 1 && memberships_.back().first >= from) memberships_.pop_back();
  membership_changed();
}

void Raft::forget_memberships() {
  // Keeps the last one at or before the start of the log, which a cut could fall back to.
  while (memberships_.size() > 1 && memberships_[1].first <= log_.before()) {
    memberships_.erase(memberships_.begin());
  }
}

}  // namespace holdfast::consensus
