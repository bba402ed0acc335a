// Replication: thesis 3.5, commitment 3.6.2, pipelining and parallel disk writes 10.2.1.
#include <algorithm>

#include "base/check.h"
#include "base/mutation.h"
#include "consensus/quorum.h"
#include "consensus/raft/raft.h"

namespace holdfast::consensus {

// ---- The leader: proposing and sending ----------------------------------------------------------

void Raft::on(Propose&& input) {
  Proposed& answer = out_->proposed.emplace();
  if (role_ != Role::leader) {
    answer.refusal = ProposalRefusal::not_leader;
  } else if (transfer_to_) {
    answer.refusal = ProposalRefusal::handing_over;
  } else if (input.kind == EntryKind::config) {
    answer.refusal = ProposalRefusal::not_leader;
    out_->unsupported = "propose: a membership changes by MembershipRequested";
  } else if (uncommitted_bytes_ > 0 &&
             uncommitted_bytes_ + input.payload.size() > options_.uncommitted_bytes) {
    // Without a quorum nothing commits, and memory would be the bound. One proposal always passes,
    // or a large one never would.
    answer.refusal = ProposalRefusal::too_much_pending;
  } else {
    uncommitted_bytes_ += input.payload.size();
    append_own(input.kind, std::move(input.payload));
    if (input.waited_for_elsewhere) waited_for_ = log_.last();
    answer.index = log_.last();
    answer.epoch = promise_;
  }
}

void Raft::append_own(EntryKind kind, SharedBytes payload) {
  Entry entry;
  entry.index = log_.last().next();
  entry.epoch = promise_;
  entry.kind = kind;
  entry.content = content_checksum(options_.group, entry.index, kind, payload.view());
  entry.payload = std::move(payload);
  CHECK(!out_->append);
  out_->append = Append{entry.index, {entry}};
  log_.append(std::move(entry));
  // Followers get it while this disk works (10.2.1): the epoch's promise is durable, so what they
  // store belongs to an epoch that cannot be begun a second time.
  replicate_to_all();
}

void Raft::replicate_to_all() {
  for (Progress& peer : peers_) replicate_to(peer, peer.commit_sent < commit_);
}

void Raft::replicate_to(Progress& peer, bool even_empty) {
  while (peer.may_send()) {
    const auto previous_epoch = log_.epoch_at(peer.next().previous());
    if (!previous_epoch) return ask_for_snapshot(peer);
    std::vector<Entry> entries = log_.slice(peer.next(), options_.message_bytes);
    if (entries.empty() && !even_empty) return;
    const bool more = !entries.empty();
    send_append(peer, *previous_epoch, std::move(entries));
    even_empty = false;
    if (!more) return;
  }
}

void Raft::send_append(Progress& peer, Epoch previous_epoch, std::vector<Entry>&& entries) {
  Message message = message_to(peer.node(), MessageKind::append);
  message.index = peer.next().previous();
  message.index_epoch = previous_epoch;
  // As it is: the receiver goes no further than what this message proves to match.
  message.commit = mutated(Mutation::commit_told_ahead) ? std::max(commit_, waited_for_) : commit_;
  message.read_round = reads_.newest_round();
  std::uint64_t bytes = 0;
  for (const Entry& entry : entries) bytes += entry.payload.size();
  const Index last = message.index + entries.size();
  message.entries = std::move(entries);
  peer.commit_sent = commit_;
  peer.on_sent(last, bytes);
  send_now(std::move(message));
}

const Progress* Raft::find_peer(NodeId node) const {
  for (const Progress& peer : peers_) {
    if (peer.node() == node) return &peer;
  }
  return nullptr;
}

Progress* Raft::find_peer(NodeId node) {
  return const_cast<Progress*>(std::as_const(*this).find_peer(node));
}

// ---- The leader: acknowledgements and commitment ------------------------------------------------

void Raft::on_append_reply(const Message& message) {
  if (role_ != Role::leader || message.epoch != promise_) return;
  Progress* peer = find_peer(message.from);
  if (peer == nullptr) return;
  note_answer(*peer, message);
  if (message.refused) return on_refused(*peer, message);
  if (message.index > log_.last()) return;  // acknowledges what was never sent
  if (!peer->on_ack(message.index, log_.first())) return;
  update_commit();
  if (role_ != Role::leader) return;
  const bool news = peer->commit_sent < commit_;
  replicate_to(*peer, news && options_.commit_notice == Duration{});
  hand_over_if_ready(*peer);
}

void Raft::on_refused(Progress& peer, const Message& message) {
  // The peer's log ends at hint, or has an entry of hint_epoch there. Ours can only agree with it
  // where our epochs are not later than that: the rest of those epochs is skipped in one step. A
  // guess is never taken for a match: the next append proves it, or is refused in its turn.
  const Index guess = log_.last_not_above(message.hint, message.hint_epoch);
  if (mutated(Mutation::hint_taken_for_match)) peer.on_ack(guess, log_.first());
  const bool matched =
      message.hint > message.index ||
      (message.hint == message.index && message.hint_epoch == log_.epoch_at(message.index));
  if (!matched) {
    if (peer.on_refusal(message.index, guess)) replicate_to(peer, true);
    return;
  }
  const bool counted = mutated(Mutation::recovering_node_counted);
  if (counted && peer.on_ack(guess, log_.first())) return update_commit();
  // Refused all the same, because it must not be counted: the peer recovers. What is proven already
  // is asked again with the next heartbeat only.
  peer.note_recovering();
  const Index next = std::max(guess, message.index);
  if (peer.on_uncounted(message.index, next)) replicate_to(peer, next > message.index);
}

void Raft::update_commit() {
  const auto match_of = [this](NodeId node) -> std::uint64_t {
    // This replica's own disk is one of many, and may be the slowest: no commit waits for it.
    if (node == options_.self) {
      const bool early = mutated(Mutation::own_entry_counted_early);
      return (early ? log_.last() : writes_.durable_last()).value;
    }
    const Progress* peer = find_peer(node);
    return peer == nullptr ? 0 : peer->match().value;
  };
  const bool late = mutated(Mutation::membership_counts_late);
  const Index reached(quorum_reached(late ? membership_at(commit_) : membership(), match_of));
  // Only entries of the own epoch commit by counting; they take the earlier ones along (3.6.2).
  if (reached <= commit_ || (reached < own_first_ && !mutated(Mutation::older_epochs_commit))) {
    return;
  }
  const bool first_of_epoch = commit_ < own_first_;
  const bool waited_for = commit_ < waited_for_;
  commit_to(reached);
  if (first_of_epoch) {
    reads_.gather_postponed(commit_);
    if (reads_.any_gathered()) start_read_round();
  }
  // Whoever waits for this at another node waits for the news of it: not until a heartbeat. But
  // where entries follow each other closely the next ones bring it.
  if (commit_notice_at_ == Instant::never()) {
    commit_notice_at_ = elapsed_ + options_.commit_notice;
    untold_commit_ = commit_;
  }
  if (waited_for) untold_commit_ = commit_;
  if (waited_for || options_.commit_notice == Duration{}) tell_commit();
  continue_change();
}

// To whoever has not heard of a commit that has waited for so long.
void Raft::tell_commit() {
  for (Progress& peer : peers_) {
    const bool silent = mutated(Mutation::commit_told_by_entries_only);
    if (peer.state() == Progress::State::replicate && !silent) {
      replicate_to(peer, peer.commit_sent < untold_commit_);
    }
  }
  const bool newer = untold_commit_ < commit_;
  untold_commit_ = commit_;
  commit_notice_at_ = newer ? elapsed_ + options_.commit_notice : Instant::never();
}

void Raft::commit_to(Index index) {
  if (index <= commit_) return;
  CHECK(index <= log_.last());
  if (role_ == Role::leader) {
    for (Index i = commit_.next(); i <= index; i = i.next()) {
      uncommitted_bytes_ -= log_.at(i).payload.size();
    }
  }
  commit_ = index;
  out_->committed_up_to = index;
}

// ---- The follower -------------------------------------------------------------------------------

void Raft::on_append(Message&& message) {
  CHECK(message.epoch == promise_);
  if (!verify_entries(message)) return;
  follow(message.from);
  if (installing_) return;  // the log is about to be replaced

  // What was compacted here is committed, hence the same there.
  if (message.index < log_.before()) {
    const std::uint64_t known =
        std::min<std::uint64_t>(log_.before() - message.index, message.entries.size());
    const Index end = message.index + message.entries.size();
    if (end <= log_.before()) {
      return recovery_ ? answer_uncounted(message) : acknowledge(end, message.read_round);
    }
    message.entries.erase(message.entries.begin(),
                          message.entries.begin() + static_cast<std::ptrdiff_t>(known));
    message.index = log_.before();
    message.index_epoch = *log_.epoch_at(log_.before());
  }

  const bool unchecked = mutated(Mutation::append_unchecked) && message.index <= log_.last();
  if (log_.epoch_at(message.index) != message.index_epoch && !unchecked) {
    return refuse_append(message);
  }
  // Only what this message names is acknowledged: behind it the log may hold entries of another
  // leader that happen to be there.
  const Index matched = message.index + message.entries.size();
  accept_entries(std::move(message.entries));
  commit_to(std::min(message.commit, mutated(Mutation::commit_unmatched) ? log_.last() : matched));
  if (recovery_ && !mutated(Mutation::recovering_node_acknowledges)) {
    if (!may_recover(matched)) return answer_uncounted(message);
    recovery_.reset();
    out_->recovered = true;
  }
  acknowledge(mutated(Mutation::whole_log_acknowledged) ? log_.last() : matched,
              message.read_round);
}

bool Raft::verify_entries(const Message& message) const {
  Index index = message.index;
  Epoch epoch = message.index_epoch;
  for (const Entry& entry : message.entries) {
    index = index.next();
    if (entry.index != index || entry.epoch < epoch || entry.epoch > message.epoch) return false;
    epoch = entry.epoch;
    // A leader that contradicts what is committed here is broken; following it would be worse.
    if (index <= commit_) {
      const auto ours = log_.epoch_at(index);
      if (ours && *ours != entry.epoch) return false;
    }
    if (entry.kind == EntryKind::config && !Membership::decode(entry.payload.view())) return false;
  }
  return true;
}

void Raft::refuse_append(const Message& message) {
  Message reply = message_to(message.from, MessageKind::append_reply);
  reply.refused = true;
  reply.index = message.index;
  // Not later than the entry asked about, not of a later epoch: what lies between cannot match.
  reply.hint = log_.last_not_above(std::min(message.index, log_.last()), message.index_epoch);
  reply.hint_epoch = log_.epoch_at(reply.hint).value_or(Epoch{});
  if (!recovery_) reply.read_round = message.read_round;
  send_after_sync(std::move(reply));
}

void Raft::accept_entries(std::vector<Entry>&& entries) {
  // Old and repeated messages must not cut what newer ones have brought (3.5): the log is only
  // touched from the first entry that it lacks or contradicts.
  auto first_new = entries.begin();
  while (first_new != entries.end() && log_.epoch_at(first_new->index) == first_new->epoch) {
    if (mutated(Mutation::old_append_cuts) && first_new->index > commit_) break;
    ++first_new;
  }
  if (first_new == entries.end()) return;
  entries.erase(entries.begin(), first_new);
  const Index from = entries.front().index;
  CHECK(from > commit_, "{} is committed up to {}", from, commit_);
  if (from <= log_.last()) {
    log_.cut(from);
    writes_.cut(from);
    cut_memberships(from);
  }
  for (const Entry& entry : entries) log_.append(entry);
  adopt_memberships(entries);
  CHECK(!out_->append);
  out_->append = Append{from, std::move(entries)};
}

void Raft::acknowledge(Index index, std::uint64_t read_round) {
  Message reply = message_to(promise_.node, MessageKind::append_reply);
  reply.index = index;
  reply.read_round = read_round;
  mutated(Mutation::acknowledged_before_sync) ? send_now(std::move(reply))
                                              : send_after_sync(std::move(reply));
}

}  // namespace holdfast::consensus
