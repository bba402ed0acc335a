// The inside of Peers, for peers.cc and peer_greeting.cc.
#pragma once

#include <map>
#include <memory>
#include <string>
#include <vector>

#include "server/acquaintances.h"
#include "server/hearing.h"
#include "server/peers.h"
#include "server/refusals.h"
#include "server/snapshot_receiver.h"
#include "server/snapshot_sender.h"

namespace holdfast::server {

// One other node.
struct Peer final : OutgoingLane::Events {
  Peer(Peers::State& peers, const storage::Member& member);

  bool on_welcome(const Hello& welcome) override;
  void on_lane_up(PeerLane lane) override;
  void on_lane_down(PeerLane lane, std::string_view reason) override;
  void on_refused(PeerLane lane, std::string_view reason) override;

  OutgoingLane& lane(PeerLane which) { return which == PeerLane::control ? control : data; }
  Hearing& hearing(PeerLane which) {
    return which == PeerLane::control ? control_hearing : data_hearing;
  }
  // Nothing connects the two processes any more.
  bool cut_off() const;

  Peers::State& owner;
  NodeId node;
  std::uint64_t uid = 0;  // of its folder; 0: not known yet
  OutgoingLane control;
  OutgoingLane data;
  Hearing control_hearing;  // whether the peer hears what we send on these
  Hearing data_hearing;
  Ping heard_pings;     // the newest numbers that we have heard of its process
  Ping confirmed;       // the newest numbers of ours that it has heard
  bool pinged = false;  // in this turn
  std::vector<std::shared_ptr<PeerLink>> incoming;  // greeted, at most one for each lane
  Incarnation incarnation;                          // the newest seen
  std::uint64_t start = 0;                          // the id of the start that was last kept in mind
  bool alive = false;
  bool ended = false;  // not alive, and not only silent
  bool heard = false;  // in this turn
  Instant last_heard;
  Instant ping_at;
  std::string complaint;  // the last refusal, so that it is not repeated in the log
  // The list of members that it says it stands in, newer than ours, which has it not; 0: ours has it.
  std::uint64_t introduced_by = 0;
  SnapshotSender snapshots;
};

class Peers::State final : public PeerLink::Owner {
 public:
  State(Options options, env::Network& network, env::Disk& disk, Trace& trace, PeerEvents& events);
  ~State() override;

  std::shared_ptr<env::StreamHandler> accept(env::Stream& stream);
  Peer* find(NodeId node);
  const Peer* find(NodeId node) const { return const_cast<State*>(this)->find(node); }
  Hello greeting(PeerLane lane, NodeId reaching) const;

  // ---- peer_greeting.cc
  // What is wrong with a peer's greeting, for people; empty: nothing.
  std::string objection(const Hello& hello) const;
  // Whether it speaks for a start of its folder that is older than one we have met, or for another
  // one of the same number: it is welcomed once more, since only that is proved to it, and learns there
  // what we have met.
  bool is_older_copy(const Hello& hello) const;
  // Whether our own folder knows the start of it that the other side has met. False: we must end.
  bool knows_itself(const Hello& hello);
  // Heard from that start, which knew what we told it: it is what we tell its next ones.
  void keep_in_mind(Peer& peer, const Hello& hello);
  // Whether a stranger stands in a newer list of members than ours.
  bool is_newcomer(const Hello& hello) const;
  // Its peer, made now if it is a newcomer. REQUIRES: there is no objection.
  Peer& peer_of(const Hello& hello);
  // Takes note of a greeting without objection, dialled or accepted.
  void meet(Peer& peer, const Hello& hello);
  void on_hello(PeerLink& link, const Frame& frame);
  // A link of the peer has ended: gone if it was the last.
  void look_for_end(Peer& peer, std::string_view reason);
  void declare_alive(Peer& peer, std::string_view reason);
  void declare_gone(Peer& peer, bool ended, std::string_view reason);
  void tell(const Peer& peer, std::string_view reason);

  // ---- what arrives
  void on_frame(PeerLink& link, Frame frame) override;
  void on_turned_away(PeerLink& link, std::string_view reason) override;
  void on_link_closed(PeerLink& link, std::string_view reason) override;
  // False: the body makes no sense.
  bool take(Peer& peer, const Frame& frame);
  bool take_message(Peer& peer, const Frame& frame);
  bool take_snapshot_part(Peer& peer, const Frame& frame);
  bool take_note(Peer& peer, const Frame& frame);

  bool take_ping(Peer& peer, PeerLane lane, const Frame& frame);
  void send_pings(Peer& peer, Instant now);
  // Cuts the lanes on which nothing arrives any more.
  void look_for_deaf(Peer& peer, Instant now);

  // The data link, or null. Cuts it if too much is queued.
  PeerLink* data_link(Peer& peer);
  void send_snapshots(Instant now);
  void on_turn_end(Instant now);
  Instant wake_at() const;

  Options options;
  env::Network& network;
  env::Disk& disk;
  Trace& trace;
  PeerEvents& events;
  SnapshotTraffic traffic;  // before those who use it
  std::map<NodeId, std::unique_ptr<Peer>> peers;
  NodeId first_to_send;  // a snapshot, in this turn
  SnapshotReceiver receiver;
  Acquaintances acquaintances;
  Refusals refusals;
  // Accepted and not yet greeted, with the turn's end after which patience ends (0: not yet set).
  struct Stranger {
    std::shared_ptr<PeerLink> link;
    Instant until;
  };
  std::vector<Stranger> strangers;
};

}  // namespace holdfast::server
