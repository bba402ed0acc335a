// Leases: thesis 6.4.1, with the corrections of those who came later (decision 0018).
//
//   - Counted from when a round left, for less than what its answers promise: leases.h.
//   - On the host's clock, not on elapsed_, which stands while the process does.
//   - Of the voters of the membership in force, both halves of a joint one: whoever is elected next
//     needs one who has promised, for memberships change in steps whose quorums meet.
//   - A voter keeps his promise whatever he hears: that the leader's connection is lost, or of a later
//     epoch, or nothing because his process has ended; a new one refuses from its start for as long as
//     the last one may have promised.
//   - One order overrules promises: a leader's own, to campaign. From when it has left there are no
//     leases any more under that epoch, whatever becomes of the transfer: it may arrive late. So the
//     candidate says under which epoch it was given, and only promises to that or an earlier leader
//     are void: in an order that comes very late there may be another one, of the same round.
#include <algorithm>

#include "base/mutation.h"
#include "consensus/quorum.h"
#include "consensus/raft/raft.h"

namespace holdfast::consensus {

// ---- The leader ---------------------------------------------------------------------------------

Instant Raft::lease_clock() const {
  return mutated(Mutation::lease_ignores_pauses) ? elapsed_ : now_;
}

bool Raft::has_lease(Instant now) const { return !leases_void_ && now < lease_until_; }

bool Raft::may_read_early() const {
  const bool knows_commit =
      commit_ >= own_first_ || mutated(Mutation::read_at_once_before_own_commit);
  return role_ == Role::leader && knows_commit;
}

bool Raft::may_read(Instant now, ReadMode mode) const {
  if (!may_read_early()) return false;
  const Membership& members = membership();
  const bool alone = members.voters.size() == 1 && members.outgoing.empty() && is_voter();
  if (alone || mutated(Mutation::read_at_once_unasked)) return true;
  // Who is no longer asked for leases would not renew them.
  if (mode != ReadMode::lease || !lease_wanted()) return false;
  return has_lease(mutated(Mutation::lease_ignores_pauses) ? elapsed_ : now);
}

void Raft::note_lease(Progress& peer, const Message& reply) {
  if (reply.lease_ms == 0 || reply.read_round > reads_.newest_round()) return;
  std::optional<Instant> since = round_times_.sent_at(reply.read_round);
  if (!since) return;
  if (mutated(Mutation::lease_from_receipt)) since = now_;
  // Not more than was asked for.
  const Duration promise = std::min(milliseconds(reply.lease_ms), options_.election_timeout);
  peer.elects_nobody_until = std::max(peer.elects_nobody_until, *since + lease_of(promise));
  count_leases();
}

void Raft::count_leases() {
  const auto until = [this](NodeId node) -> std::uint64_t {
    // As long as it leads it elects nobody else.
    if (node == options_.self) return static_cast<std::uint64_t>(Instant::never().ns);
    const Progress* peer = find_peer(node);
    return peer == nullptr ? 0 : static_cast<std::uint64_t>(peer->elects_nobody_until.ns);
  };
  lease_until_ = {static_cast<std::int64_t>(quorum_reached(membership(), until))};
}

void Raft::void_leases() {
  if (!mutated(Mutation::lease_kept_in_transfer)) leases_void_ = true;
}

// ---- The voter ----------------------------------------------------------------------------------

std::uint32_t Raft::promise_to_elect_nobody(std::uint32_t asked_ms) {
  // Not for longer than its next process will refuse.
  const auto longest = static_cast<std::uint32_t>(options_.election_timeout.ms());
  const std::uint32_t promised = std::min(asked_ms, longest);
  elects_nobody_until_ = std::max(elects_nobody_until_, elapsed_ + milliseconds(promised));
  return promised;
}

// The leader of that epoch had been elected, so older leases had ended; and by its order it gave up its
// own.
bool Raft::freed_by(const Message& vote_request) const {
  return vote_request.transfer && vote_request.hint_epoch >= promise_;
}

// Whoever asks would be refused only because it is too early: he is answered when it is not.
void Raft::hold_pre_vote(const Message& message) { held_pre_vote_ = message; }

void Raft::answer_held_pre_vote() {
  const Message message = *std::exchange(held_pre_vote_, std::nullopt);
  if (message.epoch > promise_) on_pre_vote_request(message);
}

}  // namespace holdfast::consensus
