#include "os/tcp_stream.h"

#include <errno.h>
#include <fmt/format.h>
#include <netinet/tcp.h>
#include <sys/socket.h>

#include <array>
#include <boost/asio/connect.hpp>
#include <chrono>
#include <utility>

#include "os/event_loop_parts.h"
#include "os/spread.h"

namespace holdfast::os {
namespace {

// Parts of one gathered write; a queue of more goes out in several.
constexpr std::size_t kWriteParts = 256;
// Buffers full that one stream may hand over in a turn before others have theirs.
constexpr int kReadsPerTurn = 8;

ErrorCode system_error(int number) { return {number, boost::system::system_category()}; }

bool would_block(int number) { return number == EAGAIN || number == EWOULDBLOCK; }

// What we dial and what does not take our bytes for so long is dead: without this the kernel tries
// for a quarter of an hour. (What we accept may be slow as it likes: clients do stop reading.)
constexpr int kUnacknowledgedMs = 20'000;

}  // namespace

void set_options(tcp::socket& socket) {
  ErrorCode ignored;
  socket.set_option(tcp::no_delay(true), ignored);
  socket.set_option(boost::asio::socket_base::keep_alive(true), ignored);
}

void learn_addresses(const tcp::socket& socket, env::Address& local, env::Address& remote) {
  ErrorCode error;
  const auto here = socket.local_endpoint(error);
  if (!error) local = address_of(here);
  const auto there = socket.remote_endpoint(error);
  if (!error) remote = address_of(there);
}

env::Address address_of(const tcp::endpoint& endpoint) {
  return {endpoint.address().to_string(), endpoint.port()};
}

TcpNetwork::Shared::Shared(EventLoop& event_loop, Trace& event_trace, int loops)
    : loop(event_loop),
      io(event_loop.parts().io),
      trace(event_trace),
      readable(event_loop),
      spread(loops > 1 ? std::make_unique<Spread>(event_loop, loops - 1) : nullptr) {}

TcpNetwork::Shared::~Shared() = default;

void TcpNetwork::Shared::flush() {
  for (const auto& work : before_writes) work();
  if (spread) spread->flush();  // first: others can write while this loop does
  // Whatever becomes dirty from here on belongs to the next turn.
  const auto now = std::exchange(dirty, {});
  for (const auto& stream : now) stream->end_turn();
  readable.rearm();
}

TcpStream::TcpStream(TcpNetwork::Shared& shared) : TcpStream(shared, tcp::socket(shared.io)) {}

TcpStream::TcpStream(TcpNetwork::Shared& shared, tcp::socket socket)
    : shared_(shared), socket_(std::move(socket)), resolver_(shared.io), linger_(shared.io) {}

// ---- Beginning ----------------------------------------------------------------------------------

void TcpStream::begin_accepted(const env::AcceptHandler& accept) {
  life_ = Life::open;
  set_options(socket_);
  learn_addresses(socket_, local_, remote_);
  auto handler = accept(*this);
  if (life_ != Life::open) return;  // closed by the acceptor itself
  if (!handler) return close(true);
  handler_ = std::move(handler);
  if (!paused_) wait_readable();
}

void TcpStream::begin_connecting(const env::Address& address,
                                 std::shared_ptr<env::StreamHandler> handler) {
  handler_ = std::move(handler);
  remote_ = address;
  // Resolving an address that is one already is quick, but goes the same way: nobody is called
  // back from inside connect().
  resolver_.async_resolve(address.host, std::to_string(address.port),
                          tcp::resolver::numeric_service,
                          [self = shared_from_this()](const ErrorCode& error, auto results) {
                            self->on_resolved(error, results);
                          });
}

void TcpStream::on_resolved(const ErrorCode& error, const tcp::resolver::results_type& results) {
  if (life_ != Life::connecting) return;
  if (error) {
    return end(false, fmt::format("cannot resolve {}: {}", remote_.host, error.message()));
  }
  boost::asio::async_connect(socket_, results,
                             [self = shared_from_this()](const ErrorCode& failed, const auto&) {
                               self->on_connect(failed);
                             });
}

void TcpStream::on_connect(const ErrorCode& error) {
  if (life_ != Life::connecting) return;
  if (error) {
    return end(false, fmt::format("cannot connect to {}: {}", remote_.text(), error.message()));
  }
  life_ = Life::open;
  set_options(socket_);
  ::setsockopt(socket_.native_handle(), IPPROTO_TCP, TCP_USER_TIMEOUT, &kUnacknowledgedMs,
               sizeof kUnacknowledgedMs);
  learn_addresses(socket_, local_, remote_);
  if (!output_.empty()) queued();
  const auto handler = handler_;
  handler->on_connected();
  if (life_ == Life::open && !paused_) wait_readable();
}

// ---- Reading ------------------------------------------------------------------------------------

void TcpStream::pause_reading(bool paused) {
  paused_ = paused;
  if (paused && life_ == Life::open) stop_reading();
  if (!paused && life_ == Life::open && !input_ended_) wait_readable();
}

void TcpStream::wait_readable() {
  if (reading_) return;
  reading_ = shared_.readable.add(socket_.native_handle(), *this);
  if (reading_) return;
  shared_.loop.post([self = shared_from_this(), error = system_error(errno)] { self->broke(error); });
}

void TcpStream::stop_reading() {
  if (std::exchange(reading_, false)) shared_.readable.remove(socket_.native_handle(), *this);
}

void TcpStream::on_readable() {
  if (life_ == Life::closing) return discard_input();
  if (life_ != Life::open || paused_) return stop_reading();

  auto& buffer = shared_.buffer;
  for (int reads = 0; reads < kReadsPerTurn; ++reads) {
    const ssize_t count = ::recv(socket_.native_handle(), buffer.data(), buffer.size(), MSG_DONTWAIT);
    if (count == 0) return on_end_of_input();
    if (count < 0 && !would_block(errno) && errno != EINTR) return broke(system_error(errno));
    if (count < 0) return;
    const auto handler = handler_;  // may let go of itself by closing
    handler->on_bytes(std::string_view(buffer).substr(0, static_cast<std::size_t>(count)));
    const bool more = static_cast<std::size_t>(count) == buffer.size();
    if (!more || life_ != Life::open || paused_ || !shared_.loop.parts().in_time()) return;
  }
}

// The peer has nothing more to say. It may still be reading: what is queued for it is sent.
void TcpStream::on_end_of_input() {
  input_ended_ = true;
  stop_reading();
  const auto reader = handler_;  // may let go of itself by closing
  if (reader->on_end_of_input() || life_ != Life::open) return;
  if (output_.empty()) return end(true, "closed by the peer");
  const auto handler = std::exchange(handler_, nullptr);
  begin_closing();
  handler->on_closed(true, "closed by the peer");
}

void TcpStream::discard_input() {
  auto& buffer = shared_.buffer;
  const ssize_t count = ::recv(socket_.native_handle(), buffer.data(), buffer.size(), MSG_DONTWAIT);
  const bool over = count == 0 || (count < 0 && !would_block(errno) && errno != EINTR);
  if (!over) return;
  // A peer that has only closed its side may still be reading what is queued.
  if (count < 0 || output_ended_) return leave();
  stop_reading();
}

// ---- Writing ------------------------------------------------------------------------------------

void TcpStream::send(std::string_view bytes) {
  if (bytes.empty() || (life_ != Life::open && life_ != Life::connecting)) return;
  output_.add(bytes);
  queued();
}

void TcpStream::send(SharedBytes bytes) {
  if (bytes.empty() || (life_ != Life::open && life_ != Life::connecting)) return;
  output_.add(std::move(bytes));
  queued();
}

void TcpStream::queued() {
  if (output_.size() > TcpNetwork::kHighWater) tell_drained_ = true;
  // While the kernel takes no more, what is new waits behind the rest.
  if (dirty_ || waiting_writable_ || life_ == Life::connecting) return;
  dirty_ = true;
  shared_.dirty.push_back(shared_from_this());
}

void TcpStream::end_turn() {
  dirty_ = false;
  if ((life_ != Life::open && life_ != Life::closing) || waiting_writable_) return;
  ErrorCode error;
  if (!output_.empty() && !write_once(error)) {
    // Handlers are not called from here: the turn's handler has had its say.
    shared_.loop.post([self = shared_from_this(), error] { self->broke(error); });
    return;
  }
  if (output_.empty()) return drained(true);
  tell_drained_ = true;
  wait_writable();
}

bool TcpStream::write_once(ErrorCode& why) {
  std::array<iovec, kWriteParts> vectors;
  while (!output_.empty()) {
    msghdr message{};
    message.msg_iov = vectors.data();
    message.msg_iovlen = output_.gather(vectors);
    std::size_t offered = 0;
    for (std::size_t i = 0; i < message.msg_iovlen; ++i) offered += vectors[i].iov_len;
    const ssize_t wrote = ::sendmsg(socket_.native_handle(), &message, MSG_DONTWAIT | MSG_NOSIGNAL);
    if (wrote < 0 && errno == EINTR) continue;
    ++shared_.writes;
    if (wrote < 0 && would_block(errno)) return true;
    if (wrote < 0) {
      why = system_error(errno);
      return false;
    }
    progress_ = true;
    output_.consume(static_cast<std::size_t>(wrote));
    if (static_cast<std::size_t>(wrote) < offered) return true;
  }
  return true;
}

void TcpStream::wait_writable() {
  waiting_writable_ = true;
  socket_.async_wait(tcp::socket::wait_write, [self = shared_from_this()](const ErrorCode& error) {
    self->on_writable(error);
  });
}

void TcpStream::on_writable(const ErrorCode& error) {
  waiting_writable_ = false;
  if (life_ != Life::open && life_ != Life::closing) return;
  ErrorCode failed = error;
  if (error || !write_once(failed)) return broke(failed);
  if (!output_.empty()) return wait_writable();
  drained(false);
}

void TcpStream::drained(bool inside_flush) {
  if (life_ == Life::closing) return finish_output();
  if (!std::exchange(tell_drained_, false)) return;
  if (!inside_flush) {
    const auto handler = handler_;
    return handler->on_drained();
  }
  shared_.loop.post([self = shared_from_this()] {
    if (self->life_ != Life::open) return;
    const auto handler = self->handler_;
    handler->on_drained();
  });
}

// ---- Ending -------------------------------------------------------------------------------------

void TcpStream::close(bool now) {
  if (life_ == Life::gone) return;
  release_handler();
  if (now || life_ == Life::connecting) return leave();
  if (life_ == Life::open) begin_closing();
}

void TcpStream::begin_closing() {
  life_ = Life::closing;
  wait_linger();
  queued();  // even without output: the end of the turn then closes our side
}

void TcpStream::finish_output() {
  if (std::exchange(output_ended_, true)) return;
  ErrorCode ignored;
  socket_.shutdown(tcp::socket::shutdown_send, ignored);
  wait_readable();
}

void TcpStream::wait_linger() {
  linger_.expires_after(std::chrono::nanoseconds(TcpNetwork::kLinger.ns));
  linger_.async_wait([self = shared_from_this()](const ErrorCode& error) {
    if (error || self->life_ != Life::closing) return;
    if (!std::exchange(self->progress_, false)) return self->leave();
    self->wait_linger();
  });
}

void TcpStream::broke(const ErrorCode& error) {
  if (life_ == Life::gone) return;
  end(false, error.message());
}

void TcpStream::end(bool clean, std::string reason) {
  const auto handler = std::exchange(handler_, nullptr);
  leave();
  if (handler) handler->on_closed(clean, reason);
}

void TcpStream::release_handler() {
  if (!handler_) return;
  shared_.loop.post([self = shared_from_this(), handler = std::exchange(handler_, nullptr)] {});
}

void TcpStream::leave() {
  life_ = Life::gone;
  output_.clear();
  ErrorCode ignored;
  resolver_.cancel();
  linger_.cancel();
  stop_reading();
  socket_.close(ignored);
  // The caller may be using this stream: it lives until the loop comes around.
  const auto self = shared_from_this();
  if (shared_.streams.erase(self) > 0) shared_.loop.post([self] {});
}

void TcpStream::abandon() {
  handler_ = nullptr;
  life_ = Life::gone;
  ErrorCode ignored;
  resolver_.cancel();
  linger_.cancel();
  stop_reading();
  socket_.close(ignored);
}

}  // namespace holdfast::os
