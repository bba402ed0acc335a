// Heartbeats (thesis 3.4), check-quorum (6.2), reads by quorum (6.4).
#include <algorithm>

#include "base/check.h"
#include "base/mutation.h"
#include "consensus/quorum.h"
#include "consensus/raft/raft.h"

namespace holdfast::consensus {

// ---- The leader ---------------------------------------------------------------------------------

void Raft::send_heartbeats() {
  heartbeat_deadline_ = elapsed_ + options_.heartbeat_interval;
  everybody_next_ = true;  // so it shows anew who is the quickest
  if (reads_.any_gathered() || reads_.round_under_way() || lease_wanted()) {
    return start_read_round();
  }
  for (const Progress& peer : peers_) send_heartbeat(peer);
}

void Raft::send_heartbeat(const Progress& peer) {
  Message message = message_to(peer.node(), MessageKind::heartbeat);
  // A heartbeat proves nothing about the receiver's log, so it may not speak of more than the
  // receiver is known to share.
  const bool unmatched = mutated(Mutation::heartbeat_commits_unmatched);
  message.commit = unmatched ? commit_ : std::min(commit_, peer.match());
  if (mutated(Mutation::commit_told_by_entries_only)) message.commit = {};
  message.read_round = reads_.newest_round();
  if (lease_wanted()) message.lease_ms = static_cast<std::uint32_t>(options_.election_timeout.ms());
  send_now(std::move(message));
}

bool Raft::quorum_is_active() const {
  // A follower gives up on a leader after one to two election time-outs; a leader on its followers
  // after as long as the most patient of them.
  const Duration patience = options_.election_timeout * 2;
  const auto vote_of = [this, patience](NodeId node) -> std::optional<bool> {
    if (node == options_.self) return true;
    const Progress* peer = find_peer(node);
    return peer != nullptr && !peer->recovers() && elapsed_ - peer->heard_at() < patience;
  };
  return count_votes(membership(), vote_of) == VoteResult::won;
}

void Raft::on(ReadRequest input) {
  if (role_ != Role::leader) {
    out_->reads_refused.push_back(input.ticket);
    return;
  }
  if (mutated(Mutation::read_without_round)) {
    return out_->readable.push_back({input.ticket, commit_});
  }
  if (input.of_everybody) everybody_next_ = true;
  const bool knows_commit = commit_ >= own_first_ || mutated(Mutation::read_before_own_commit);
  if (input.mode == ReadMode::lease) {
    lease_wanted_until_ = elapsed_ + options_.election_timeout * kLeasesOutliveReads;
    if (knows_commit && has_lease(lease_clock())) {
      return out_->readable.push_back({input.ticket, commit_, ReadMode::lease});
    }
  }
  if (!knows_commit) return reads_.postpone(input.ticket);
  reads_.gather(input.ticket, commit_);
  // Time stands still within a turn of the host. The first read of a turn starts a round; the
  // others came after it had begun, so they share another, which the turn's Tick starts. Rounds that
  // follow one another closely cost their messages and tell little: see read_round_pause.
  const bool began_this_turn = reads_.round_under_way() && read_round_began_at_ == now_;
  if (!began_this_turn && now_ >= next_read_round()) start_read_round();
}

// When what was gathered may have a round, if nobody confirms the one under way before.
Instant Raft::next_read_round() const {
  return reads_.round_under_way() ? read_round_began_at_ + options_.read_round_pause : now_;
}

void Raft::start_read_round() {
  const bool everybody =
      everybody_next_ || now_ >= ask_everybody_at_ || lease_wanted() || !few_suffice();
  if (everybody) {
    everybody_next_ = false;
    ask_everybody_at_ = Instant::never();  // about the newest round, which confirms those before it
  } else {
    ask_everybody_at_ = std::min(ask_everybody_at_, end_of_patience());
  }
  reads_.begin_round();
  read_round_began_at_ = now_;
  if (lease_wanted()) round_times_.add(reads_.newest_round(), lease_clock(), options_.election_timeout);
  for (const Progress& peer : peers_) {
    if (everybody || is_asked_first(peer)) send_heartbeat(peer);
  }
  confirm_reads();
}

Instant Raft::end_of_patience() const { return now_ + options_.read_round_patience; }

// Each one who is asked costs two messages, and wakes somebody twice.
bool Raft::few_suffice() const {
  if (options_.read_round_patience == Duration{}) return false;
  const auto vote_of = [this](NodeId node) -> std::optional<bool> {
    if (node == options_.self) return true;
    const Progress* peer = find_peer(node);
    return peer != nullptr && is_asked_first(*peer);
  };
  return count_votes(membership(), vote_of) == VoteResult::won;
}

void Raft::confirm_reads() {
  const auto round_of = [this](NodeId node) -> std::uint64_t {
    if (node == options_.self) return reads_.newest_round();
    const Progress* peer = find_peer(node);
    return peer == nullptr ? 0 : peer->read_round;
  };
  const std::uint64_t confirmed = quorum_reached(membership(), round_of);
  if (!reads_.confirm(confirmed, out_->readable)) return;
  for (Progress& peer : peers_) peer.prompt = peer.read_round >= confirmed;
  if (ask_everybody_at_ == Instant::never()) return;
  ask_everybody_at_ = reads_.round_under_way() ? end_of_patience() : Instant::never();
}

void Raft::note_answer(Progress& peer, const Message& message) {
  // Refused or not: the peer has said, under this epoch, that it knows no later one.
  peer.on_heard(elapsed_);
  if (message.read_round <= peer.read_round) return;
  if (message.read_round > reads_.newest_round()) return;  // of a round that never began
  peer.read_round = message.read_round;
  if (reads_.round_under_way()) {
    confirm_reads();
    if (!reads_.round_under_way() && reads_.any_gathered()) start_read_round();
  }
}

void Raft::on_heartbeat_reply(const Message& message) {
  if (role_ != Role::leader || message.epoch != promise_) return;
  Progress* peer = find_peer(message.from);
  if (peer == nullptr) return;
  note_answer(*peer, message);
  note_lease(*peer, message);
  if (message.refused) {
    peer->note_recovering();
    peer->prompt = false;  // it confirms nothing
  }
  // The peer is there. If it does not have everything, the appends that would tell it, or their
  // answers, may be lost, or only slow.
  if (peer->state() == Progress::State::snapshot) return;
  if (peer->match() == log_.last() && peer->state() == Progress::State::replicate) return;
  if (peer->may_send()) return replicate_to(*peer, true);
  // A probe is under way, or the window is full. An append without entries finds out, and costs
  // nothing if they were only slow: if something was lost, its answer is a refusal, or for a lost
  // probe the acknowledgement of where the logs meet.
  const auto previous_epoch = log_.epoch_at(peer->next().previous());
  // Compacted meanwhile: then no answer to them could be of use.
  if (!previous_epoch) return ask_for_snapshot(*peer);
  send_append(*peer, *previous_epoch, {});
}

// ---- The follower -------------------------------------------------------------------------------

void Raft::on_heartbeat(const Message& message) {
  CHECK(message.epoch == promise_);
  follow(message.from);
  if (!installing_ && !recovery_) commit_to(std::min(message.commit, log_.last()));
  Message reply = message_to(message.from, MessageKind::heartbeat_reply);
  // Who recovers may have promised a later epoch: it is there, and confirms no read.
  if (!recovery_) reply.read_round = message.read_round;
  reply.refused = recovery_.has_value();
  if (!recovery_) reply.lease_ms = promise_to_elect_nobody(message.lease_ms);
  // Says only "I have promised nothing later". Once the promise it follows is durable it vouches
  // for nothing on the disk, so neither reads nor the leader's check-quorum wait for a sync.
  if (writes_.durable_promise() == promise_) {
    send_now(std::move(reply));
  } else {
    send_after_sync(std::move(reply));
  }
}

}  // namespace holdfast::consensus
