#include "os/tls_stream.h"

#include <fmt/format.h>
#include <sys/uio.h>

#include <algorithm>
#include <chrono>
#include <utility>

#include "os/event_loop_parts.h"

namespace holdfast::os {
namespace {

// Sealed bytes that may wait for the kernel; the rest waits as it is. More than the high-water mark
// of the TCP stream, which so tells when they have left.
constexpr std::size_t kSealAhead = 256 << 10;
static_assert(kSealAhead > TcpNetwork::kHighWater);
// Sealed in one go.
constexpr std::size_t kSealAtOnce = 64 << 10;
// The first byte of every greeting.
constexpr char kHandshakeRecord = 0x16;

}  // namespace

// ---- The network's side -------------------------------------------------------------------------

TlsNetwork::Shared::Shared(EventLoop& event_loop, TcpNetwork& network, Trace& event_trace,
                           Options the_options)
    : loop(event_loop), tcp(network), trace(event_trace), options(std::move(the_options)) {}

void TlsNetwork::Shared::flush() {
  if (gone) return;
  greetings_left = kGreetingsPerTurn;
  if (!waiting.empty()) {
    loop.post([self = shared_from_this()] { self->go_on_greeting(); });
  }
  for (const auto& stream : std::exchange(dirty, {})) stream->end_turn();
}

void TlsNetwork::Shared::go_on_greeting() {
  if (gone) return;
  const auto count = std::min(waiting.size(), static_cast<std::size_t>(greetings_left));
  greetings_left -= static_cast<int>(count);
  const auto end = waiting.begin() + static_cast<std::ptrdiff_t>(count);
  const std::vector<std::shared_ptr<TlsStream>> now(waiting.begin(), end);
  waiting.erase(waiting.begin(), end);
  for (const auto& stream : now) stream->go_on_greeting();
}

void TlsNetwork::Shared::warn(std::string_view event, const env::Address& remote,
                              const std::string& reason) {
  const auto left_out = complaints.take(reason, loop.parts().clock.now());
  if (!left_out) return;
  if (*left_out == 0) {
    trace.warning(event, {{"other_side", remote.text()}, {"reason", reason}});
  } else {
    trace.warning(event, {{"other_side", remote.text()},
                          {"reason", reason},
                          {"like_it_left_out", fmt::to_string(*left_out)}});
  }
}

// ---- Beginning ----------------------------------------------------------------------------------

TlsStream::TlsStream(std::shared_ptr<TlsNetwork::Shared> shared, env::Stream& tcp,
                     std::shared_ptr<TlsDoor> door)
    : shared_(std::move(shared)),
      tcp_(&tcp),
      session_(shared_->options.context, *this),
      door_(std::move(door)),
      patience_(shared_->loop.parts().io),
      life_(Life::greeting),
      accepted_(true),
      counted_(true) {
  ++shared_->greeting;
}

TlsStream::TlsStream(std::shared_ptr<TlsNetwork::Shared> shared, const std::string& host,
                     std::shared_ptr<env::StreamHandler> handler)
    : shared_(std::move(shared)),
      session_(shared_->options.context, *this, host),
      handler_(std::move(handler)),
      patience_(shared_->loop.parts().io),
      life_(Life::connecting),
      accepted_(false) {}

TlsStream::~TlsStream() { end_greeting(); }

void TlsStream::wait_greeting() {
  patience_.expires_after(std::chrono::nanoseconds(TlsNetwork::kPatience.ns));
  patience_.async_wait([self = shared_from_this()](const boost::system::error_code& stopped) {
    if (stopped || self->shared_->gone || self->life_ != Life::greeting) return;
    self->fail(fmt::format("no TLS greeting was completed within {} s",
                           TlsNetwork::kPatience.ms() / 1000));
  });
}

void TlsStream::on_connected() {
  if (shared_->gone || life_ != Life::connecting) return;
  life_ = Life::greeting;
  wait_greeting();
  session_.begin();
}

bool TlsStream::become_open() {
  end_greeting();
  life_ = Life::open;
  if (accepted_) {
    const auto door = std::exchange(door_, nullptr);
    auto handler = door->open ? door->accept(*this) : nullptr;
    if (life_ != Life::open) return false;  // closed by the acceptor itself
    if (!handler) {
      close(true);
      return false;
    }
    handler_ = std::move(handler);
  } else {
    queued();
    const auto handler = handler_;
    handler->on_connected();
  }
  if (life_ == Life::open && paused_) tcp_->pause_reading(true);
  return life_ == Life::open;
}

void TlsStream::end_greeting() {
  patience_.cancel();
  if (std::exchange(counted_, false)) --shared_->greeting;
}

// ---- Reading ------------------------------------------------------------------------------------

void TlsStream::on_bytes(std::string_view bytes) {
  if (shared_->gone || life_ == Life::gone) return;
  if (life_ == Life::greeting && accepted_) {
    const auto self = shared_from_this();
    if (!std::exchange(heard_, true) && bytes.front() != kHandshakeRecord) {
      tcp_->send(std::string_view(shared_->options.plain_answer));
      return fail("what the other side says is no TLS");
    }
    if (waiting_ || shared_->greetings_left == 0 || !shared_->waiting.empty()) {
      unheard_ += bytes;
      if (std::exchange(waiting_, true)) return;
      tcp_->pause_reading(true);
      shared_->waiting.push_back(self);
      return;
    }
    --shared_->greetings_left;
  }
  hear(bytes);
}

void TlsStream::go_on_greeting() {
  waiting_ = false;
  if (life_ != Life::greeting) return;
  const std::string bytes = std::exchange(unheard_, {});
  hear(bytes);
  if (life_ == Life::greeting || (life_ == Life::open && !paused_)) tcp_->pause_reading(false);
}

void TlsStream::hear(std::string_view bytes) {
  const auto self = shared_from_this();  // a handler may close this
  session_.feed(bytes);
  auto& buffer = shared_->buffer;
  for (;;) {
    const std::size_t count = session_.read(buffer);
    const auto state = session_.state();
    const bool greeted = state == TlsSession::State::open || state == TlsSession::State::ended;
    if (life_ == Life::greeting && greeted && !become_open()) return;
    if (count == 0) break;
    const auto handler = handler_;
    handler->on_bytes(std::string_view(buffer).substr(0, count));
    if (life_ != Life::open) return;
  }
  if (session_.state() == TlsSession::State::failed) return fail(session_.failure());
  if (session_.state() == TlsSession::State::ended) on_ended();
}

// The peer has nothing more to say. It may still be reading: what is queued for it is sent.
void TlsStream::on_ended() {
  if (std::exchange(end_told_, true)) return;
  const auto reader = handler_;
  if (reader->on_end_of_input() || life_ != Life::open) return;
  const auto handler = std::exchange(handler_, nullptr);
  leave(false);
  handler->on_closed(true, "closed by the peer");
}

// Without an end that was said in TLS, on_closed follows.
bool TlsStream::on_end_of_input() { return life_ == Life::open && end_told_; }

void TlsStream::pause_reading(bool paused) {
  paused_ = paused;
  if (life_ == Life::open) tcp_->pause_reading(paused);
}

// ---- Writing ------------------------------------------------------------------------------------

void TlsStream::send(std::string_view bytes) {
  if (bytes.empty() || life_ == Life::gone) return;
  output_.add(bytes);
  queued();
}

void TlsStream::send(SharedBytes bytes) {
  if (bytes.empty() || life_ == Life::gone) return;
  output_.add(std::move(bytes));
  queued();
}

std::size_t TlsStream::pending() const {
  return output_.size() + (tcp_ == nullptr ? 0 : tcp_->pending());
}

void TlsStream::queued() {
  // While the kernel takes no more, what is new waits behind the rest.
  if (dirty_ || output_.empty() || life_ != Life::open || tcp_->pending() >= kSealAhead) return;
  dirty_ = true;
  shared_->dirty.push_back(shared_from_this());
}

void TlsStream::end_turn() {
  dirty_ = false;
  if (life_ != Life::open) return;
  seal(false);
  if (session_.state() != TlsSession::State::failed) return;
  // Handlers are not called from here: the turn's handler has had its say.
  shared_->loop.post([self = shared_from_this()] {
    if (!self->shared_->gone && self->life_ == Life::open) self->fail(self->session_.failure());
  });
}

void TlsStream::seal(bool all) {
  while (!output_.empty() && (all || tcp_->pending() < kSealAhead)) {
    iovec front{};
    output_.gather({&front, 1});
    const std::size_t count = std::min(front.iov_len, kSealAtOnce);
    session_.write({static_cast<const char*>(front.iov_base), count});
    output_.consume(count);
  }
}

void TlsStream::on_drained() {
  if (shared_->gone || life_ != Life::open) return;
  if (!output_.empty()) {
    seal(false);
    // There is more to come, and this is called again.
    if (!output_.empty() || tcp_->pending() > TcpNetwork::kHighWater) return;
  }
  const auto handler = handler_;
  handler->on_drained();
}

// ---- Ending -------------------------------------------------------------------------------------

void TlsStream::close(bool now) {
  if (life_ != Life::gone) leave(now);
}

void TlsStream::leave(bool now) {
  if (life_ == Life::open && !now) {
    seal(true);
    session_.end();
  }
  const bool nothing_to_say = life_ == Life::connecting || (life_ == Life::greeting && !accepted_);
  life_ = Life::gone;
  output_.clear();
  end_greeting();
  // Keeps this until the loop comes around: the caller may be using it.
  std::exchange(tcp_, nullptr)->close(now || nothing_to_say);
}

void TlsStream::fail(const std::string& reason) {
  const auto self = shared_from_this();
  const auto handler = std::exchange(handler_, nullptr);
  shared_->warn(life_ == Life::open ? "TLS connection broken" : "TLS connection refused",
                tcp_->remote(), reason);
  life_ = Life::gone;
  output_.clear();
  end_greeting();
  std::exchange(tcp_, nullptr)->close(false);  // after what the other side is told of it
  if (handler) handler->on_closed(false, reason);
}

void TlsStream::on_closed(bool clean, std::string_view reason) {
  if (life_ == Life::gone) return;
  const auto before = std::exchange(life_, Life::gone);
  tcp_ = nullptr;
  output_.clear();
  end_greeting();
  const auto handler = std::exchange(handler_, nullptr);
  if (shared_->gone || !handler) return;
  if (before == Life::connecting) return handler->on_closed(false, reason);
  if (before == Life::greeting) {
    return handler->on_closed(false, fmt::format("{} during the TLS greeting", reason));
  }
  if (clean && !end_told_) {
    return handler->on_closed(false, "closed by the peer without an end of TLS");
  }
  handler->on_closed(clean, reason);
}

env::Address TlsStream::local() const { return tcp_ == nullptr ? env::Address{} : tcp_->local(); }
env::Address TlsStream::remote() const { return tcp_ == nullptr ? env::Address{} : tcp_->remote(); }

}  // namespace holdfast::os
