// Connections of the founding lane: asking every place of the list, and answering who asks.
//
// Before there is a cluster all connections of the peer port arrive here; afterwards Peers hands on
// those of this lane, because a place may be claimed late.
//
// Threads: the loop's.
#pragma once

#include <cstdint>
#include <memory>
#include <vector>

#include "base/time.h"
#include "base/trace.h"
#include "env/network.h"
#include "server/bootstrap.h"
#include "server/peer_link.h"
#include "server/refusals.h"

namespace holdfast::server {

class FoundingLinks final : public PeerLink::Owner {
 public:
  class Events {
   public:
    virtual ~Events() = default;
    // What this returns is sent; what it means is durable by then.
    virtual FoundingAnswer on_founding_report(const FoundingReport& report) = 0;
    virtual void on_founding_answer(std::uint32_t place, const FoundingAnswer& answer) = 0;
  };

  // `self`: this node's greeting on the founding lane. The keys must outlive this.
  FoundingLinks(const Hello& self, const PeerKeys& keys, env::Network& network, Trace& trace,
                Events& events);
  ~FoundingLinks() override;

  // Tells every other place of the list, again and again, until stop_asking().
  void ask(const Bootstrap& bootstrap);
  void stop_asking();

  // For the listener of the peer port while there are no Peers.
  std::shared_ptr<env::StreamHandler> accept(env::Stream& stream);
  void on_turn_end(Instant now);
  Instant wake_at() const;

 private:
  struct Asked;

  void on_frame(PeerLink& link, Frame frame) override;
  void on_turned_away(PeerLink& link, std::string_view reason) override;
  void on_link_closed(PeerLink& link, std::string_view reason) override;

  Hello self_;
  const PeerKeys& keys_;
  env::Network& network_;
  Trace& trace_;
  Events& events_;
  std::string report_;  // encoded
  std::vector<std::unique_ptr<Asked>> asked_;
  bool stopping_ = false;  // asked_ ends with this turn: one of them may be on the stack
  Instant report_at_;
  struct Incoming {
    std::shared_ptr<PeerLink> link;
    Instant until;  // when patience ends, if it has not greeted (0: not yet set)
  };
  std::vector<Incoming> incoming_;
  Refusals refusals_;
};

}  // namespace holdfast::server
