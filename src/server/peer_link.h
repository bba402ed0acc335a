// Connections between nodes.
//
// PeerLink is one connection, dialled or accepted, that carries frames; who the other side is, its
// owner finds out by the greeting. If the cluster has a secret, the owner hears of a greeting when
// the other side has proved that it knows it, and never otherwise: every use of the peer port goes
// through here. OutgoingLane keeps one lane to one peer open: dials, greets,
// dials again after a pause that doubles.
//
// Threads: the loop's. Time: told at the end of a turn, so what happens in a turn gets its time
// then.
#pragma once

#include <cstddef>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "base/bytes.h"
#include "base/time.h"
#include "env/network.h"
#include "server/peer_frame.h"
#include "server/peer_proof.h"

namespace holdfast::server {

class PeerLink final : public env::StreamHandler, public std::enable_shared_from_this<PeerLink> {
 public:
  // May close the link, or hand it to another owner, in any of these.
  class Owner {
   public:
    virtual ~Owner() = default;
    virtual void on_link_open(PeerLink&) {}  // dialled links only
    // An accepted link's first frame is a hello.
    virtual void on_frame(PeerLink& link, Frame frame) = 0;
    // The other side did not greet as it must, or did not prove itself. It is told so, and
    // on_link_closed follows.
    virtual void on_turned_away(PeerLink& link, std::string_view reason) = 0;
    // The last call: the other side ended it, it broke, or it sent what is no frame.
    virtual void on_link_closed(PeerLink& link, std::string_view reason) = 0;
  };

  // The keys must outlive the link.
  static std::shared_ptr<PeerLink> dial(env::Network& network, const env::Address& address,
                                        const PeerKeys& keys, Owner& owner);
  static std::shared_ptr<PeerLink> accept(env::Stream& stream, const PeerKeys& keys, Owner& owner);

  // The dialler's first words. REQUIRES: dialled.
  void greet(const Hello& self);
  // The answer to a hello. REQUIRES: accepted, and on_frame has been told a hello.
  void welcome(const Hello& self);

  // Large parts are shared, small ones copied into one piece. Dropped if the link is closed.
  void send(FrameKind kind, std::string_view body);
  void send(FrameKind kind, std::string_view head, const std::vector<SharedBytes>& parts);
  void send(FrameKind kind, std::string_view head, SharedBytes tail);
  // Says why, then closes. The owner is not told.
  void refuse(std::string_view reason);
  void close(bool now = false);
  void hand_to(Owner& owner) { owner_ = &owner; }
  // Of what arrives. REQUIRES: the other side has greeted.
  void allow_frames(std::uint32_t bytes) { decoder_.set_limit(bytes); }

  bool open() const { return stream_ != nullptr; }
  // What arrived is no frame: damaged on the way, or sent by something else.
  bool damaged() const { return !decoder_.error().empty(); }
  std::size_t pending() const { return stream_ == nullptr ? 0 : stream_->pending(); }
  std::string remote() const;

  // The greeting of the other side; its owner sets it once it is accepted.
  Hello peer;

  void on_connected() override;
  void on_bytes(std::string_view bytes) override;
  void on_closed(bool clean, std::string_view reason) override;

 private:
  PeerLink(const PeerKeys& keys, bool dialled, Owner& owner);
  void take(Frame frame);
  void take_greeting(Frame frame);
  void turn_away(std::string_view reason);

  Owner* owner_;
  // One of them, by who dialled.
  std::optional<DiallerProof> dialler_;
  std::optional<AcceptorProof> acceptor_;
  env::Stream* stream_ = nullptr;
  FrameDecoder decoder_;
};

class OutgoingLane final : private PeerLink::Owner {
 public:
  struct Options {
    env::Address address;
    Hello hello;
    Duration first_pause;
    Duration longest_pause;
    Duration greeting_timeout;
    std::uint32_t largest_answer = kGreetingFrame;  // what may come back once greeted, in bytes
  };
  class Events {
   public:
    virtual ~Events() = default;
    // The other side's greeting; false closes the link (the reason has been told).
    virtual bool on_welcome(const Hello& welcome) = 0;
    virtual void on_lane_up(PeerLane lane) = 0;
    // Was up, and the other side or the network ended it.
    virtual void on_lane_down(PeerLane lane, std::string_view reason) = 0;
    virtual void on_refused(PeerLane lane, std::string_view reason) = 0;
    // Only the founding lane is answered on the connection that asked.
    virtual void on_lane_frame(const Frame& /*frame*/) {}
  };

  // The keys must outlive the lane.
  OutgoingLane(Options options, const PeerKeys& keys, env::Network& network, Events& events);
  ~OutgoingLane() override;
  OutgoingLane(const OutgoingLane&) = delete;
  OutgoingLane& operator=(const OutgoingLane&) = delete;

  // Null unless greeted and open.
  PeerLink* link() const { return up_ ? link_.get() : nullptr; }
  // Ends what there is, without an event.
  void cut();
  // Dials at the end of this turn, whatever the pause.
  void retry_soon();
  // What is said from the next connection on. REQUIRES: of the same lane.
  void greet_with(Hello hello) { options_.hello = std::move(hello); }
  void on_turn_end(Instant now);
  Instant wake_at() const;

 private:
  void on_link_open(PeerLink& link) override;
  void on_frame(PeerLink& link, Frame frame) override;
  void on_turned_away(PeerLink& link, std::string_view reason) override;
  void on_link_closed(PeerLink& link, std::string_view reason) override;

  Options options_;
  const PeerKeys& keys_;
  env::Network& network_;
  Events& events_;
  std::shared_ptr<PeerLink> link_;
  bool up_ = false;
  bool lost_ = false;  // in this turn: the pause begins at its end
  Duration pause_;
  Instant dial_at_;     // valid without a link
  Instant give_up_at_;  // valid while greeting
};

}  // namespace holdfast::server
