// Who may speak: the greeting of a connection judged, and what follows for who is alive.
#include <fmt/format.h>

#include <algorithm>
#include <utility>

#include "base/mutation.h"
#include "commands/roster.h"
#include "server/peers_state.h"

namespace holdfast::server {

Hello Peers::State::greeting(PeerLane lane, NodeId reaching) const {
  const storage::Identity& identity = options.identity;
  const storage::Member* self = identity.find(identity.node);
  const storage::MetStart* met = acquaintances.of(reaching);
  const storage::Member* member = identity.find(reaching);
  // What another folder did under that number says nothing about this one.
  if (met != nullptr && member != nullptr && member->uid != 0 && member->uid != met->uid) met = nullptr;
  return {.lane = lane,
          .cluster = identity.cluster_id,
          .node = identity.node,
          .folder_uid = identity.folder_uid,
          .incarnation = identity.incarnation,
          .reaching = reaching,
          .list_version = self == nullptr ? 0 : identity.roster_version,
          .peer_address = self == nullptr ? std::string() : self->peer_address,
          .start = identity.starts.empty() ? 0 : identity.starts.back(),
          .met = met == nullptr ? Incarnation{} : met->incarnation,
          .met_start = met == nullptr ? 0 : met->start};
}

std::string Peers::State::objection(const Hello& hello) const {
  const storage::Identity& self = options.identity;
  if (hello.cluster != self.cluster_id) {
    return fmt::format("node {} belongs to cluster {:016x}; the other side belongs to {:016x}",
                       self.node, self.cluster_id, hello.cluster);
  }
  if (hello.reaching && hello.reaching != self.node) {
    return fmt::format("this is node {}, not node {}: addresses have been mixed up", self.node,
                       hello.reaching);
  }
  if (hello.node == self.node) {
    return fmt::format(
        "there are two nodes {}: one of them is a copy of the other's data folder, "
        "or dials itself",
        self.node);
  }
  const Peer* peer = find(hello.node);
  if (peer == nullptr && !is_newcomer(hello)) {
    return fmt::format("node {} is not a member of this cluster", hello.node);
  }
  if (peer == nullptr && peers.size() >= commands::Roster::kMaxNodes) {
    return fmt::format("node {} would be one more than the {} nodes that a cluster has", hello.node,
                       commands::Roster::kMaxNodes);
  }
  if (peer == nullptr) return {};
  const bool any = mutated(Mutation::wiped_node_taken_back);
  if (peer->uid != 0 && peer->uid != hello.folder_uid && !any) {
    return fmt::format(
        "the place of node {} belongs to data folder {:016x}, not to {:016x}; "
        "a wiped node is a new node",
        hello.node, peer->uid, hello.folder_uid);
  }
  if (is_older_copy(hello) && !any) {
    const storage::MetStart* met = acquaintances.of(hello.node);
    return fmt::format(
        "node {} says that this is its start number {}, but number {} has been seen: "
        "an older copy of its data folder, or a process that should have ended",
        hello.node, hello.incarnation,
        std::max(peer->incarnation, met == nullptr ? Incarnation{} : met->incarnation));
  }
  return {};
}

bool Peers::State::is_older_copy(const Hello& hello) const {
  const Peer* peer = find(hello.node);
  if (peer == nullptr) return false;
  if (hello.incarnation < peer->incarnation) return true;
  const storage::MetStart* met = acquaintances.of(hello.node);
  if (met == nullptr || met->uid != hello.folder_uid || mutated(Mutation::older_copy_believed)) {
    return false;
  }
  return hello.incarnation < met->incarnation ||
         (hello.incarnation == met->incarnation && hello.start != met->start);
}

bool Peers::State::knows_itself(const Hello& hello) {
  if (hello.met_start == 0 || mutated(Mutation::older_copy_believed)) return true;
  if (storage::knows_start(options.identity, hello.met, hello.met_start)) return true;
  return events.on_unknown_own_start(hello.node, hello.met);
}

void Peers::State::keep_in_mind(Peer& peer, const Hello& hello) {
  peer.start = hello.start;
  if (hello.start == 0) return;
  if (!acquaintances.meet({peer.node, hello.folder_uid, hello.incarnation, hello.start})) return;
  peer.control.greet_with(greeting(PeerLane::control, peer.node));
  peer.data.greet_with(greeting(PeerLane::data, peer.node));
}

// Who was away while others joined cannot know them, and has perhaps nobody else left who would tell
// it. They know it, dial it, and their list is newer than its own. One that was removed has an older
// list, or the same, in which it does not stand.
bool Peers::State::is_newcomer(const Hello& hello) const {
  if (mutated(Mutation::newcomer_refused)) return false;
  return hello.node && hello.folder_uid != 0 &&
         hello.list_version > options.identity.roster_version &&
         env::Address::parse(hello.peer_address).ok();
}

Peer& Peers::State::peer_of(const Hello& hello) {
  if (Peer* known = find(hello.node)) return *known;
  trace.info("a newer member", {{"node", fmt::to_string(hello.node.value)},
                                {"peers", hello.peer_address},
                                {"list", fmt::to_string(hello.list_version)}});
  const storage::Member member{hello.node, {}, hello.peer_address, hello.folder_uid};
  auto& peer = *peers.emplace(hello.node, std::make_unique<Peer>(*this, member)).first->second;
  peer.introduced_by = hello.list_version;
  return peer;
}

void Peers::State::meet(Peer& peer, const Hello& hello) {
  if (hello.incarnation > peer.incarnation && peer.incarnation) {
    // The process that we knew is gone, whatever its connections say.
    for (const auto& link : std::exchange(peer.incoming, {})) link->close(true);
    receiver.on_link_lost(peer.node);
    for (OutgoingLane* lane : {&peer.control, &peer.data}) {
      const PeerLink* link = lane->link();
      if (link == nullptr || link->peer.incarnation == hello.incarnation) continue;
      lane->cut();
      lane->retry_soon();
    }
    peer.heard_pings = {};
    declare_gone(peer, true, "started again");
  }
  peer.incarnation = hello.incarnation;
  peer.uid = hello.folder_uid;
  peer.heard = true;
  peer.complaint.clear();
  declare_alive(peer, "connected");
}

void Peers::State::on_hello(PeerLink& link, const Frame& frame) {
  const auto stranger = std::find_if(strangers.begin(), strangers.end(),
                                     [&link](const auto& s) { return s.link.get() == &link; });
  if (stranger == strangers.end()) return;
  const std::shared_ptr<PeerLink> kept = stranger->link;
  strangers.erase(stranger);

  const auto hello = decode_hello(frame.body.view());
  if (hello && hello->lane == PeerLane::founding && options.founding != nullptr) {
    link.hand_to(*options.founding);
    options.founding->on_frame(link, frame);
    return;
  }
  const std::string reason = hello ? objection(*hello) : hello.error().message;
  if (!reason.empty()) {
    refusals.add(link.remote(), reason);
    if (hello && is_older_copy(*hello)) link.welcome(greeting(hello->lane, hello->node));
    link.refuse(reason);
    return;
  }
  if (!knows_itself(*hello)) return link.close(true);
  Peer& peer = peer_of(*hello);
  // The same lane again: the peer has lost the older connection, perhaps before we noticed.
  for (auto it = peer.incoming.begin(); it != peer.incoming.end(); ++it) {
    if ((*it)->peer.lane != hello->lane) continue;
    (*it)->close(true);
    peer.incoming.erase(it);
    if (hello->lane == PeerLane::data) receiver.on_link_lost(peer.node);
    break;
  }
  if (hello->lane == PeerLane::data) peer.snapshots.on_answers_lost();
  meet(peer, *hello);
  link.peer = *hello;
  link.allow_frames(kLargestFrame);
  peer.incoming.push_back(kept);
  link.welcome(greeting(hello->lane, hello->node));
  // It lives, so it can be reached.
  peer.control.retry_soon();
  peer.data.retry_soon();
}

void Peers::State::look_for_end(Peer& peer, std::string_view reason) {
  // That nothing connects the two is no proof that the process has ended: connections are also reset
  // on the way, or cut by a process that lives.
  if (peer.cut_off()) declare_gone(peer, false, reason);
}

void Peers::State::declare_alive(Peer& peer, std::string_view reason) {
  if (std::exchange(peer.alive, true)) return;
  peer.ended = false;
  tell(peer, reason);
}

void Peers::State::declare_gone(Peer& peer, bool ended, std::string_view reason) {
  // That a silent one has ended after all is news.
  if (!peer.alive && (peer.ended || !ended || !peer.incarnation)) return;
  peer.alive = false;
  peer.ended = ended;
  tell(peer, reason);
}

void Peers::State::tell(const Peer& peer, std::string_view reason) {
  const Level level = peer.alive ? Level::info : Level::warning;
  if (trace.enabled(level)) {
    trace.write(level, peer.alive ? "peer alive" : "peer gone",
                {{"node", fmt::to_string(peer.node.value)},
                 {"incarnation", fmt::to_string(peer.incarnation.value)},
                 {"reason", std::string(reason)}});
  }
  events.on_peer_liveness(peer.node, peer.alive);
}

// ---- The lanes that we dial ---------------------------------------------------------------------

bool Peer::on_welcome(const Hello& welcome) {
  const std::string reason = welcome.node == node
                                 ? owner.objection(welcome)
                                 : fmt::format("node {} answers at its address", welcome.node);
  if (reason.empty()) {
    if (!owner.knows_itself(welcome)) return false;
    owner.meet(*this, welcome);
    owner.keep_in_mind(*this, welcome);
    return true;
  }
  on_refused(welcome.lane, reason);
  return false;
}

void Peer::on_lane_up(PeerLane which) {
  owner.trace.debug("link up", {{"node", fmt::to_string(node.value)},
                                {"lane", which == PeerLane::control ? "control" : "data"}});
  hearing(which).restart();
  if (which == PeerLane::data) owner.events.on_peer_linked(node);
}

void Peer::on_lane_down(PeerLane which, std::string_view reason) {
  owner.trace.debug("link down", {{"node", fmt::to_string(node.value)},
                                  {"lane", which == PeerLane::control ? "control" : "data"},
                                  {"reason", std::string(reason)}});
  if (which == PeerLane::data) snapshots.on_link_lost();
  owner.look_for_end(*this, reason);
}

void Peer::on_refused(PeerLane, std::string_view reason) {
  if (complaint == reason) return;
  complaint = reason;
  if (reason == kNotYet) return;
  owner.trace.warning("refused by peer",
                      {{"node", fmt::to_string(node.value)}, {"reason", complaint}});
}

bool Peer::cut_off() const {
  return incoming.empty() && control.link() == nullptr && data.link() == nullptr;
}

}  // namespace holdfast::server
