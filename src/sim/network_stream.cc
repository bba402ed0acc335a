// One end of a connection, as os/tcp_stream.cc is one, on virtual time.
#include <fmt/format.h>

#include <algorithm>
#include <utility>

#include "sim/network_parts.h"

namespace holdfast::sim {
namespace {

// Now and then a read brings less than there is, as it does when bytes are still arriving.
constexpr std::uint32_t kShortReadPpm = 20'000;

}  // namespace

// ---- Beginnings ---------------------------------------------------------------------------------

void End::set_addresses(env::Address local, env::Address remote) {
  local_ = std::move(local);
  remote_ = std::move(remote);
}

void End::connect(std::shared_ptr<Process> process, std::shared_ptr<env::StreamHandler> handler) {
  process_ = std::move(process);
  handler_ = std::move(handler);
  life_ = Life::connecting;
}

void End::begin(std::shared_ptr<Process> process) {
  process_ = std::move(process);
  life_ = Life::open;
}

void End::accept(const env::AcceptHandler& accept) {
  if (!usable()) return;
  auto handler = accept(*this);
  if (life_ != Life::open) return;  // closed by the acceptor itself
  if (!handler) return close(true);
  handler_ = std::move(handler);
  wake();
}

// ---- What the kernel does -----------------------------------------------------------------------

void End::arrive(Packet packet) {
  switch (packet.kind) {
    case Packet::Kind::connect:
      return;  // never comes here
    case Packet::Kind::connected:
      established_ = true;
      if (over()) return connection_.network.send(*this, Packet(Packet::Kind::reset));
      return wake();
    case Packet::Kind::data:
      if (over()) return connection_.network.send(*this, Packet(Packet::Kind::reset));
      if (life_ == Life::closing) return acknowledge(packet.bytes.size());
      input_ = input_.empty() ? std::move(packet.bytes) : input_ + packet.bytes;
      if (!paused_) wake();
      return;
    case Packet::Kind::window:
      unread_ -= packet.amount;
      if (over() || !stalled_) return;
      writable_ = true;
      return wake();
    case Packet::Kind::end:
      input_end_ = true;
      if (life_ == Life::closing && output_ended_) return leave();
      if (!paused_) wake();
      return;
    case Packet::Kind::reset:
      return strike();
  }
}

void End::strike() {
  if (over() || reset_) return;
  reset_ = true;
  if (life_ == Life::closing) return leave();
  wake();
}

void End::turn_away() {
  if (over()) return;
  if (!reset_) connection_.network.send(*this, Packet(Packet::Kind::reset));
  reset_ = true;
  leave();
}

void End::abandon(bool silently) {
  if (over()) return;
  if (!silently) return leave();
  // Its objects are still there, and will close what they hold.
  process_->kept.push_back(connection_.shared_from_this());
  release_handler();
  life_ = Life::gone;
  output_ended_ = true;
}

// ---- In turns of the process --------------------------------------------------------------------

void End::wake() {
  if (posted_ || !usable()) return;
  if (handler_ == nullptr && life_ != Life::closing) return;  // not accepted yet
  posted_ = true;
  process_->loop->post([self = connection_.shared_from_this(), this] { serve(); });
}

// One step; what is left over is for a later one.
void End::serve() {
  posted_ = false;
  if (!usable()) return;
  if (life_ == Life::connecting) return on_established();
  if (std::exchange(writable_, false)) {
    stalled_ = false;
    transmit({});
  }
  if (life_ != Life::open) return;
  if (std::exchange(drained_, false)) {
    const auto handler = handler_;
    handler->on_drained();
  }
  if (life_ != Life::open) return;
  if (!paused_ && !input_.empty()) {
    read_once();
  } else if (!paused_ && input_end_ && !input_ended_) {
    on_end_of_input();
  } else if (reset_ && (!paused_ || broken_write_)) {
    return end(false, "Connection reset by peer");
  }
  if (life_ == Life::open && !paused_ &&
      (!input_.empty() || (input_end_ && !input_ended_) || reset_)) {
    wake();
  }
}

void End::on_established() {
  if (reset_) {
    return end(false, fmt::format("cannot connect to {}: Connection refused", remote_.text()));
  }
  if (!established_) return;
  life_ = Life::open;
  if (pending() > 0) queued();
  const auto handler = handler_;
  handler->on_connected();
  if (life_ == Life::open && (!input_.empty() || input_end_ || reset_)) wake();
}

void End::read_once() {
  std::string bytes;
  std::size_t count = std::min(input_.size(), kReadBuffer);
  if (count > 1 && machine_.reads.chance_ppm(kShortReadPpm)) {
    count = 1 + machine_.reads.below(count - 1);
  }
  if (count == input_.size()) {
    bytes = std::exchange(input_, {});
  } else {
    bytes = input_.substr(0, count);
    input_.erase(0, count);
  }
  acknowledge(count);
  const auto handler = handler_;  // may let go of itself by closing
  handler->on_bytes(bytes);
}

// The sender learns at once what costs nothing to know at once; a packet goes only if it waits for
// it, or if it could not know.
void End::acknowledge(std::size_t bytes) {
  End& sender = connection_.other(*this);
  if (sender.stalled_ || connection_.network.blocked(machine_, sender.machine_)) {
    Packet packet(Packet::Kind::window);
    packet.amount = bytes;
    connection_.network.send(*this, std::move(packet));
  } else {
    sender.unread_ -= bytes;
  }
}

// The peer has nothing more to say. It may still be reading: what is queued for it is sent.
void End::on_end_of_input() {
  input_ended_ = true;
  const auto reader = handler_;
  if (reader->on_end_of_input() || life_ != Life::open) return;
  if (pending() == 0) return end(true, "closed by the peer");
  const auto handler = handler_;
  release_handler();
  begin_closing();
  handler->on_closed(true, "closed by the peer");
}

void End::pause_reading(bool paused) {
  paused_ = paused;
  if (!paused && life_ == Life::open && (!input_.empty() || input_end_ || reset_)) wake();
}

// ---- Writing ------------------------------------------------------------------------------------

void End::send(std::string_view bytes) {
  if (bytes.empty() || !usable() || (life_ != Life::open && life_ != Life::connecting)) return;
  output_ += bytes;
  queued();
}

void End::queued() {
  if (pending() > kHighWater) tell_drained_ = true;
  if (dirty_ || stalled_ || life_ == Life::connecting) return;
  dirty_ = true;
  process_->dirty.push_back(this);
  process_->kept.push_back(connection_.shared_from_this());
}

void End::end_turn(Duration turn) {
  dirty_ = false;
  if (!usable() || (life_ != Life::open && life_ != Life::closing) || stalled_) return;
  transmit(turn);
}

void End::transmit(Duration turn) {
  if (reset_) {
    broken_write_ = broken_write_ || pending() > 0;
    return wake();
  }
  if (pending() > 0 && unread_ < kWindow) {
    // Between nodes a write is whole frames: what is done to messages finds them where they begin.
    const std::size_t room = connection_.between_nodes() ? pending() : kWindow - unread_;
    std::string bytes;
    if (room >= pending() && sent_ == 0) {
      bytes = std::exchange(output_, {});
    } else {
      bytes = output_.substr(sent_, room);
      sent_ += bytes.size();
      if (sent_ == output_.size() || sent_ > kWindow) {
        output_.erase(0, std::exchange(sent_, 0));
      }
    }
    progress_ = true;
    connection_.network.send_data(*this, std::move(bytes), turn);
  }
  if (pending() == 0) return drained();
  stalled_ = true;
  tell_drained_ = true;
}

void End::drained() {
  if (life_ == Life::closing) return finish_output();
  if (!std::exchange(tell_drained_, false)) return;
  drained_ = true;
  wake();
}

// ---- Ending -------------------------------------------------------------------------------------

void End::close(bool now) {
  if (life_ == Life::gone || !usable()) return;
  release_handler();
  if (now || life_ == Life::connecting) return leave();
  if (life_ == Life::open) begin_closing();
}

void End::begin_closing() {
  life_ = Life::closing;
  // What was not read is not read any more.
  if (const std::size_t unread = std::exchange(input_, {}).size(); unread > 0) acknowledge(unread);
  linger();
  queued();  // even without output: the end of the turn then closes our side
}

void End::finish_output() {
  if (std::exchange(output_ended_, true)) return;
  connection_.network.send(*this, Packet(Packet::Kind::end));
  if (input_end_) leave();
}

void End::linger() {
  connection_.network.schedule.after(kLinger, [self = connection_.shared_from_this(), this] {
    if (life_ != Life::closing || !usable()) return;
    if (!std::exchange(progress_, false)) return leave();
    linger();
  });
}

void End::end(bool clean, std::string_view reason) {
  const auto handler = handler_;
  release_handler();
  leave();
  if (handler) handler->on_closed(clean, reason);
}

// The caller may be the handler itself, inside a call: it must not die there.
void End::release_handler() {
  if (handler_) process_->released.push_back(std::exchange(handler_, nullptr));
}

// As a kernel closes a socket: what it has taken is still delivered, and whoever left something
// unread is rude.
void End::leave() {
  const auto self = connection_.shared_from_this();
  if (process_) process_->kept.push_back(self);
  release_handler();
  const bool connecting = life_ == Life::connecting;
  life_ = Life::gone;
  output_.clear();
  sent_ = 0;
  if (!reset_ && !connecting) {
    if (!input_.empty()) {
      connection_.network.send(*this, Packet(Packet::Kind::reset));
    } else if (!output_ended_) {
      connection_.network.send(*this, Packet(Packet::Kind::end));
    }
  }
  output_ended_ = true;
  input_.clear();
  connection_.network.forget_if_over(connection_);
}

}  // namespace holdfast::sim
