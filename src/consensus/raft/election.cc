// Elections: thesis 3.4 and 3.6.1, with pre-vote (9.6) and stickiness (4.2.3).
#include <algorithm>

#include "base/check.h"
#include "base/mutation.h"
#include "consensus/quorum.h"
#include "consensus/raft/raft.h"

namespace holdfast::consensus {
namespace {

// After the news that the leader's process is gone, and after an election that a less complete log
// has shown to be needed: long enough that two rarely start at once, short against a time-out.
constexpr Duration kSoonMin = milliseconds(5);
constexpr Duration kSoonMax = milliseconds(50);
// For so many election time-outs who is to lead last lets the others try: each has campaigned by then
// that can, and once more if two met.
constexpr std::int64_t kOthersFirst = 3;
}  // namespace

// ---- Campaigning --------------------------------------------------------------------------------

// Who is no voter any more in a membership that may not be committed may be the only one who has it,
// and then nobody else can be elected (thesis 4.2.2).
bool Raft::may_campaign() const {
  if (installing_ || (recovery_ && !mutated(Mutation::recovering_node_votes))) return false;
  // Its promise would not become durable, nor anything that it led others to.
  if (disk_hangs()) return false;
  if (mutated(Mutation::outsider_campaigns)) return true;
  for (auto one = memberships_.rbegin(); one != memberships_.rend(); ++one) {
    if (one->second.is_voter(options_.self)) return true;
    if (one->first <= commit_) break;
  }
  return false;
}

void Raft::campaign() {
  if (elects_nobody()) {  // nor itself
    election_deadline_ = elects_nobody_until_;
    return;
  }
  reset_election_timer();
  if (may_campaign()) start_pre_vote();
}

void Raft::start_pre_vote() {
  role_ = Role::candidate;
  pre_vote_ = true;
  leader_ = {};
  votes_.clear();
  votes_[options_.self] = true;
  const auto vote_of = [this](NodeId node) -> std::optional<bool> {
    const auto vote = votes_.find(node);
    return vote == votes_.end() ? std::nullopt : std::optional(vote->second);
  };
  if (count_votes(membership(), vote_of) == VoteResult::won) return start_election({});
  ask_for_votes(MessageKind::pre_vote_request, {promise_.round + 1, options_.self}, {});
}

void Raft::start_election(Epoch order) {
  role_ = Role::candidate;
  pre_vote_ = false;
  leader_ = {};
  votes_.clear();
  reset_election_timer();
  set_promise({promise_.round + 1, options_.self});
  vote_given_ = true;
  if (mutated(Mutation::campaign_before_sync)) votes_[options_.self] = true;
  ask_for_votes(MessageKind::vote_request, promise_, order);
}

void Raft::ask_for_votes(MessageKind kind, Epoch epoch, Epoch order) {
  for (const NodeId node : membership().everyone()) {
    if (node == options_.self || !membership().is_voter(node)) continue;
    Message request = message_to(node, kind);
    request.epoch = epoch;
    request.index = log_.last();
    request.index_epoch = log_.last_epoch();
    request.transfer = static_cast<bool>(order);
    request.hint_epoch = order;
    if (kind == MessageKind::pre_vote_request || mutated(Mutation::campaign_before_sync)) {
      send_now(std::move(request));  // promises nothing
    } else {
      send_after_sync(std::move(request));
    }
  }
}

void Raft::record_vote(NodeId from, bool granted) {
  votes_[from] = granted;
  const auto vote_of = [this](NodeId node) -> std::optional<bool> {
    const auto vote = votes_.find(node);
    return vote == votes_.end() ? std::nullopt : std::optional(vote->second);
  };
  switch (count_votes(membership(), vote_of)) {
    case VoteResult::pending:
      return;
    case VoteResult::lost:
      return become_follower(promise_, {});
    case VoteResult::won:
      break;
  }
  if (pre_vote_) return start_election({});
  // Votes may suffice without one's own; entries of the epoch still have to wait for its promise.
  if (writes_.durable_promise() == promise_ || mutated(Mutation::campaign_before_sync)) {
    become_leader();
  }
}

void Raft::become_leader() {
  CHECK(role_ == Role::candidate && !pre_vote_);
  role_ = Role::leader;
  leader_ = options_.self;
  votes_.clear();
  peers_.clear();
  for (const NodeId node : membership().everyone()) {
    if (node == options_.self) continue;
    // Heard now: a new leader gives everyone the whole time to answer.
    peers_.emplace_back(node, membership().is_voter(node), log_.last().next(),
                        Window(options_.window_messages, options_.window_bytes), elapsed_);
  }
  uncommitted_bytes_ = 0;
  for (Index index = commit_.next(); index <= log_.last(); index = index.next()) {
    uncommitted_bytes_ += log_.at(index).payload.size();
  }
  heartbeat_deadline_ = elapsed_ + options_.heartbeat_interval;
  commit_notice_at_ = Instant::never();
  waited_for_ = {};
  held_pre_vote_.reset();
  round_times_.clear();
  leases_void_ = false;
  count_leases();
  // An entry of its own, because only such entries commit by counting (3.6.2), and only when one
  // has committed does the leader know how far its predecessors had come (6.4).
  own_first_ = log_.last().next();
  if (!mutated(Mutation::noop_skipped)) append_own(EntryKind::noop, SharedBytes());
}

void Raft::become_follower(Epoch epoch, NodeId leader) {
  if (epoch > promise_) set_promise(epoch);
  if (role_ == Role::leader) {
    reads_.refuse_all(out_->reads_refused);
    peers_.clear();
    uncommitted_bytes_ = 0;
    transfer_to_ = {};
    lease_until_ = {};
    ask_everybody_at_ = Instant::never();
    everybody_next_ = true;
  }
  const bool waited_already = role_ == Role::follower || role_ == Role::learner;
  role_ = idle_role();
  pre_vote_ = false;
  votes_.clear();
  leader_ = leader;
  // A follower that only moves up goes on waiting: a candidate with a stale log must not be able
  // to keep the others from campaigning.
  if (!waited_already) reset_election_timer();
}

void Raft::follow(NodeId leader) {
  CHECK(leader == promise_.node);
  if (role_ == Role::candidate) {
    become_follower(promise_, leader);
  } else {
    leader_ = leader;
  }
  heard_leader_at_ = elapsed_;
  held_pre_vote_.reset();
  reset_election_timer();
}

void Raft::reset_election_timer() {
  const std::int64_t timeout = options_.election_timeout.ns;
  election_deadline_ =
      elapsed_ + nanoseconds(prng_.between(timeout, 2 * timeout - 1)) + others_first();
}

// The promise has become durable. Whoever follows a leader by now knows when to stop waiting for him.
//
// An election is two writes of a promise, one after the other: the candidate's and its voters'. Where those
// take as long as an election time-out, nobody would ever be elected: whoever has voted waits so much longer.
// Twice as long as its own write took would do if all disks were alike.
void Raft::give_disks_time() {
  if (!vote_given_ || leader_ || mutated(Mutation::elections_overtake_disks)) return;
  election_deadline_ = election_deadline_ + patience_for_writes_of(elapsed_ - promised_at_);
}

// How much later than others this replica campaigns.
Duration Raft::others_first() const {
  if (!options_.leads_last || mutated(Mutation::priority_ignored)) return {};
  return options_.election_timeout * kOthersFirst;
}

void Raft::campaign_soon() {
  if (hears_leader() || !may_campaign()) return;
  const Duration delay =
      nanoseconds(prng_.between(kSoonMin.ns, kSoonMax.ns)) + others_first();
  election_deadline_ =
      std::min(election_deadline_, std::max(elapsed_, elects_nobody_until_) + delay);
}

void Raft::on(PeerLiveness input) {
  if (role_ == Role::leader) {
    Progress* peer = find_peer(input.node);
    if (peer == nullptr) return;
    // What was on its way is lost with the connection; that of a snapshot has its own report.
    if (peer->state() == Progress::State::replicate) peer->become_probe();
    if (!input.alive) {
      peer->forget_match();
      peer->prompt = false;
      if (ask_everybody_at_ != Instant::never()) ask_everybody_at_ = now_;
      if (transfer_to_ != input.node) return;
      transfer_to_ = {};
      return continue_change();
    }
    send_heartbeat(*peer);
    peer->resume();
    replicate_to(*peer, true);
    return;
  }
  if (input.alive || input.node != leader_) return;
  // Known to be gone, not merely silent: no reason to wait, nor to refuse others who know it too.
  leader_ = {};
  if (mutated(Mutation::promise_ends_with_connection)) elects_nobody_until_ = {};
  campaign_soon();
}

// ---- Voting -------------------------------------------------------------------------------------

bool Raft::hears_leader() const {
  if (role_ == Role::leader) return true;  // until check-quorum says otherwise
  return leader_ && elapsed_ - heard_leader_at_ < options_.election_timeout;
}

bool Raft::as_complete_as_ours(const Message& message) const {
  if (mutated(Mutation::stale_log_elected)) return true;
  if (mutated(Mutation::longest_log_elected)) return message.index >= log_.last();
  return std::pair(message.index_epoch, message.index) >= std::pair(log_.last_epoch(), log_.last());
}

void Raft::on_pre_vote_request(const Message& message) {
  if (recovery_ && !mutated(Mutation::recovering_node_votes)) return;
  const bool complete = as_complete_as_ours(message);
  if (complete && !hears_leader() && elects_nobody()) return hold_pre_vote(message);
  const bool granted = complete && !hears_leader();
  Message reply = message_to(message.from, MessageKind::pre_vote_reply);
  // A grant speaks of the epoch asked for; a refusal of our own, which may be the higher one.
  if (granted) reply.epoch = message.epoch;
  reply.refused = !granted;
  send_after_sync(std::move(reply));
  // The asker cannot win against this log; if nobody leads, this replica can.
  if (!complete) campaign_soon();
}

void Raft::on_pre_vote_reply(const Message& message) {
  if (role_ != Role::candidate || !pre_vote_) return;
  if (message.refused) {
    if (message.epoch == promise_) record_vote(message.from, false);
  } else if (message.epoch == Epoch{promise_.round + 1, options_.self}) {
    record_vote(message.from, true);
  }
}

void Raft::on_vote_request(const Message& message) {
  // The promise of this epoch is the vote, unless the log forbids it. A repeated request gets the
  // same answer: under this promise only the asker itself could have changed the log since. Voters
  // do not ask whether the candidate is a member: they may not know of it yet (4.2.2).
  CHECK(message.epoch == promise_);
  if (recovery_ && !mutated(Mutation::recovering_node_votes)) return;
  const bool granted = as_complete_as_ours(message);
  Message reply = message_to(message.from, MessageKind::vote_reply);
  reply.refused = !granted;
  mutated(Mutation::vote_before_sync) ? send_now(std::move(reply))
                                      : send_after_sync(std::move(reply));
  if (granted) {
    vote_given_ = true;
    reset_election_timer();
  } else {
    campaign_soon();
  }
}

void Raft::on_vote_reply(const Message& message) {
  if (role_ != Role::candidate || pre_vote_ || message.epoch != promise_) return;
  record_vote(message.from, !message.refused);
}

}  // namespace holdfast::consensus
