#include "server/node.h"

#include <algorithm>
#include <utility>

namespace holdfast::server {
namespace {

// A member that is there has been heard of by then, even if it was started a little later.
constexpr Duration kUnheardAfter = seconds(10);

}  // namespace

Node::Node(NodeOptions options, env::Clock& clock, env::Disk& disk, env::Network& network,
           Trace& trace)
    : options_(std::move(options)),
      keys_{options_.secrets, options_.entropy},
      clock_(clock),
      node_disk_(disk, clock, [this](const std::string& what) { fail(what); }),
      network_(network),
      trace_(trace),
      prng_(options_.seed),
      started_(clock.now()) {
  CHECK(keys_.empty() || keys_.random, "secrets are of no use without entropy");
}

Node::~Node() = default;

// ---- The turn -----------------------------------------------------------------------------------

Instant Node::now() const {
  if (!turn_now_) turn_now_ = clock_.now();
  return *turn_now_;
}

void Node::on_turn_end() {
  if (ended_) return;
  const Instant turn = now();
  if (founding_) founding_->on_turn_end(turn);
  if (http_) http_->on_turn_end(turn);
  continue_founding(turn);
  if (peers_ && !ended_) {
    peers_->set_snapshot_rate(
        static_cast<std::uint64_t>(options_.config.snapshot_send_bytes_per_s));
    peers_->on_turn_end(turn);
  }
  if (replica_ && !ended_) {
    report_departures(turn);
    report_transfer(turn);
    take_roster();
    tell_level();
    if (ended_) return turn_now_.reset();
    if (setting("requirepass-hash") != password_) {
      password_ = setting("requirepass-hash");
      clients_->settings_changed();
    }
  }
  if (clients_ && !ended_) clients_->on_turn_end(turn);
  if (images_ && !ended_) images_->sweep(turn);
  if (replica_ && !ended_) {
    continue_scrub(turn);
    replica_->confirm_reads_by(options_.config.reads == "lease" ? consensus::ReadMode::lease
                                                                : consensus::ReadMode::quorum);
    replica_->want_notices(wanted_topics());
    replica_->end_turn(turn);
    if (audit_) audit_->on_turn_end(turn);
  }
  if (!ended_) continue_recovery(turn);
  if (!ended_) forget_old_promises(turn);
  if (clients_ && !ended_) clients_->flush();
  if (!ended_) continue_shutdown(turn);
  turn_now_.reset();
}

void Node::report_departures(Instant turn) {
  if (replica_->role() != consensus::Role::leader) return;
  // Whoever waited through an earlier process of this node has lost its connection as well.
  if (!std::exchange(reported_own_past_, true) && identity_.incarnation.value > 1) {
    departures_.add(identity_.node, Incarnation(identity_.incarnation.value - 1), true,
                    turn + milliseconds(options_.config.waiter_grace_ms));
  }
  report_unheard(turn);
  departures_.on_turn_end({.now = turn,
                           .epoch = replica_->epoch(),
                           .self = {identity_.node, identity_.incarnation, {}, 0},
                           .cluster_time = [this] { return replica_->status().cluster_time; },
                           .submit =
                               [this](std::string_view record) {
                                 return replica_->submit(record, true, Epoch{}) ==
                                        replica::Accepted::yes;
                               }});
}

// A member that never came back while this process lived: nobody shall wait behind its waiters.
void Node::report_unheard(Instant turn) {
  if (reported_unheard_ || turn - started_ < kUnheardAfter) return;
  reported_unheard_ = true;
  for (const auto& member : identity_.members) {
    if (member.node == identity_.node || peers_->last_heard(member.node) != Instant{}) continue;
    departures_.add(member.node, Incarnation(INT64_MAX), false,
                    turn + milliseconds(options_.config.waiter_grace_ms));
  }
}

std::vector<LockWait> Node::waits() const {
  return clients_ ? clients_->waits() : std::vector<LockWait>();
}

Instant Node::wake_at() const {
  if (ended_) return Instant::never();
  Instant at = clients_ ? clients_->wake_at() : Instant::never();
  if (founding_) at = std::min(at, founding_->wake_at());
  if (http_) at = std::min(at, http_->wake_at());
  if (bootstrap_) at = std::min({at, bootstrap_->wake_at(), say_at_});
  if (adopted_ || serve_soon_ || end_now_) return Instant{};
  if (peers_) at = std::min(at, peers_->wake_at());
  if (replica_) {
    at = std::min({at, replica_->wake_at(), transfer_.wake_at()});
    if (scrub_) at = std::min(at, scrub_->wake_at());
    if (audit_) at = std::min(at, audit_->wake_at());
    if (replica_->role() == consensus::Role::leader) {
      at = std::min(at, departures_.wake_at(replica_->epoch()));
    }
  }
  if (ending_since_) at = std::min(at, *ending_since_ + seconds(2));
  return at;
}

// ---- Services -----------------------------------------------------------------------------------

Services::Routed Node::route(std::string_view record, bool write, Epoch under) {
  if (!replica_) return Routed::no_leader;
  const NodeId leads = replica_->leader();
  if (!leads) return Routed::no_leader;
  if (leads == identity_.node) {
    switch (replica_->submit(record, write, under, true)) {
      case replica::Accepted::yes:
        return Routed::sent;
      case replica::Accepted::not_leader:
        return Routed::no_leader;
      case replica::Accepted::busy:
        return Routed::busy;
      case replica::Accepted::no_space:
        return Routed::no_space;
    }
  }
  if (!peers_->forward(leads, record, write, under)) return Routed::no_leader;
  forwarded_under_ = under;
  forwarded_to_ = leads;
  return Routed::sent;
}

void Node::publish_elsewhere(std::string_view channel, std::string_view message) {
  if (peers_) peers_->publish({channel, message});
}

void Node::hand_over(NodeId to) {
  if (!replica_ || replica_->role() != consensus::Role::leader) return;
  // What was ordered at the last moment still has to arrive, and an election to be won.
  const Duration patience = milliseconds(options_.config.election_ms * 3 / 2);
  transfer_.begin(to, replica_->epoch(), now(), patience);
  replica_->hand_over(to);
}

// Whoever gave the order may have gone; the log says how it ended.
void Node::report_transfer(Instant turn) {
  if (!transfer_.look(identity_.node, replica_->leader(), replica_->epoch(), turn)) return;
  if (transfer_.succeeded()) return trace_.info("leadership handed over", {{"outcome", transfer_.text()}});
  trace_.warning("leadership was not handed over as ordered", {{"outcome", transfer_.text()}});
}

Result<Services::Image> Node::image(ConnectionId who, Index at_least, std::uint64_t offset) {
  if (!replica_) return Error{"NOLEADER this node is not part of a cluster yet"};
  if (replica_->agreement() != replica::Agreement::agreed) {
    return Error{"ERR the data of this node is in doubt; ask another one"};
  }
  if (!images_) images_ = std::make_unique<ImageReader>(disk_);
  const Index has = images_->of(who);
  if (has == Index() || (offset == 0 && has < at_least)) {
    if (replica_->take_snapshot_failure()) {
      return Error{"ERR a snapshot could not be written here; this node's log says why. Free space "
                   "on its disk, or ask another node"};
    }
    const auto& newest = replica_->stored_snapshot();
    if (!newest || newest->index < at_least) {
      if (at_least <= replica_->applied()) replica_->want_snapshot(at_least);
      return Image{};
    }
    auto opened = images_->open(who, *newest, replica_->hold_snapshot(), now());
    if (!opened) return opened.error();
  }
  return images_->read(who, offset, now());
}

NodeId Node::leader() const { return replica_ ? replica_->leader() : NodeId{}; }

Epoch Node::leader_epoch() const { return replica_ ? replica_->epoch() : Epoch{}; }

std::string_view Node::setting(std::string_view name) const {
  return replica_ ? replica_->setting(name) : std::string_view();
}

std::vector<Services::PeerView> Node::peer_views() const {
  std::vector<PeerView> views;
  if (!peers_) return views;
  for (const storage::Member& member : identity_.members) {
    if (member.node == identity_.node) continue;
    const Instant heard = peers_->last_heard(member.node);
    views.push_back({.node = member.node,
                     .address = member.address,
                     .connected = peers_->alive(member.node),
                     .silent_for = now() - (heard == Instant{} ? started_ : heard)});
  }
  return views;
}

}  // namespace holdfast::server
