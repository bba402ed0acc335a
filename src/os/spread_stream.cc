#include "os/spread_stream.h"

#include <unistd.h>

#include <utility>

#include "os/spread.h"

namespace holdfast::os {

SpreadStream::SpreadStream(Spread& spread, SpreadLink& link, tcp::socket socket)
    : spread_(spread), link_(link), io_(-1, *this) {
  set_options(socket);
  learn_addresses(socket, local_, remote_);
  ErrorCode ignored;  // one that cannot be released is broken, and reading it says so
  io_.descriptor = socket.release(ignored);
}

SpreadStream::~SpreadStream() {
  if (io_.descriptor >= 0) ::close(io_.descriptor);
}

// ---- Beginning ----------------------------------------------------------------------------------

void SpreadStream::begin(const env::AcceptHandler& accept) {
  auto handler = accept(*this);
  if (!open_) return;  // closed by the acceptor itself
  if (!handler) return close(true);
  handler_ = std::move(handler);
  order();
}

// ---- What has come in ---------------------------------------------------------------------------

void SpreadStream::on_bytes(std::string_view bytes) {
  if (!open_) return;
  if (paused_ || !held_.empty()) {
    held_ += bytes;
    return;
  }
  const auto handler = handler_;  // may let go of itself by closing
  handler->on_bytes(bytes);
}

void SpreadStream::on_end_of_input() {
  if (!open_) return;
  if (paused_ || !held_.empty()) {
    held_end_ = true;
  } else {
    tell_end_of_input();
  }
}

// The peer has nothing more to say. It may still be reading: what is queued for it is sent.
void SpreadStream::tell_end_of_input() {
  input_ended_ = true;
  const auto reader = handler_;
  if (reader->on_end_of_input() || !open_) return;
  const auto handler = std::exchange(handler_, nullptr);
  end(pending() == 0 ? Orders::End::now : Orders::End::after_output);
  handler->on_closed(true, "closed by the peer");
}

void SpreadStream::on_broke(int error) {
  if (!open_) return;
  const auto handler = std::exchange(handler_, nullptr);
  end(Orders::End::now);
  handler->on_closed(false, ErrorCode(error, boost::system::system_category()).message());
}

void SpreadStream::on_drained() {
  if (!open_) return;
  const auto handler = handler_;
  handler->on_drained();
}

void SpreadStream::pause_reading(bool paused) {
  paused_ = paused;
  if (!open_ || input_ended_) return;
  // What is held comes first, and not from inside this call.
  if (!paused && (!held_.empty() || held_end_)) {
    return spread_.post([self = shared_from_this()] { self->hear_held(); });
  }
  tell_reading();
}

void SpreadStream::tell_reading() {
  if (reading_ == !paused_) return;
  reading_ = !paused_;
  if (ordered_) link_.open->orders[order()].read = reading_;
}

void SpreadStream::hear_held() {
  if (!open_ || paused_) return;
  const auto handler = handler_;
  const std::string bytes = std::exchange(held_, {});
  if (!bytes.empty()) handler->on_bytes(bytes);
  if (!open_ || paused_) return;
  if (std::exchange(held_end_, false)) return tell_end_of_input();
  tell_reading();
}

// ---- Writing ------------------------------------------------------------------------------------

std::size_t SpreadStream::order() {
  ordered_ = true;
  if (round_ != link_.round) {
    round_ = link_.round;
    order_ = link_.open->orders.size();
    link_.open->orders.push_back({.stream = &io_, .read = reading_});
  }
  return order_;
}

void SpreadStream::send(std::string_view bytes) {
  if (bytes.empty() || !open_) return;
  const std::size_t at = order();
  link_.open->add(at, bytes);
  sent(at, bytes.size());
}

void SpreadStream::send(SharedBytes bytes) {
  if (bytes.empty() || !open_) return;
  const std::size_t at = order();
  const std::size_t size = bytes.size();
  link_.open->add(at, std::move(bytes));
  sent(at, size);
}

void SpreadStream::sent(std::size_t order, std::size_t size) {
  sent_ += size;
  if (pending() > TcpNetwork::kHighWater) link_.open->orders[order].tell_drained = true;
}

std::size_t SpreadStream::pending() const {
  return static_cast<std::size_t>(sent_ - io_.written.load(std::memory_order_acquire));
}

// ---- Ending -------------------------------------------------------------------------------------

void SpreadStream::close(bool now) {
  if (!open_) return;
  // The caller may be the handler itself, inside a call: it must not die there.
  if (handler_) spread_.post([handler = std::exchange(handler_, nullptr)] {});
  end(now ? Orders::End::now : Orders::End::after_output);
}

void SpreadStream::end(Orders::End how) {
  open_ = false;
  held_ = {};
  if (ordered_ || how == Orders::End::after_output) {
    link_.open->orders[order()].end = how;
    return;
  }
  // The I/O loop never heard of it.
  ::close(std::exchange(io_.descriptor, -1));
  spread_.post([self = shared_from_this()] {});
  spread_.forget(*this);
}

void SpreadStream::abandon() {
  open_ = false;
  handler_ = nullptr;
  if (io_.descriptor >= 0) ::close(std::exchange(io_.descriptor, -1));
}

}  // namespace holdfast::os
