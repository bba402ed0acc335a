#include "server/peers.h"

#include <fmt/format.h>

#include <algorithm>
#include <utility>

#include "base/codec.h"
#include "consensus/message_codec.h"
#include "server/peers_state.h"

namespace holdfast::server {
namespace {

// Connections that have not greeted: each has this long, and there are never more than these.
constexpr Duration kGreetingTimeout = seconds(3);
constexpr std::size_t kMaxStrangers = 256;
// Pings on the data lane stand behind what the kernel has taken of a megabyte of entries.
constexpr int kDataPatience = 10;
// What stands before a record, a reply or a message in its frame is shorter than this.
constexpr std::size_t kRoomForHead = 1024;
constexpr std::string_view kReplyTooLong =
    "-ERR the command was carried out, but its answer is longer than what nodes may send each "
    "other; send it to the leader itself\r\n";

// Small and urgent things have a connection that no megabyte of entries can block.
PeerLane lane_of(consensus::MessageKind kind) {
  switch (kind) {
    case consensus::MessageKind::append:
    case consensus::MessageKind::append_reply:
    case consensus::MessageKind::snapshot:
      return PeerLane::data;
    default:
      return PeerLane::control;
  }
}

OutgoingLane::Options lane_options(const Peers::State& peers, const storage::Member& member,
                                   PeerLane lane) {
  // An address that cannot be parsed never got into an identity; port 0 is refused by connect.
  auto address = env::Address::parse(member.peer_address);
  return {.address = address ? *address : env::Address{},
          .hello = peers.greeting(lane, member.node),
          .first_pause = peers.options.reconnect,
          .longest_pause = peers.options.reconnect * 10,
          .greeting_timeout = kGreetingTimeout};
}

}  // namespace

Peer::Peer(Peers::State& peers, const storage::Member& member)
    : owner(peers),
      node(member.node),
      uid(member.uid),
      control(lane_options(peers, member, PeerLane::control), peers.options.keys, peers.network,
              *this),
      data(lane_options(peers, member, PeerLane::data), peers.options.keys, peers.network, *this),
      control_hearing(peers.options.peer_timeout),
      data_hearing(peers.options.peer_timeout * kDataPatience),
      snapshots(peers.disk, peers.traffic, peers.trace, [this](GroupId group, bool delivered) {
        owner.events.on_snapshot_sent(group, node, delivered);
      }) {}

Peers::State::State(Options the_options, env::Network& the_network, env::Disk& the_disk,
                    Trace& the_trace, PeerEvents& the_events)
    : options(std::move(the_options)),
      network(the_network),
      disk(the_disk),
      trace(the_trace),
      events(the_events),
      receiver(
          disk, traffic, trace,
          [this](GroupId group, Index index, std::string_view content) {
            return events.try_snapshot(group, index, content);
          },
          [this](GroupId group, Index index, std::string content) {
            events.on_snapshot(group, index, std::move(content));
          },
          [this](NodeId to, FrameKind kind, const std::string& body) {
            Peer* peer = find(to);
            PeerLink* link = peer == nullptr ? nullptr : data_link(*peer);
            if (link != nullptr) link->send(kind, body);
          }),
      acquaintances(disk, options.identity.cluster_id, options.met),
      refusals(trace) {
  for (const storage::Member& member : options.identity.members) {
    if (member.node == options.identity.node) continue;
    peers.emplace(member.node, std::make_unique<Peer>(*this, member));
  }
}

Peers::State::~State() {
  for (const Stranger& stranger : strangers) stranger.link->close(true);
  for (auto& [node, peer] : peers) {
    for (const auto& link : peer->incoming) link->close(true);
  }
}

Peer* Peers::State::find(NodeId node) {
  const auto found = peers.find(node);
  return found == peers.end() ? nullptr : found->second.get();
}

std::shared_ptr<env::StreamHandler> Peers::State::accept(env::Stream& stream) {
  if (strangers.size() >= kMaxStrangers) return nullptr;
  auto link = PeerLink::accept(stream, options.keys, *this);
  strangers.push_back({link, Instant{}});
  return link;
}

// ---- What arrives -------------------------------------------------------------------------------

void Peers::State::on_frame(PeerLink& link, Frame frame) {
  if (frame.kind == FrameKind::hello) {
    on_hello(link, frame);
    return;
  }
  Peer* peer = find(link.peer.node);
  if (peer == nullptr) {
    link.refuse("the greeting comes first");
    on_link_closed(link, "no greeting");
    return;
  }
  peer->heard = true;
  if (link.peer.start != peer->start) keep_in_mind(*peer, link.peer);
  declare_alive(*peer, "heard again");
  const bool understood = frame.kind == FrameKind::ping ? take_ping(*peer, link.peer.lane, frame)
                                                        : take(*peer, frame);
  if (!understood) {
    const std::string reason =
        fmt::format("a frame of kind {} that makes no sense", static_cast<int>(frame.kind));
    trace.warning("link cut", {{"node", fmt::to_string(peer->node.value)}, {"reason", reason}});
    link.refuse(reason);
    on_link_closed(link, reason);
  }
}

void Peers::State::on_turned_away(PeerLink& link, std::string_view reason) {
  refusals.add(link.remote(), reason);
}

void Peers::State::on_link_closed(PeerLink& link, std::string_view reason) {
  std::erase_if(strangers, [&link](const Stranger& s) { return s.link.get() == &link; });
  Peer* peer = find(link.peer.node);
  if (peer == nullptr) return;
  const auto ours = std::find_if(peer->incoming.begin(), peer->incoming.end(),
                                 [&link](const auto& l) { return l.get() == &link; });
  if (ours == peer->incoming.end()) return;
  if (link.damaged()) {
    trace.warning("link cut",
                  {{"node", fmt::to_string(peer->node.value)}, {"reason", std::string(reason)}});
  }
  if (link.peer.lane == PeerLane::data) receiver.on_link_lost(peer->node);
  peer->incoming.erase(ours);
  look_for_end(*peer, reason);
}

bool Peers::State::take(Peer& peer, const Frame& frame) {
  switch (frame.kind) {
    case FrameKind::message:
      return take_message(peer, frame);
    case FrameKind::forward: {
      const auto forward = decode_forward(frame.body.view());
      if (forward) events.on_forward(peer.node, forward->record, forward->write, forward->under);
      return forward.has_value();
    }
    case FrameKind::outcome: {
      const auto outcome = decode_outcome(frame.body.view());
      if (outcome) {
        events.on_outcome(outcome->origin, outcome->verdict, outcome->reply, outcome->index);
      }
      return outcome.has_value();
    }
    default:
      return take_snapshot_part(peer, frame);
  }
}

bool Peers::State::take_message(Peer& peer, const Frame& frame) {
  constexpr std::size_t kStamp = 8;
  if (frame.body.size() < kStamp) return false;
  const ClusterTime stamp{Reader(frame.body.view()).i64()};
  auto message = consensus::decode_message(frame.body.part(kStamp, frame.body.size() - kStamp));
  if (!message) {
    trace.warning("message not understood",
                  {{"node", fmt::to_string(peer.node.value)}, {"reason", message.error().message}});
    return false;
  }
  if (message->from != peer.node || message->to != options.identity.node) return false;
  events.on_peer_message(*std::move(message), stamp);
  return true;
}

bool Peers::State::take_snapshot_part(Peer& peer, const Frame& frame) {
  const std::string_view body = frame.body.view();
  switch (frame.kind) {
    case FrameKind::snapshot_begin: {
      const auto begin = decode_snapshot_begin(body);
      if (begin) receiver.on_begin(peer.node, *begin);
      return begin.has_value();
    }
    case FrameKind::snapshot_chunk: {
      const auto chunk = decode_snapshot_chunk(body);
      if (!chunk) return false;
      receiver.on_chunk(peer.node, *chunk,
                        frame.body.part(kSnapshotChunkHeader, body.size() - kSnapshotChunkHeader));
      return true;
    }
    case FrameKind::snapshot_end: {
      const auto transfer = decode_snapshot_end(body);
      if (transfer) receiver.on_end(peer.node, *transfer);
      return transfer.has_value();
    }
    case FrameKind::snapshot_progress: {
      const auto progress = decode_snapshot_progress(body);
      if (progress) peer.snapshots.on_progress(*progress);
      return progress.has_value();
    }
    case FrameKind::snapshot_result: {
      const auto result = decode_snapshot_result(body);
      if (result) peer.snapshots.on_result(*result);
      return result.has_value();
    }
    default:
      return take_note(peer, frame);
  }
}

bool Peers::State::take_note(Peer& peer, const Frame& frame) {
  const std::string_view body = frame.body.view();
  switch (frame.kind) {
    case FrameKind::digest: {
      const auto report = decode_digest_report(body);
      if (report) events.on_digest(peer.node, *report);
      return report.has_value();
    }
    case FrameKind::rebuild: {
      const auto order = decode_rebuild_order(body);
      if (order) events.on_rebuild(peer.node, *order);
      return order.has_value();
    }
    case FrameKind::published: {
      const auto published = decode_published(body);
      if (published) events.on_published(*published);
      return published.has_value();
    }
    case FrameKind::snapshot_wanted: {
      const auto request = decode_snapshot_request(body);
      if (request) events.on_snapshot_wanted(peer.node, *request);
      return request.has_value();
    }
    default:
      return false;
  }
}

// ---- Who hears whom -----------------------------------------------------------------------------

bool Peers::State::take_ping(Peer& peer, PeerLane lane, const Frame& frame) {
  const auto ping = decode_ping(frame.body.view());
  if (!ping) return false;
  (lane == PeerLane::data ? peer.heard_pings.heard_data : peer.heard_pings.heard_control) =
      ping->number;
  peer.confirmed = *ping;
  peer.pinged = true;
  return true;
}

void Peers::State::send_pings(Peer& peer, Instant now) {
  peer.ping_at = now + options.peer_timeout / 4;
  for (const PeerLane lane : {PeerLane::control, PeerLane::data}) {
    PeerLink* link = peer.lane(lane).link();
    // Behind what is not even with the kernel yet a ping would say nothing.
    if (link == nullptr || (lane == PeerLane::data && link->pending() > 0)) continue;
    Ping ping = peer.heard_pings;
    ping.number = peer.hearing(lane).ping(now);
    link->send(FrameKind::ping, encode_ping(ping));
  }
}

void Peers::State::look_for_deaf(Peer& peer, Instant now) {
  constexpr std::string_view kReason = "the peer does not hear what is sent on it";
  peer.control_hearing.confirmed(peer.confirmed.heard_control, now);
  peer.data_hearing.confirmed(peer.confirmed.heard_data, now);
  // Where nothing small and urgent arrives, nothing does: both go the same way.
  const bool all = peer.control.link() != nullptr && peer.control_hearing.unheard();
  for (const PeerLane lane : {PeerLane::control, PeerLane::data}) {
    const bool unheard = all || peer.hearing(lane).unheard();
    if (peer.lane(lane).link() == nullptr || !unheard) continue;
    trace.warning("link cut", {{"node", fmt::to_string(peer.node.value)},
                               {"lane", lane == PeerLane::control ? "control" : "data"},
                               {"reason", std::string(kReason)}});
    peer.lane(lane).cut();
    peer.on_lane_down(lane, kReason);
  }
}

// ---- What leaves --------------------------------------------------------------------------------

PeerLink* Peers::State::data_link(Peer& peer) {
  PeerLink* link = peer.data.link();
  if (link == nullptr || link->pending() <= options.output_limit) return link;
  trace.warning("link cut", {{"node", fmt::to_string(peer.node.value)},
                             {"reason", "it does not read what is sent to it"},
                             {"pending_bytes", fmt::to_string(link->pending())}});
  peer.data.cut();
  peer.snapshots.on_link_lost();
  look_for_end(peer, "output limit");
  return nullptr;
}

void Peers::State::on_turn_end(Instant now) {
  for (Stranger& stranger : strangers) {
    if (stranger.until == Instant{}) stranger.until = now + kGreetingTimeout;
    if (now >= stranger.until) stranger.link->close(true);
  }
  std::erase_if(strangers, [](const Stranger& stranger) { return !stranger.link->open(); });
  refusals.on_turn_end(now);

  for (auto& [node, peer] : peers) {
    if (std::exchange(peer->heard, false)) peer->last_heard = now;
    if (peer->alive && now - peer->last_heard >= options.peer_timeout) {
      declare_gone(*peer, false, "silent");
    }
    peer->control.on_turn_end(now);
    peer->data.on_turn_end(now);
    if (std::exchange(peer->pinged, false)) look_for_deaf(*peer, now);
    if (peer->control.link() != nullptr && now >= peer->ping_at) send_pings(*peer, now);
  }
  receiver.on_turn_end(now);
  acquaintances.on_turn_end(now);
  send_snapshots(now);
}

// They share one throttle, so each of them is the first one now and then.
void Peers::State::send_snapshots(Instant now) {
  auto next = peers.upper_bound(first_to_send);
  for (std::size_t i = 0; i < peers.size(); ++i, ++next) {
    if (next == peers.end()) next = peers.begin();
    if (i == 0) first_to_send = next->first;
    next->second->snapshots.on_turn_end(data_link(*next->second), now);
  }
}

Instant Peers::State::wake_at() const {
  Instant at = std::min(receiver.wake_at(), acquaintances.wake_at());
  for (const Stranger& stranger : strangers) at = std::min(at, stranger.until);
  for (const auto& [node, peer] : peers) {
    if (peer->alive) at = std::min(at, peer->last_heard + options.peer_timeout);
    if (peer->control.link() != nullptr) at = std::min(at, peer->ping_at);
    at = std::min({at, peer->control.wake_at(), peer->data.wake_at(), peer->snapshots.wake_at()});
  }
  return at;
}

// ---- Peers --------------------------------------------------------------------------------------

Peers::Peers(Options options, env::Network& network, env::Disk& disk, Trace& trace,
             PeerEvents& events)
    : state_(std::make_unique<State>(std::move(options), network, disk, trace, events)) {}

Peers::~Peers() = default;

std::shared_ptr<env::StreamHandler> Peers::accept(env::Stream& stream) {
  return state_->accept(stream);
}

void Peers::members_changed(const storage::Identity& identity) {
  state_->options.identity = identity;
  for (auto one = state_->peers.begin(); one != state_->peers.end();) {
    Peer& peer = *one->second;
    if (identity.find(one->first) != nullptr) peer.introduced_by = 0;
    // The list grows entry by entry; one who joined later stays.
    const bool later = peer.introduced_by > identity.roster_version;
    if (later || identity.find(one->first) != nullptr) {
      ++one;
      continue;
    }
    for (const auto& link : peer.incoming) link->close(true);
    peer.incoming.clear();
    state_->receiver.on_link_lost(peer.node);
    state_->acquaintances.forget(peer.node);
    state_->declare_gone(peer, true, "removed from the cluster");
    one = state_->peers.erase(one);
  }
  for (const storage::Member& member : identity.members) {
    if (member.node == identity.node) continue;
    auto& peer = state_->peers[member.node];
    if (peer == nullptr) peer = std::make_unique<Peer>(*state_, member);
    if (member.uid != 0) peer->uid = member.uid;
  }
  for (auto& [node, peer] : state_->peers) {
    peer->control.greet_with(state_->greeting(PeerLane::control, node));
    peer->data.greet_with(state_->greeting(PeerLane::data, node));
  }
}

void Peers::send(const consensus::Message& message, ClusterTime stamp) {
  Peer* peer = state_->find(message.to);
  if (peer == nullptr) return;
  PeerLink* link =
      lane_of(message.kind) == PeerLane::data ? state_->data_link(*peer) : peer->control.link();
  if (link == nullptr) return;  // agreement copes with what is lost
  std::string head;
  Writer(head).i64(stamp.ms);
  std::vector<SharedBytes> parts;
  consensus::encode_message(message, parts);
  std::size_t size = 0;
  for (const SharedBytes& part : parts) size += part.size();
  if (size > kLargestFrame - kRoomForHead) {
    state_->trace.error("message too large", {{"node", fmt::to_string(peer->node.value)},
                                              {"bytes", fmt::to_string(size)}});
    return;
  }
  link->send(FrameKind::message, head, parts);
}

bool Peers::forward(NodeId to, std::string_view record, bool write, Epoch under) {
  Peer* peer = state_->find(to);
  PeerLink* link = peer == nullptr ? nullptr : state_->data_link(*peer);
  if (link == nullptr || record.size() > kLargestFrame - kRoomForHead) return false;
  link->send(FrameKind::forward, encode_forward({write, under, record}));
  return true;
}

void Peers::send_outcome(const Origin& origin, replica::Verdict verdict, std::string_view reply,
                         Index index) {
  Peer* peer = state_->find(origin.node);
  // An older process of that node is not there any more to hear it.
  if (peer == nullptr || peer->incarnation != origin.incarnation) return;
  PeerLink* link = state_->data_link(*peer);
  if (link == nullptr) return;
  if (reply.size() > kLargestFrame - kRoomForHead) reply = kReplyTooLong;
  link->send(FrameKind::outcome, encode_outcome({origin, verdict, index, reply}));
}

void Peers::send_snapshot(NodeId to, SnapshotSender::Wish wish) {
  if (Peer* peer = state_->find(to)) peer->snapshots.start(std::move(wish));
}

void Peers::set_snapshot_rate(std::uint64_t bytes_per_s) {
  state_->traffic.throttle.set_rate(bytes_per_s);
}

const SnapshotTraffic& Peers::snapshot_traffic() const { return state_->traffic; }

void Peers::send_note(NodeId to, FrameKind kind, std::string_view body) {
  Peer* peer = state_->find(to);
  PeerLink* link = peer == nullptr ? nullptr : state_->data_link(*peer);
  if (link != nullptr) link->send(kind, body);
}

void Peers::publish(const Published& published) {
  // What is agreed upon goes over the same link, and shall not wait behind what may be missed.
  constexpr std::size_t kBacklog = 8 << 20;
  const std::string body = encode_published(published);
  for (const auto& [node, peer] : state_->peers) {
    PeerLink* link = state_->data_link(*peer);
    if (link != nullptr && link->pending() + body.size() <= kBacklog) {
      link->send(FrameKind::published, body);
    }
  }
}

bool Peers::connected(NodeId node) const {
  const Peer* peer = state_->find(node);
  return peer != nullptr && peer->data.link() != nullptr;
}

bool Peers::alive(NodeId node) const {
  const Peer* peer = state_->find(node);
  return peer != nullptr && peer->alive;
}

bool Peers::ended(NodeId node) const {
  const Peer* peer = state_->find(node);
  return peer != nullptr && !peer->alive && peer->ended;
}

Instant Peers::last_heard(NodeId node) const {
  const Peer* peer = state_->find(node);
  return peer == nullptr ? Instant{} : peer->last_heard;
}

Incarnation Peers::incarnation(NodeId node) const {
  const Peer* peer = state_->find(node);
  return peer == nullptr ? Incarnation{} : peer->incarnation;
}

bool Peers::keeps_in_mind(NodeId node, Incarnation incarnation, std::uint64_t start) const {
  const storage::MetStart* met = state_->acquaintances.durable(node);
  return met != nullptr && met->incarnation == incarnation && met->start == start;
}

void Peers::on_turn_end(Instant now) { state_->on_turn_end(now); }
Instant Peers::wake_at() const { return state_->wake_at(); }

}  // namespace holdfast::server
