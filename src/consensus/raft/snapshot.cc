// Snapshots and compaction: thesis 5.
#include <algorithm>

#include "base/check.h"
#include "base/mutation.h"
#include "consensus/raft/raft.h"

namespace holdfast::consensus {

// ---- The leader ---------------------------------------------------------------------------------

void Raft::ask_for_snapshot(Progress& peer) {
  // Not for one that has not been heard of lately: it could not take it, and reading a snapshot
  // from disk for it would be work for nothing. Its first answer brings us here again.
  if (elapsed_ - peer.heard_at() >= options_.election_timeout) return;
  peer.become_snapshot();
  out_->send_snapshot.push_back({peer.node()});
}

void Raft::on(SnapshotSent input) {
  if (role_ != Role::leader) return;
  Progress* peer = find_peer(input.to);
  if (peer == nullptr || peer->state() != Progress::State::snapshot) return;
  // Delivered or not, it shows in the peer's next answer. A failed transfer is not repeated at
  // once: that waits for a sign of life.
  peer->become_probe();
  if (input.delivered) {
    peer->probe_from(std::max(peer->next(), log_.first()));
    replicate_to(*peer, true);
  } else {
    peer->pause();
  }
}

// ---- Every replica ------------------------------------------------------------------------------

// Who recovers acknowledges none: that it has it shows in its answer to the next append.
void Raft::on_snapshot(const Message& message) {
  CHECK(message.epoch == promise_);
  if (message.index_epoch > message.epoch) return;
  follow(message.from);
  if (installing_) return;
  const bool whatever = mutated(Mutation::install_over_newer_state);
  // A state never goes back: what is committed here already contains the snapshot.
  if (message.index <= commit_ && !whatever) {
    if (!recovery_) acknowledge(commit_, message.read_round);
    return;
  }
  // The log contains it: then the entries are worth more than the snapshot.
  if (log_.epoch_at(message.index) == message.index_epoch && !whatever) {
    commit_to(message.index);
    if (!recovery_) acknowledge(message.index, message.read_round);
    return;
  }
  installing_ = SnapshotMark{message.index, message.index_epoch, {}};
  out_->install = installing_;
}

void Raft::on(TailForgotten input) {
  CHECK(input.up_to <= commit_ && input.up_to <= writes_.durable_last(), "{} is forgotten too early",
        input.up_to);
  log_.forget(input.up_to);
  forget_memberships();
}

void Raft::on(SnapshotStored&& input) {
  const SnapshotMark& mark = input.mark;
  if (!input.installed) {
    CHECK(mark.index <= commit_, "a snapshot of {}, committed up to {}", mark.index, commit_);
    CHECK(input.keep_from.previous() <= mark.index);
    writes_.raise(mark.index);
    if (input.keep_from.previous() <= log_.before()) return;
    log_.forget(input.keep_from.previous());
    forget_memberships();
    return;
  }

  CHECK(installing_ && installing_->index == mark.index && installing_->epoch == mark.epoch,
        "a snapshot at {} was installed and not asked for", mark.index);
  installing_.reset();
  // The whole log goes: it lacked this entry or contradicted it, so nothing behind it can be kept.
  // Writes under way were for the old log.
  log_.reset(mark.index, mark.epoch);
  writes_.cut(mark.index.next());
  writes_.raise(mark.index);
  // The membership of the snapshot rules; a later one that was in the log went with it.
  const bool stale = mutated(Mutation::install_without_membership);
  Membership rules = stale ? membership() : mark.membership;
  memberships_.clear();
  memberships_.emplace_back(mark.index, std::move(rules));
  membership_changed();
  commit_ = mark.index;
  out_->committed_up_to = mark.index;
  if (leader_ && !recovery_) acknowledge(mark.index, 0);
}

}  // namespace holdfast::consensus
