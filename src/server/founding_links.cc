#include "server/founding_links.h"

#include <algorithm>
#include <utility>

namespace holdfast::server {
namespace {

constexpr Duration kAskAgain = milliseconds(200);
constexpr Duration kGreetingTimeout = seconds(3);
constexpr std::size_t kMaxIncoming = 256;

}  // namespace

// One place of the list, and the lane to it.
struct FoundingLinks::Asked final : OutgoingLane::Events {
  Asked(FoundingLinks& links, std::uint32_t its_place, const env::Address& address)
      : owner(links),
        place(its_place),
        lane({.address = address,
              .hello = links.self_,
              .first_pause = milliseconds(100),
              .longest_pause = milliseconds(200),
              .greeting_timeout = kGreetingTimeout,
              .largest_answer = kSmallFrame},
             links.keys_, links.network_, *this) {}

  bool on_welcome(const Hello&) override { return true; }
  void on_lane_up(PeerLane) override { lane.link()->send(FrameKind::report, owner.report_); }
  void on_lane_down(PeerLane, std::string_view) override {}
  void on_refused(PeerLane, std::string_view reason) override {
    if (std::exchange(complaint, reason) != reason) {
      owner.trace_.warning("refused while joining", {{"reason", complaint}});
    }
  }
  void on_lane_frame(const Frame& frame) override {
    if (frame.kind != FrameKind::answer || owner.stopping_) return;
    if (const auto answer = decode_answer(frame.body.view())) {
      owner.events_.on_founding_answer(place, *answer);
    }
  }

  FoundingLinks& owner;
  std::uint32_t place;
  OutgoingLane lane;
  std::string complaint;
};

FoundingLinks::FoundingLinks(const Hello& self, const PeerKeys& keys, env::Network& network,
                             Trace& trace, Events& events)
    : self_(self),
      keys_(keys),
      network_(network),
      trace_(trace),
      events_(events),
      refusals_(trace) {}

FoundingLinks::~FoundingLinks() {
  for (const Incoming& incoming : incoming_) incoming.link->close(true);
}

void FoundingLinks::ask(const Bootstrap& bootstrap) {
  report_ = encode_report(bootstrap.report());
  for (std::uint32_t place = 0; place < bootstrap.list().size(); ++place) {
    if (place == bootstrap.place()) continue;
    asked_.push_back(std::make_unique<Asked>(*this, place, bootstrap.list()[place].peer()));
  }
}

void FoundingLinks::stop_asking() { stopping_ = true; }

std::shared_ptr<env::StreamHandler> FoundingLinks::accept(env::Stream& stream) {
  if (incoming_.size() >= kMaxIncoming) return nullptr;
  auto link = PeerLink::accept(stream, keys_, *this);
  incoming_.push_back({link, Instant{}});
  return link;
}

void FoundingLinks::on_frame(PeerLink& link, Frame frame) {
  if (frame.kind == FrameKind::hello) {
    const auto hello = decode_hello(frame.body.view());
    if (hello && hello->lane == PeerLane::founding) {
      // One that Peers has handed on is not known here yet.
      const auto known = [&link](const Incoming& other) { return other.link.get() == &link; };
      if (std::none_of(incoming_.begin(), incoming_.end(), known)) {
        incoming_.push_back({link.shared_from_this(), Instant{}});
      }
      link.peer = *hello;
      link.allow_frames(kSmallFrame);
      link.welcome(self_);
      return;
    }
    link.refuse(hello ? std::string(kNotYet) : hello.error().message);
    on_link_closed(link, "refused");
    return;
  }
  const auto report = frame.kind == FrameKind::report && link.peer.folder_uid != 0
                          ? decode_report(frame.body.view())
                          : std::nullopt;
  if (!report) {
    link.refuse("a frame that makes no sense on the founding lane");
    on_link_closed(link, "nonsense");
    return;
  }
  link.send(FrameKind::answer, encode_answer(events_.on_founding_report(*report)));
}

void FoundingLinks::on_turned_away(PeerLink& link, std::string_view reason) {
  refusals_.add(link.remote(), reason);
}

void FoundingLinks::on_link_closed(PeerLink& link, std::string_view) {
  std::erase_if(incoming_, [&link](const Incoming& other) { return other.link.get() == &link; });
}

void FoundingLinks::on_turn_end(Instant now) {
  if (std::exchange(stopping_, false)) asked_.clear();
  for (Incoming& incoming : incoming_) {
    if (incoming.until == Instant{}) incoming.until = now + kGreetingTimeout;
    const bool greeted = incoming.link->peer.folder_uid != 0;
    if (!greeted && now >= incoming.until) incoming.link->close(true);
  }
  std::erase_if(incoming_, [](const Incoming& incoming) { return !incoming.link->open(); });

  refusals_.on_turn_end(now);

  const bool due = now >= report_at_;
  if (due) report_at_ = now + kAskAgain;
  for (const auto& asked : asked_) {
    asked->lane.on_turn_end(now);
    PeerLink* link = asked->lane.link();
    if (due && link != nullptr) link->send(FrameKind::report, report_);
  }
}

Instant FoundingLinks::wake_at() const {
  Instant at = asked_.empty() ? Instant::never() : report_at_;
  for (const Incoming& incoming : incoming_) {
    if (incoming.link->peer.folder_uid == 0) at = std::min(at, incoming.until);
  }
  for (const auto& asked : asked_) at = std::min(at, asked->lane.wake_at());
  return at;
}

}  // namespace holdfast::server
