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

std::shared_ptr<PeerLink> PeerLink::dial(env::Network& network, const env::Address& address,
                                         Owner& owner) {
  std::shared_ptr<PeerLink> link(new PeerLink(owner));
  link->stream_ = &network.connect(address, link);
  return link;
}

std::shared_ptr<PeerLink> PeerLink::accept(env::Stream& stream, Owner& owner) {
  std::shared_ptr<PeerLink> link(new PeerLink(owner));
  link->stream_ = &stream;
  return link;
}

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
    owner_->on_frame(*this, *std::move(frame));
  }
  if (open() && !decoder_.error().empty()) {
    refuse(decoder_.error());
    owner_->on_link_closed(*this, decoder_.error());
  }
}

void PeerLink::on_closed(bool clean, std::string_view reason) {
  const auto self = shared_from_this();
  if (std::exchange(stream_, nullptr) == nullptr) return;
  owner_->on_link_closed(*this, clean ? "ended by the other side" : reason);
}

// ---- OutgoingLane -------------------------------------------------------------------------------

OutgoingLane::OutgoingLane(Options options, env::Network& network, Events& events)
    : options_(std::move(options)),
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
  link_ = PeerLink::dial(network_, options_.address, *this);
}

Instant OutgoingLane::wake_at() const {
  if (up_) return Instant::never();
  return link_ != nullptr ? give_up_at_ : dial_at_;
}

void OutgoingLane::on_link_open(PeerLink& link) {
  link.send(FrameKind::hello, encode_hello(options_.hello));
}

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
  pause_ = options_.first_pause;
  events_.on_lane_up(options_.hello.lane);
}

void OutgoingLane::on_link_closed(PeerLink& link, std::string_view reason) {
  if (link_.get() != &link) return;
  link_.reset();
  lost_ = true;
  if (std::exchange(up_, false)) events_.on_lane_down(options_.hello.lane, reason);
}

}  // namespace holdfast::server
