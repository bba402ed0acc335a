#include "consensus/raft/raft.h"

#include <algorithm>

#include "base/check.h"
#include "base/mutation.h"
#include "consensus/quorum.h"

namespace holdfast::consensus {
namespace {

// Beyond any that occurs, and far enough from the end that adding to it does not wrap. What claims
// to be beyond is nonsense.
constexpr std::uint64_t kAbsurd = std::uint64_t{1} << 62;

// How much of the time between two steps counts at most. A process that was stopped for seconds
// wakes up to find that its timers have expired and that the answers which would have reset them
// wait in its sockets: believing the clock, a leader would depose itself and a follower a healthy
// leader. So a gap counts as little more than the pace at which a live host steps; wake_at asks
// for that pace. Safety does not rest on it: a leader that slept learns of its successor from the
// first answer, reads wait for a quorum, and leases are counted on the host's clock.
Duration max_advance(const ProtocolOptions& options) {
  return options.heartbeat_interval + options.heartbeat_interval / 2;
}

Epoch known_promise(const ProtocolOptions& options, const Recovered& recovered) {
  if (!mutated(Mutation::own_epochs_forgotten)) return recovered.promise;
  return recovered.promise.node == options.self ? Epoch{} : recovered.promise;
}

}  // namespace

Raft::Raft(const ProtocolOptions& options, Recovered recovered, Instant now, Prng prng)
    : options_(options),
      // An entry is written after the promise of its epoch: it proves that promise.
      promise_(std::max({known_promise(options, recovered), recovered.mark.epoch,
                         recovered.entries.empty() ? Epoch{} : recovered.entries.back().epoch})),
      log_(recovered.mark.index, recovered.mark.epoch),
      writes_(promise_, recovered.mark.index + recovered.entries.size()),
      commit_(recovered.mark.index),
      prng_(prng),
      now_(now),
      elapsed_(now),
      heard_leader_at_(now),
      disk_moved_at_(now) {
  CHECK(options_.self.value != 0);
  memberships_.emplace_back(recovered.mark.index, std::move(recovered.mark.membership));
  adopt_memberships(recovered.entries);
  for (Entry& entry : recovered.entries) log_.append(std::move(entry));
  if (!mutated(Mutation::restarted_voter_votes)) {
    elects_nobody_until_ = elapsed_ + recovered.may_have_promised;
  }
  role_ = idle_role();
  reported_ = {role_, promise_, leader_};
  reset_election_timer();
  if (recovered.recovering) {
    recovery_.emplace(prng_.next() | 1);
    recovery_->ask_at = elapsed_;
  }
  // Nobody else can lead a group of one, so there is nobody to wait for.
  if (membership().voters.size() == 1 && membership().outgoing.empty()) {
    election_deadline_ = elapsed_;
    elects_nobody_until_ = {};
  }
}

Guarantees Raft::guarantees() const {
  return {.linearizable = true,
          .may_lose_acknowledged = false,
          .membership_changes = true,
          .leadership_transfer = true,
          .lease_reads = true};
}

// ---- The step -----------------------------------------------------------------------------------

void Raft::step(Instant now, Input input, Effects& effects) {
  advance_time(now);
  out_ = &effects;
  std::visit([this](auto&& one) { on(std::move(one)); }, std::move(input));
  finish_step();
  out_ = nullptr;
}

void Raft::advance_time(Instant now) {
  CHECK(now >= now_, "time runs backwards");
  elapsed_ = elapsed_ + std::min(now - now_, max_advance(options_));
  now_ = now;
}

void Raft::finish_step() {
  if (out_->promise || out_->append) {
    std::optional<Index> last;
    if (out_->append && !out_->append->entries.empty()) last = out_->append->entries.back().index;
    if (!writes_.any_under_way()) disk_moved_at_ = elapsed_;
    out_->write = writes_.issue(out_->promise, last);
  }
  const bool changed =
      role_ != reported_.role || promise_ != reported_.epoch || leader_ != reported_.leader;
  if (changed) {
    reported_ = {role_, promise_, leader_};
    out_->role = reported_;
  }
}

void Raft::on(Tick) {
  if (role_ != Role::leader) {
    if (recovery_ && elapsed_ >= recovery_->ask_at) ask_for_promises();
    if (held_pre_vote_ && !elects_nobody()) answer_held_pre_vote();
    if (elapsed_ >= campaign_at()) campaign();
    return;
  }
  if (transfer_to_ && elapsed_ >= transfer_deadline_) {
    transfer_to_ = {};
    if (leaving()) return become_follower(promise_, {});
  }
  if (elapsed_ >= heartbeat_deadline_) {
    if (disk_hangs() && !mutated(Mutation::heartbeats_hide_hung_disk)) return give_up_for_disk();
    if (!quorum_is_active() && !mutated(Mutation::leader_never_gives_up)) {
      return become_follower(promise_, {});
    }
    forget_departed();
    send_heartbeats();
  } else if (now_ >= ask_everybody_at_ || (reads_.any_gathered() && now_ >= next_read_round())) {
    start_read_round();
  }
  if (elapsed_ >= commit_notice_at_) tell_commit();
}

void Raft::on(WriteCompleted input) {
  const bool promising = promise_under_way();
  writes_.complete(input.write);
  note_disk_moved();
  if (promising && !promise_under_way()) give_disks_time();
  if (role_ == Role::candidate && !pre_vote_ && writes_.durable_promise() == promise_) {
    record_vote(options_.self, true);  // one's own vote counts once it would survive a crash
  } else if (role_ == Role::leader) {
    update_commit();
  }
}

void Raft::on(Appointed&&) { out_->unsupported = "appointed: a raft group elects its leader"; }

void Raft::on(LogFaultFound) {
  out_->unsupported = "log fault found: a raft replica begins again without its log, as recovering";
}

// ---- Messages -----------------------------------------------------------------------------------

void Raft::on(Received&& input) {
  Message& message = input.message;
  if (!plausible(message)) return;
  // Of one who recovers, or to him. Read rounds have no other place in pre-votes.
  if (message.read_round != 0 && message.kind == MessageKind::pre_vote_request) {
    return answer_question(message);
  }
  if (message.read_round != 0 && message.kind == MessageKind::pre_vote_reply) {
    return recovery_ ? learn_promise(message) : void();
  }
  if (message.epoch < promise_) {
    if (!mutated(Mutation::older_epochs_unanswered)) answer_older(message);
    return;
  }
  if (message.epoch > promise_ && message.kind != MessageKind::pre_vote_request) {
    // Thesis 4.2.3: who hears a leader ignores candidates, or a server that was cut off for a while
    // could depose it on its return. Ignoring includes their epoch.
    const bool candidate = message.kind == MessageKind::vote_request;
    if (candidate && !message.transfer && hears_leader()) return;
    if (candidate && elects_nobody() && !freed_by(message)) return;
    if (raises_promise(message)) become_follower(message.epoch, {});
  }
  dispatch(std::move(message));
}

bool Raft::plausible(const Message& message) const {
  if (message.group != options_.group || message.to != options_.self) return false;
  if (!message.from || message.from == options_.self) return false;
  if (message.epoch.round >= kAbsurd || message.index.value >= kAbsurd) return false;
  switch (message.kind) {
    case MessageKind::pre_vote_request:
    case MessageKind::vote_request:
    case MessageKind::append:
    case MessageKind::heartbeat:
    case MessageKind::snapshot:
    case MessageKind::campaign_now:
      // Said by the candidate or leader of the epoch, which the epoch names.
      return message.epoch && message.epoch.node == message.from;
    case MessageKind::pre_vote_reply:
    case MessageKind::vote_reply:
    case MessageKind::append_reply:
    case MessageKind::heartbeat_reply:
      return true;
  }
  return false;
}

bool Raft::raises_promise(const Message& message) const {
  // A granted pre-vote speaks of an epoch that nobody has begun. A refused one tells the voter's
  // own: without moving up to it, the one with the longer log and the lower epoch would ask in vain
  // for ever, and the one with the higher epoch would be refused for its log.
  return message.kind != MessageKind::pre_vote_reply || message.refused;
}

void Raft::answer_older(const Message& message) {
  // The sender missed an epoch. Silence would leave it, or this replica, stuck: a leader that
  // nobody tells goes on for ever, and a replica that has promised more than the others would never
  // follow it again. The answer's epoch moves the sender up.
  MessageKind kind = MessageKind::append_reply;
  switch (message.kind) {
    case MessageKind::pre_vote_request:
      kind = MessageKind::pre_vote_reply;
      break;
    case MessageKind::vote_request:
      kind = MessageKind::vote_reply;
      break;
    case MessageKind::heartbeat:
      kind = MessageKind::heartbeat_reply;
      break;
    case MessageKind::append:
    case MessageKind::snapshot:
      break;
    default:
      return;  // an old answer
  }
  Message reply = message_to(message.from, kind);
  reply.refused = true;
  send_after_sync(std::move(reply));
}

void Raft::dispatch(Message&& message) {
  switch (message.kind) {
    case MessageKind::pre_vote_request:
      return on_pre_vote_request(message);
    case MessageKind::pre_vote_reply:
      return on_pre_vote_reply(message);
    case MessageKind::vote_request:
      return on_vote_request(message);
    case MessageKind::vote_reply:
      return on_vote_reply(message);
    case MessageKind::append:
      return on_append(std::move(message));
    case MessageKind::append_reply:
      return on_append_reply(message);
    case MessageKind::heartbeat:
      return on_heartbeat(message);
    case MessageKind::heartbeat_reply:
      return on_heartbeat_reply(message);
    case MessageKind::snapshot:
      return on_snapshot(message);
    case MessageKind::campaign_now:
      return on_campaign_now(message);
  }
}

void Raft::set_promise(Epoch epoch) {
  CHECK(epoch > promise_, "{} after {}", epoch, promise_);
  promise_ = epoch;
  promised_at_ = elapsed_;
  vote_given_ = false;
  out_->promise = epoch;
}

Message Raft::message_to(NodeId to, MessageKind kind) const {
  Message message;
  message.kind = kind;
  message.group = options_.group;
  message.from = options_.self;
  message.to = to;
  message.epoch = promise_;
  return message;
}

void Raft::send_now(Message&& message) { out_->send_now.push_back(std::move(message)); }

void Raft::send_after_sync(Message&& message) {
  out_->send_after_sync.push_back(std::move(message));
}

// ---- Queries ------------------------------------------------------------------------------------

Instant Raft::wake_at() const {
  Instant deadline = role_ == Role::leader ? heartbeat_deadline_ : campaign_at();
  if (role_ == Role::leader && transfer_to_) deadline = std::min(deadline, transfer_deadline_);
  if (role_ == Role::leader) deadline = std::min(deadline, commit_notice_at_);
  if (recovery_) deadline = std::min(deadline, recovery_->ask_at);
  if (role_ != Role::leader && held_pre_vote_) {
    deadline = std::min(deadline, elects_nobody_until_);
  }
  // Not later than a heartbeat interval, for the sake of max_advance().
  const Duration wait = std::max(Duration{}, deadline - elapsed_);
  const Instant wake = now_ + std::min(wait, options_.heartbeat_interval);
  if (role_ != Role::leader) return wake;
  const Instant next = reads_.any_gathered() ? next_read_round() : Instant::never();
  return std::min(wake, std::max(now_, std::min(next, ask_everybody_at_)));
}

Status Raft::status() const {
  Status status;
  status.role = role_;
  status.epoch = promise_;
  status.leader = leader_;
  status.commit = commit_;
  status.first = log_.first();
  status.last = log_.last();
  status.durable = writes_.durable_last();
  status.membership = membership();
  status.membership_index = memberships_.back().first;
  status.recovering = recovery_.has_value();
  if (recovery_) {
    status.unheard = unheard();
    for (const NodeId node : recovery_->alike) {
      if (!recovery_->heard.contains(node)) status.recovering_too.push_back(node);
    }
  }
  status.round = reads_.newest_round();
  if (!leases_void_) status.lease_until = lease_until_;
  for (const Progress& peer : peers_) {
    status.peers.push_back(
        {.node = peer.node(),
         .match = peer.match(),
         .voter = peer.voter(),
         .recently_active = elapsed_ - peer.heard_at() < options_.election_timeout,
         .snapshotting = peer.state() == Progress::State::snapshot,
         .recovers = peer.recovers(),
         .round = peer.read_round});
  }
  return status;
}

}  // namespace holdfast::consensus
