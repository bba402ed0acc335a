// What the replica and the peers say, passed on to whom it concerns.
#include <fmt/format.h>

#include "replica/command_record.h"
#include "server/node.h"

namespace holdfast::server {

// ---- From peers ---------------------------------------------------------------------------------

void Node::on_peer_message(consensus::Message message, ClusterTime stamp) {
  if (!replica_ || message.group != GroupId{}) return;
  replica_->receive(std::move(message), stamp);
}

void Node::on_forward(NodeId from, std::string_view record, bool write, Epoch under) {
  const auto origin = replica::decode_origin(record);
  if (!origin || origin->node != from) {
    trace_.warning("forwarded command dropped",
                   {{"node", fmt::to_string(from.value)}, {"reason", "its record makes no sense"}});
    return;
  }
  replica::Accepted accepted = replica::Accepted::not_leader;
  if (replica_ && !ended_) {
    accepted = forward_order_.must_refuse(*origin) ? replica::Accepted::busy
                                                   : replica_->submit(record, write, under);
  }
  if (accepted == replica::Accepted::yes) {
    forward_order_.on_accepted(*origin);
    return;
  }
  if (accepted == replica::Accepted::no_space) {
    // Final, so nothing that was sent behind it can pass it.
    return peers_->send_outcome(*origin, replica::Verdict::no_space, {}, Index{});
  }
  if (accepted != replica::Accepted::not_leader) forward_order_.on_refused(*origin);
  peers_->send_outcome(*origin, replica::Verdict::not_done, {}, Index{});
}

void Node::on_outcome(const Origin& origin, replica::Verdict verdict, std::string_view reply,
                      Index index) {
  outcome(origin, verdict, reply, index);
}

void Node::on_peer_liveness(NodeId node, bool alive) {
  if (!replica_) return;
  const Incarnation process = peers_->incarnation(node);
  if (alive) {
    departures_.forget(node, process);
    // Met for the first time by this process: what the node's earlier processes left behind, as
    // after a power cut that took all of them, nobody else will report.
    if (process.value > 1) {
      departures_.add(node, Incarnation(process.value - 1), true,
                      now() + milliseconds(options_.config.waiter_grace_ms));
    }
  } else {
    departures_.add(node, process, peers_->ended(node),
                    now() + milliseconds(options_.config.waiter_grace_ms));
  }
  replica_->peer_liveness(node, alive);
}

// Commands that were forwarded over the link before this one have perhaps been lost, and only a new
// epoch could tell which. Under the same epoch a later command of the same connection could
// overtake one that is then sent again: so nobody waits for them any longer.
void Node::on_peer_linked(NodeId node) {
  if (!replica_) return;
  // Asked of the node that they went to: that it leads may not be known again yet.
  if (node == forwarded_to_) {
    if (forwarded_under_ == replica_->epoch()) clients_->forwards_lost();
    forwarded_to_ = NodeId{};
  }
  if (node == replica_->leader()) clients_->leader_changed();
}

Result<std::shared_ptr<void>> Node::try_snapshot(GroupId group, Index index,
                                                 std::string_view content) {
  if (!replica_ || group != GroupId{}) return Error{"this node has no replica of that group"};
  return replica_->try_snapshot(index, content);
}

void Node::on_snapshot(GroupId group, Index index, std::string content) {
  if (replica_ && group == GroupId{}) replica_->snapshot_arrived(index, content);
}

void Node::on_snapshot_sent(GroupId group, NodeId to, bool delivered) {
  // Perhaps the receiver has found out that it is damaged.
  if (!delivered && scrub_) scrub_->hurry(now());
  if (replica_ && group == GroupId{}) replica_->snapshot_sent(to, delivered);
}

void Node::on_digest(NodeId from, const DigestReport& report) {
  if (replica_ && report.group == GroupId{}) {
    replica_->digest_told(from, report.index, report.hash);
  }
}

void Node::on_rebuild(NodeId from, const RebuildOrder& order) {
  if (replica_ && order.group == GroupId{}) {
    replica_->rebuild_ordered(from, order.under, order.index);
  }
}

void Node::on_snapshot_wanted(NodeId by, const SnapshotRequest& request) {
  if (replica_ && request.group == GroupId{}) replica_->snapshot_wanted(by, request.at_least);
}

void Node::on_published(const Published& published) {
  if (clients_) clients_->publish(published.channel, published.message);
}

// ---- From the replica ---------------------------------------------------------------------------

void Node::send(GroupId, const consensus::Message& message, ClusterTime stamp) {
  if (!ended_) peers_->send(message, stamp);
}

void Node::send_snapshot(GroupId group, NodeId to) {
  // Without a stored snapshot there is nothing to send: a wish without a file ends as not delivered,
  // and the replica asks again.
  const auto& stored = replica_->stored_snapshot();
  SnapshotSender::Wish wish{group, {}, nullptr};
  if (stored) wish = {group, *stored, replica_->hold_snapshot()};
  peers_->send_snapshot(to, std::move(wish));
}

void Node::tell_digest(GroupId group, NodeId leader, Index index, std::uint64_t hash) {
  if (ended_) return;
  peers_->send_note(leader, FrameKind::digest, encode_digest_report({group, index, hash}));
}

void Node::order_rebuild(GroupId group, NodeId to, Epoch under, Index index) {
  if (ended_) return;
  peers_->send_note(to, FrameKind::rebuild, encode_rebuild_order({group, under, index}));
}

void Node::ask_for_snapshot(GroupId group, NodeId leader, Index at_least) {
  if (ended_) return;
  peers_->send_note(leader, FrameKind::snapshot_wanted, encode_snapshot_request({group, at_least}));
}

void Node::outcome(const Origin& origin, replica::Verdict verdict, std::string_view reply,
                   Index index) {
  if (ended_) return;
  if (origin.node != identity_.node) {
    // Taken at first, refused when the turn was proposed: what was sent behind it must not pass it.
    if (verdict == replica::Verdict::not_done) forward_order_.on_refused(origin);
    peers_->send_outcome(origin, verdict, reply, index);
  } else if (origin.incarnation != identity_.incarnation) {
    return;  // of a process that this one follows; its clients are gone
  } else if (origin.connection == Departures::kConnection) {
    departures_.on_outcome(origin.request, verdict);
  } else {
    clients_->outcome(origin, verdict, reply, index);
  }
}

void Node::reads_settled(GroupId, consensus::ReadTicket ticket, bool right) {
  if (!ended_) clients_->reads_settled(ticket, right);
}

void Node::role_changed(GroupId, const consensus::RoleChange& role) {
  count_role(role);
  forward_order_.clear();
  clients_->leader_changed();
}

void Node::epoch_applied(GroupId, Epoch epoch) { clients_->epoch_applied(epoch); }

void Node::outcomes_lost(GroupId) { clients_->outcomes_lost(); }

void Node::noticed(GroupId, replica::EntryNotices&& entry) {
  if (options_.noticed) options_.noticed(entry);
  if (audit_) audit_->on_entry(entry);
  clients_->noticed(entry);
}

void Node::notices_missed(GroupId, Index from, Index to) {
  if (options_.notices_missed) options_.notices_missed();
  if (audit_) audit_->on_missed(from, to, clock_.wall());
  clients_->notices_missed(from);
}

void Node::open_audit() {
  if (options_.config.audit_log.empty()) return;
  audit_ = std::make_unique<AuditLog>(options_.audit_disk, identity_.cluster_id, options_.config,
                                      trace_);
  if (const auto opened = audit_->open(); !opened) {
    trace_.error("the audit log cannot be read: lines may be repeated there",
                 {{"folder", options_.config.audit_log}, {"reason", opened.error().message}});
  }
  audit_->begin(identity_.node, replica_->applied(), clock_.wall());
}

std::uint8_t Node::wanted_topics() {
  constexpr auto kAudited = static_cast<std::uint8_t>(keyspace::Topic::holdings) |
                            static_cast<std::uint8_t>(keyspace::Topic::cluster);
  if (options_.noticed) return kAudited | static_cast<std::uint8_t>(keyspace::Topic::keys);
  return static_cast<std::uint8_t>(clients_->topics() | (audit_ ? kAudited : 0));
}

}  // namespace holdfast::server
