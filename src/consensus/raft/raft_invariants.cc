#include <algorithm>

#include "base/check.h"
#include "consensus/invariants.h"
#include "consensus/quorum.h"
#include "consensus/raft/raft.h"

namespace holdfast::consensus {

void Raft::check_invariants() const {
  check_state(status(), log_);
  CHECK(out_ == nullptr);
  CHECK(writes_.durable_promise() <= promise_);
  CHECK(reported_.role == role_ && reported_.epoch == promise_ && reported_.leader == leader_);

  // An epoch names the only one who can lead it.
  if (leader_) CHECK(leader_ == promise_.node, "{} leads {}", leader_, promise_);
  CHECK((role_ == Role::leader) == (leader_ == options_.self));
  if (role_ == Role::candidate) CHECK(!leader_);
  if (role_ == Role::learner) CHECK(!is_voter());
  if (role_ == Role::follower) CHECK(is_voter());
  if (role_ != Role::candidate) CHECK(votes_.empty() && !pre_vote_);

  // The membership in force is the last one in the log, and every one in the log is known.
  std::size_t in_log = 0;
  for (Index index = log_.first(); index <= log_.last(); index = index.next()) {
    if (log_.at(index).kind == EntryKind::config) ++in_log;
  }
  const auto after = std::count_if(memberships_.begin(), memberships_.end(),
                                   [this](const auto& one) { return one.first > log_.before(); });
  CHECK(static_cast<std::size_t>(after) == in_log, "{} known, {} in the log", after, in_log);
  CHECK(memberships_.back().first <= log_.last());

  if (installing_) {
    CHECK(role_ == Role::follower || role_ == Role::learner);
    CHECK(installing_->index > commit_);
  }
  if (role_ == Role::leader) {
    check_leader();
  } else {
    CHECK(peers_.empty() && uncommitted_bytes_ == 0 && !transfer_to_);
    CHECK(!reads_.any_gathered() && !reads_.round_under_way());
    CHECK(lease_until_ == Instant{} && ask_everybody_at_ == Instant::never());
  }
}

void Raft::check_leader() const {
  // Entries of an epoch exist only under its durable promise.
  CHECK(writes_.durable_promise() == promise_);
  CHECK(promise_.node == options_.self);
  CHECK(log_.last() >= own_first_ && log_.last_epoch() == promise_);
  if (log_.epoch_at(own_first_)) CHECK(*log_.epoch_at(own_first_) == promise_);

  std::uint64_t bytes = 0;
  for (Index index = commit_.next(); index <= log_.last(); index = index.next()) {
    bytes += log_.at(index).payload.size();
  }
  CHECK(bytes == uncommitted_bytes_, "{} counted, {} kept", bytes, uncommitted_bytes_);

  for (const Progress& peer : peers_) {
    CHECK(peer.match() < peer.next());
    CHECK(peer.next() <= log_.last().next());
    if (peer.state() != Progress::State::replicate) CHECK(peer.window().empty());
    CHECK(peer.read_round <= reads_.newest_round());
  }

  // Somebody waits, or there is nothing to be impatient about.
  CHECK(reads_.round_under_way() || ask_everybody_at_ == Instant::never());

  // Every member is known as what it is, and nobody else except who has just left.
  for (const NodeId node : membership().everyone()) {
    const bool known = find_peer(node) != nullptr;
    CHECK(known != (node == options_.self), "{} is a member", node);
  }
  for (const Progress& peer : peers_) {
    CHECK(peer.voter() == membership().is_voter(peer.node()));
    CHECK(membership().contains(peer.node()) == (peer.leaves_at == Instant::never()));
  }

  // Commit was advanced wherever it could be, and a committed change is not left half done.
  if (commit_ >= own_first_ && commit_ >= memberships_.back().first) {
    CHECK(membership().outgoing.empty(), "joint, and committed at {}", memberships_.back().first);
    CHECK(is_voter() || transfer_to_);
  }
  const auto match_of = [this](NodeId node) -> std::uint64_t {
    if (node == options_.self) return writes_.durable_last().value;
    const Progress* peer = find_peer(node);
    return peer == nullptr ? 0 : peer->match().value;
  };
  const Index reached(quorum_reached(membership(), match_of));
  if (reached >= own_first_) CHECK(commit_ >= reached, "{} < {}", commit_, reached);
}

}  // namespace holdfast::consensus
