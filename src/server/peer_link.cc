#include "server/peer_link.h"

#include <algorithm>
#include <utility>

#include "base/checksum.h"

namespace holdfast::server {
namespace {

// Below this a copy is cheaper than another piece of output.
constexpr std::size_t kShareFrom = 1024;

}  // namespace

// ---- PeerLink -----------------------------------------------------------------------------------

PeerLink::PeerLink(const PeerKeys& keys, bool dialled, Owner& owner) : owner_(&owner) {
  if (dialled) {
    dialler_.emplace(keys);
  } else {
    acceptor_.emplace(keys);
  }
}

std::shared_ptr<PeerLink> PeerLink::dial(env::Network& network, const env::Address& address,
                                         const PeerKeys& keys, Owner& owner) {
  std::shared_ptr<PeerLink> link(new PeerLink(keys, true, owner));
  link->stream_ = &network.connect(address, link);
  return link;
}

std::shared_ptr<PeerLink> PeerLink::accept(env::Stream& stream, const PeerKeys& keys,
                                           Owner& owner) {
  std::shared_ptr<PeerLink> link(new PeerLink(keys, false, owner));
  link->stream_ = &stream;
  return link;
}

void PeerLink::greet(const Hello& self) { send(FrameKind::hello, dialler_->hello(self)); }

void PeerLink::welcome(const Hello& self) { send(FrameKind::welcome, acceptor_->welcome(self)); }

void PeerLink::send(FrameKind kind, std::string_view body) {
  if (stream_ == nullptr) return;
  stream_->send(std::string_view(make_frame(kind, body)));
}

void PeerLink::send(FrameKind kind, std::string_view head, const std::vector<SharedBytes>& parts) {
  if (stream_ == nullptr) return;
  std::size_t size = head.size();
  ChecksumOfParts body;
  body.add(head);
  for (const SharedBytes& part : parts) {
    size += part.size();
    body.add(part.view());
  }
  std::string small = frame_header(kind, size, body.value());
  small += head;
  for (const SharedBytes& part : parts) {
    if (part.size() < kShareFrom) {
      small += part.view();
      continue;
    }
    stream_->send(std::string_view(small));
    small.clear();
    stream_->send(part);
  }
  if (!small.empty()) stream_->send(std::string_view(small));
}

void PeerLink::send(FrameKind kind, std::string_view head, SharedBytes tail) {
  if (stream_ == nullptr) return;
  ChecksumOfParts body;
  body.add(head);
  body.add(tail.view());
  std::string small = frame_header(kind, head.size() + tail.size(), body.value());
  small += head;
  stream_->send(std::string_view(small));
  stream_->send(std::move(tail));
}

void PeerLink::refuse(std::string_view reason) {
  send(FrameKind::refused, encode_refusal(reason));
  close();
}

void PeerLink::close(bool now) {
  if (env::Stream* stream = std::exchange(stream_, nullptr)) stream->close(now);
}

std::string PeerLink::remote() const {
  return stream_ == nullptr ? std::string("?") : stream_->remote().text();
}

void PeerLink::on_connected() { owner_->on_link_open(*this); }

void PeerLink::on_bytes(std::string_view bytes) {
  const auto self = shared_from_this();  // the owner may let go of the link
  if (!open()) return;
  decoder_.feed(bytes);
  while (open()) {
    std::optional<Frame> frame = decoder_.next();
    if (!frame) break;
    take(*std::move(frame));
  }
  if (open() && !decoder_.error().empty()) {
    refuse(decoder_.error());
    owner_->on_link_closed(*this, decoder_.error());
  }
}

void PeerLink::take(Frame frame) {
  const bool greeting = frame.kind == FrameKind::hello || frame.kind == FrameKind::welcome ||
                        frame.kind == FrameKind::challenge || frame.kind == FrameKind::proof;
  if (greeting) return take_greeting(std::move(frame));
  if (acceptor_ && !acceptor_->believed()) return turn_away("the greeting comes first");
  owner_->on_frame(*this, std::move(frame));
}

void PeerLink::take_greeting(Frame frame) {
  const std::string_view body = frame.body.view();
  if (frame.kind == FrameKind::hello && acceptor_) {
    const auto challenge = acceptor_->on_hello(body);
    if (!challenge) return turn_away(challenge.error().message);
    if (*challenge) return send(FrameKind::challenge, **challenge);
  } else if (frame.kind == FrameKind::proof && acceptor_) {
    if (const auto proved = acceptor_->on_proof(body); !proved) {
      return turn_away(proved.error().message);
    }
    frame = {FrameKind::hello, SharedBytes(acceptor_->hello())};
  } else if (frame.kind == FrameKind::challenge && dialler_) {
    const auto proof = dialler_->on_challenge(body);
    if (!proof) return turn_away(proof.error().message);
    return send(FrameKind::proof, *proof);
  } else if (frame.kind == FrameKind::welcome && dialler_) {
    const auto reached = dialler_->on_welcome(body);
    if (!reached) return turn_away(reached.error().message);
    frame = {FrameKind::welcome, SharedBytes(encode_hello(*reached))};
  } else {
    return turn_away("a greeting that makes no sense here");
  }
  owner_->on_frame(*this, std::move(frame));
}

void PeerLink::turn_away(std::string_view reason) {
  const std::string said(reason);
  owner_->on_turned_away(*this, said);
  if (!open()) return;
  refuse(said);
  owner_->on_link_closed(*this, said);
}

void PeerLink::on_closed(bool clean, std::string_view reason) {
  const auto self = shared_from_this();
  if (std::exchange(stream_, nullptr) == nullptr) return;
  owner_->on_link_closed(*this, clean ? "ended by the other side" : reason);
}

// ---- OutgoingLane -------------------------------------------------------------------------------

OutgoingLane::OutgoingLane(Options options, const PeerKeys& keys, env::Network& network,
                           Events& events)
    : options_(std::move(options)),
      keys_(keys),
      network_(network),
      events_(events),
      pause_(options_.first_pause) {}

OutgoingLane::~OutgoingLane() { cut(); }

void OutgoingLane::cut() {
  up_ = false;
  if (link_ == nullptr) return;
  link_->close(true);
  link_.reset();
  lost_ = true;
}

void OutgoingLane::retry_soon() {
  if (link_ != nullptr) return;
  pause_ = options_.first_pause;
  lost_ = false;
  dial_at_ = Instant{};
}

void OutgoingLane::on_turn_end(Instant now) {
  if (link_ != nullptr && !up_ && now >= give_up_at_) cut();
  if (link_ != nullptr) return;
  if (std::exchange(lost_, false)) {
    dial_at_ = now + pause_;
    pause_ = std::min(pause_ * 2, options_.longest_pause);
  }
  if (now < dial_at_) return;
  give_up_at_ = now + options_.greeting_timeout;
  link_ = PeerLink::dial(network_, options_.address, keys_, *this);
}

Instant OutgoingLane::wake_at() const {
  if (up_) return Instant::never();
  return link_ != nullptr ? give_up_at_ : dial_at_;
}

void OutgoingLane::on_link_open(PeerLink& link) { link.greet(options_.hello); }

void OutgoingLane::on_frame(PeerLink& link, Frame frame) {
  if (frame.kind == FrameKind::refused) {
    const std::string reason = decode_refusal(frame.body.view());
    const bool was_up = up_;
    cut();
    events_.on_refused(options_.hello.lane, reason);
    if (was_up) events_.on_lane_down(options_.hello.lane, reason);
    return;
  }
  if (up_) {
    events_.on_lane_frame(frame);
    return;
  }
  if (frame.kind != FrameKind::welcome) return;
  auto welcome = decode_hello(frame.body.view());
  if (!welcome) {
    cut();
    events_.on_refused(options_.hello.lane, welcome.error().message);
    return;
  }
  link.peer = *welcome;
  if (!events_.on_welcome(*welcome)) {
    cut();
    return;
  }
  if (link_.get() != &link) return;  // the event has cut this lane
  up_ = true;
  link.allow_frames(options_.largest_answer);
  pause_ = options_.first_pause;
  events_.on_lane_up(options_.hello.lane);
}

void OutgoingLane::on_turned_away(PeerLink& link, std::string_view reason) {
  if (link_.get() == &link) events_.on_refused(options_.hello.lane, reason);
}

void OutgoingLane::on_link_closed(PeerLink& link, std::string_view reason) {
  if (link_.get() != &link) return;
  link_.reset();
  lost_ = true;
  if (std::exchange(up_, false)) events_.on_lane_down(options_.hello.lane, reason);
}

}  // namespace holdfast::server
