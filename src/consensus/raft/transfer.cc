// Handing over leadership: thesis 3.10.
#include <algorithm>

#include "base/check.h"
#include "base/mutation.h"
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

// Where one write took so long, the next one and those of others are waited for so long.
Duration Raft::patience_for_writes_of(Duration time) const {
  return std::min(time * 3, options_.election_timeout * 10);
}

// Several writes may share a sync, and then all but the first take no time: what is remembered is the
// slowest of as long a time as a disk is waited for.
void Raft::note_disk_moved() {
  const Duration took = elapsed_ - disk_moved_at_;
  disk_moved_at_ = elapsed_;
  if (took < slowest_write_ && elapsed_ - slowest_write_at_ < options_.election_timeout * 10) return;
  slowest_write_ = took;
  slowest_write_at_ = elapsed_;
}

// The others commit without this disk, and heartbeats need none: nobody would notice that half of
// the leader is dead, until a follower's death leaves no quorum of disks. It is waited for as long as
// a leader waits for its followers (quorum_is_active); a disk that was slow before is only slow.
bool Raft::disk_hangs() const {
  // Nobody else could lead a group of one.
  if (membership().voters.size() == 1 && membership().outgoing.empty()) return false;
  Duration patience = options_.election_timeout * 2;
  if (!mutated(Mutation::slow_disk_taken_for_hung)) {
    patience = std::max(patience, patience_for_writes_of(slowest_write_));
  }
  return writes_.any_under_way() && elapsed_ - disk_moved_at_ >= patience;
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
