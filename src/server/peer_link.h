// Connections between nodes.
//
// PeerLink is one connection, dialled or accepted, that carries frames; who the other side is, its
// owner finds out by the greeting. OutgoingLane keeps one lane to one peer open: dials, greets,
// dials again after a pause that doubles.
//
// Threads: the loop's. Time: told at the end of a turn, so what happens in a turn gets its time
// then.
#pragma once

#include <cstddef>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "base/bytes.h"
#include "base/time.h"
#include "env/network.h"
#include "server/peer_frame.h"

namespace holdfast::server {

class PeerLink final : public env::StreamHandler, public std::enable_shared_from_this<PeerLink> {
 public:
  // May close the link, or hand it to another owner, in any of these.
  class Owner {
   public:
    virtual ~Owner() = default;
    virtual void on_link_open(PeerLink&) {}  // dialled links only
    virtual void on_frame(PeerLink& link, Frame frame) = 0;
    // The last call: the other side ended it, it broke, or it sent what is no frame.
    virtual void on_link_closed(PeerLink& link, std::string_view reason) = 0;
  };

  static std::shared_ptr<PeerLink> dial(env::Network& network, const env::Address& address,
                                        Owner& owner);
  static std::shared_ptr<PeerLink> accept(env::Stream& stream, Owner& owner);

  // Large parts are shared, small ones copied into one piece. Dropped if the link is closed.
  void send(FrameKind kind, std::string_view body);
  void send(FrameKind kind, std::string_view head, const std::vector<SharedBytes>& parts);
  void send(FrameKind kind, std::string_view head, SharedBytes tail);
  // Says why, then closes. The owner is not told.
  void refuse(std::string_view reason);
  void close(bool now = false);
  void hand_to(Owner& owner) { owner_ = &owner; }
  void allow_large_frames() { decoder_.set_limit(kLargestFrame); }

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
  explicit PeerLink(Owner& owner) : owner_(&owner) {}

  Owner* owner_;
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

  OutgoingLane(Options options, env::Network& network, Events& events);
  ~OutgoingLane() override;
  OutgoingLane(const OutgoingLane&) = delete;
  OutgoingLane& operator=(const OutgoingLane&) = delete;

  // Null unless greeted and open.
  PeerLink* link() const { return up_ ? link_.get() : nullptr; }
  // Ends what there is, without an event.
  void cut();
  // Dials at the end of this turn, whatever the pause.
  void retry_soon();
  void on_turn_end(Instant now);
  Instant wake_at() const;

 private:
  void on_link_open(PeerLink& link) override;
  void on_frame(PeerLink& link, Frame frame) override;
  void on_link_closed(PeerLink& link, std::string_view reason) override;

  Options options_;
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
