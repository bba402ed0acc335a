// Handing over leadership: thesis 3.10.
#include "base/check.h"
#include "consensus/raft/raft.h"

namespace holdfast::consensus {

void Raft::on(TransferRequested input) {
  if (role_ != Role::leader) return;
  if (input.to == options_.self) {  // keep it: whatever was under way ends
    if (!leaving()) transfer_to_ = {};
    return;
  }
  const NodeId to = input.to ? input.to : furthest_voter();
  Progress* peer = find_peer(to);
  if (peer == nullptr || !peer->voter()) return;
  if (transfer_to_ == to) return;  // under way, and its time runs
  transfer_to_ = to;
  transfer_deadline_ = elapsed_ + options_.election_timeout;
  peer->resume();
  replicate_to(*peer, false);
  hand_over_if_ready(*peer);
}

NodeId Raft::furthest_voter() const {
  const Progress* best = nullptr;
  for (const Progress& peer : peers_) {
    if (!peer.voter() || elapsed_ - peer.heard_at() >= options_.election_timeout) continue;
    if (best == nullptr || peer.match() > best->match()) best = &peer;
  }
  return best == nullptr ? NodeId() : best->node();
}

void Raft::hand_over_if_ready(const Progress& peer) {
  if (!transfer_to_ || transfer_to_ != peer.node()) return;
  // Not before it has everything, or the others would refuse it. Proposals are refused meanwhile,
  // so the end does not move away.
  if (peer.match() != log_.last()) return;
  void_leases();
  send_now(message_to(peer.node(), MessageKind::campaign_now));
}

void Raft::on_campaign_now(const Message& message) {
  CHECK(message.epoch == promise_);
  // At once, without pre-vote: the others hear the leader and would refuse. A repeated order
  // comes under an epoch that the campaign has left behind.
  if (role_ == Role::candidate && !pre_vote_) return;
  if (may_campaign()) start_election(message.epoch);
}


// ---- A disk that hangs --------------------------------------------------------------------------

// The others commit without this disk, and heartbeats need none: nobody would notice that half of
// the leader is dead, until a follower's death leaves no quorum of disks.
bool Raft::disk_hangs() const {
  // Nobody else could lead a group of one.
  if (membership().voters.size() == 1 && membership().outgoing.empty()) return false;
  // As long as a leader waits for its followers (quorum_is_active).
  return writes_.any_under_way() && elapsed_ - disk_moved_at_ >= options_.election_timeout * 2;
}

void Raft::give_up_for_disk() {
  // Whoever has everything need not wait to find out that the heartbeats have ended.
  Progress* heir = find_peer(furthest_voter());
  if (heir != nullptr && heir->match() == log_.last()) {
    void_leases();
    send_now(message_to(heir->node(), MessageKind::campaign_now));
  }
  become_follower(promise_, {});
}

}  // namespace holdfast::consensus
