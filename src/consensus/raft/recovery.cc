// A replica whose disk has lost something becomes a member again (decision 0010).
//
// It does not know what it has promised, acknowledged or voted for. So it says nothing that a quorum
// could count until both of these hold:
//
//   - It has asked every member what he has promised, and each has answered. A candidate's epoch is
//     durable at the candidate before it asks for votes: whatever this replica promised to others is
//     not above the greatest answer. Who recovers as well can only say so. His candidacies ended
//     with the process that forgot them; if one had succeeded, somebody of the quorum that elected
//     him remembers, as long as those who recover are no quorum themselves.
//   - Under an epoch not below that, it holds what the leader began this epoch with, and all that
//     the leader had when it answered: then also all that this replica has ever acknowledged and
//     that can be committed. For whoever was elected without this replica's vote since has it.
//
// Members are those of the last committed membership, and of every one after it: an older one cannot
// elect any more, and in a newer one nobody votes who was not a member of the one before.
//
// Until then it stores what the leader sends and applies what is committed, and answers with
// refusals that say how far it has come, which the leader goes by and never counts.
#include <algorithm>

#include "base/mutation.h"
#include "consensus/raft/raft.h"

namespace holdfast::consensus {

// ---- Whoever is asked ---------------------------------------------------------------------------

// When what was promised is durable, like every answer about it.
void Raft::answer_question(const Message& question) {
  Message reply = message_to(question.from, MessageKind::pre_vote_reply);
  reply.read_round = question.read_round;
  // Not refused: this replica cannot say. What it has promised since is not all that it has promised.
  reply.refused = !recovery_;
  reply.hint = log_.last();
  reply.hint_epoch = log_.last_epoch();
  send_after_sync(std::move(reply));
}

// ---- Whoever recovers ---------------------------------------------------------------------------

void Raft::ask_for_promises() {
  recovery_->ask_at = elapsed_ + options_.election_timeout;
  for (const NodeId node : asked()) {
    if (recovery_->heard.contains(node)) continue;
    Message question = message_to(node, MessageKind::pre_vote_request);
    question.epoch = {promise_.round + 1, options_.self};
    question.read_round = recovery_->question;
    send_now(std::move(question));
  }
}

void Raft::learn_promise(const Message& message) {
  if (message.read_round != recovery_->question) return;
  if (!message.refused) {
    recovery_->alike.insert(message.from);
    return;
  }
  if (message.epoch > promise_) become_follower(message.epoch, {});
  recovery_->heard[message.from] = {message.epoch, message.hint};
}

std::set<NodeId> Raft::asked() const {
  std::set<NodeId> nodes;
  for (auto one = memberships_.rbegin(); one != memberships_.rend(); ++one) {
    const std::vector<NodeId> members = one->second.everyone();
    nodes.insert(members.begin(), members.end());
    if (one->first <= commit_) break;
  }
  if (leader_) nodes.insert(leader_);
  nodes.erase(options_.self);
  return nodes;
}

// Everything that a quorum has ever decided is known to one of those who have answered.
bool Raft::quorums_remembered() const {
  const auto remembered = [this](const std::vector<NodeId>& voters) {
    const auto knows = [this](NodeId node) { return recovery_->heard.contains(node); };
    const auto known = std::count_if(voters.begin(), voters.end(), knows);
    return voters.size() - static_cast<std::size_t>(known) <= voters.size() / 2;
  };
  for (auto one = memberships_.rbegin(); one != memberships_.rend(); ++one) {
    if (!remembered(one->second.voters) || !remembered(one->second.outgoing)) return false;
    if (one->first <= commit_) break;
  }
  return true;
}

std::vector<NodeId> Raft::unheard() const {
  const bool enough = quorums_remembered();
  std::vector<NodeId> nodes;
  for (const NodeId node : asked()) {
    if (recovery_->heard.contains(node) || (enough && recovery_->alike.contains(node))) continue;
    nodes.push_back(node);
  }
  return nodes;
}

// The leader's log and this one are the same up to `matched`.
bool Raft::may_recover(Index matched) const {
  if (mutated(Mutation::recovered_before_caught_up)) return true;
  if (!quorums_remembered() || !unheard().empty()) return false;
  // Not yet what the leader was elected with.
  if (log_.epoch_at(matched) != promise_) return false;
  const auto answer = recovery_->heard.find(promise_.node);
  if (answer == recovery_->heard.end()) return false;
  // If it led already, this replica may have acknowledged more, up to what it had then.
  return answer->second.promise < promise_ || matched >= answer->second.last;
}

// It matched: the leader goes on behind what this log has, if that turns out to match, and counts
// nothing.
void Raft::answer_uncounted(const Message& append) {
  Message reply = message_to(append.from, MessageKind::append_reply);
  reply.refused = true;
  reply.index = append.index;
  reply.hint = log_.last();
  reply.hint_epoch = log_.last_epoch();
  send_after_sync(std::move(reply));
}

}  // namespace holdfast::consensus
