#include "os/io_loop.h"

#include <errno.h>
#include <pthread.h>
#include <sys/eventfd.h>
#include <sys/socket.h>
#include <unistd.h>

#include <algorithm>
#include <utility>

#include "base/check.h"
#include "os/tcp.h"

namespace holdfast::os {
namespace {

// Parts of one gathered write; an order of more goes out in several.
constexpr std::size_t kGathered = 64;
// Reading into less room than this is not worth the system call.
constexpr std::size_t kLeastRoom = 4 << 10;
// Orders that were carried out and wait for a parcel to go back with; more are freed.
constexpr std::size_t kKeptOrders = 4;
constexpr auto kPatience = std::chrono::nanoseconds(TcpNetwork::kLinger.ns);

bool try_again(int error) { return error == EAGAIN || error == EWOULDBLOCK || error == EINTR; }

void must(bool worked) { CHECK(worked, "no descriptor is left for an I/O loop"); }

}  // namespace

IoLoop::IoLoop(std::string name, std::function<void()> wake) : wake_main_(std::move(wake)) {
  waker_ = ::eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
  set_ = ::epoll_create1(EPOLL_CLOEXEC);
  waker_set_ = ::epoll_create1(EPOLL_CLOEXEC);
  must(waker_ >= 0 && set_ >= 0 && waker_set_ >= 0);
  epoll_event wanted{};
  wanted.events = EPOLLIN | EPOLLET;
  must(::epoll_ctl(set_, EPOLL_CTL_ADD, waker_, &wanted) == 0);
  must(::epoll_ctl(waker_set_, EPOLL_CTL_ADD, waker_, &wanted) == 0);
  thread_ = std::thread([this, name = std::move(name)] { run(name); });
}

IoLoop::~IoLoop() {
  order(nullptr);
  thread_.join();
  ::close(waker_set_);
  ::close(set_);
  ::close(waker_);
}

void IoLoop::order(std::unique_ptr<Orders> orders) {
  if (orders_.put(std::move(orders))) wake_up();
}

void IoLoop::wake_up() {
  const std::uint64_t one = 1;
  // Fails only when it has been called 2^64 times, and then the loop is awake.
  [[maybe_unused]] const ssize_t wrote = ::write(waker_, &one, sizeof one);
}

// ---- The turn -----------------------------------------------------------------------------------

void IoLoop::run(const std::string& name) {
  ::pthread_setname_np(::pthread_self(), name.c_str());
  while (!over_) turn();
}

void IoLoop::turn() {
  await();
  take_orders();
  for (std::size_t i = 0; i < ready_; ++i) {
    auto* stream = static_cast<IoStream*>(events_[i].data.ptr);
    if (stream != nullptr) on_ready(*stream, events_[i].events);
  }
  look_at_lingering();
  // Only now, because until here events of this turn may name them.
  for (IoStream* stream : left_) tell(*stream, Parcel::What::gone);
  left_.clear();
  hand_over();
}

void IoLoop::await() {
  const int patience = orders_.wait() ? patience_ms() : 0;
  if (away_ >= kParcels) {
    // The main loop does not keep up: nothing can be read until it gives a parcel back.
    ready_ = 0;
    epoll_event woken{};
    ::epoll_wait(waker_set_, &woken, 1, patience);
    return;
  }
  const int count = ::epoll_wait(set_, events_.data(), static_cast<int>(events_.size()), patience);
  ready_ = count > 0 ? static_cast<std::size_t>(count) : 0;
}

int IoLoop::patience_ms() const {
  if (lingering_.empty()) return -1;
  const auto left = lingering_.front()->until - Clock::now();
  const auto ms = std::chrono::ceil<std::chrono::milliseconds>(left).count();
  return static_cast<int>(std::max<decltype(ms)>(ms, 0));
}

// ---- Orders -------------------------------------------------------------------------------------

void IoLoop::take_orders() {
  orders_.take(taken_);
  for (auto& orders : taken_) {
    if (orders == nullptr) {
      over_ = true;
      return;
    }
    for (auto& emptied : orders->emptied) {
      --away_;
      if (idle_.size() < kParcels) idle_.push_back(std::move(emptied));
    }
    orders->emptied.clear();
    for (const Orders::Order& order : orders->orders) carry_out(*orders, order);
    if (parcel().done.size() < kKeptOrders) parcel().done.push_back(std::move(orders));
  }
}

void IoLoop::carry_out(const Orders& orders, const Orders::Order& order) {
  IoStream& stream = *order.stream;
  CHECK(stream.descriptor >= 0, "an order for a stream whose end was ordered");
  if (order.end == Orders::End::now) return leave(stream);
  if (!stream.broken) {
    stream.read = order.read;
    stream.tell_drained |= order.tell_drained;
    if (order.first != Orders::kNone) write(stream, orders, order.first);
  }
  if (order.end == Orders::End::after_output) return begin_closing(stream);
  watch(stream);
}

void IoLoop::begin_closing(IoStream& stream) {
  if (stream.broken) return leave(stream);
  stream.closing = true;
  stream.progress = false;
  stream.until = Clock::now() + kPatience;
  stream.place = lingering_.insert(lingering_.end(), &stream);
  if (stream.backlog.empty()) finish_output(stream);
  watch(stream);
}

void IoLoop::leave(IoStream& stream) {
  if (stream.closing) lingering_.erase(stream.place);
  stream.backlog.clear();
  stream.broken = true;
  watch(stream);
  ::close(std::exchange(stream.descriptor, -1));
  left_.push_back(&stream);
}

// ---- What comes in ------------------------------------------------------------------------------

void IoLoop::on_ready(IoStream& stream, std::uint32_t events) {
  if (stream.descriptor < 0) return;  // ended by an order of this turn
  const bool may_write = (events & ~(EPOLLIN | EPOLLRDHUP)) != 0;
  if (may_write && !stream.backlog.empty()) write_backlog(stream);
  // Again: it may have broken just now, or an order has paused it.
  const bool wanted = stream.descriptor >= 0 && (stream.watched & EPOLLIN) != 0;
  const bool may_read = (events & ~EPOLLOUT) != 0;
  if (!wanted || !may_read) return;
  if (stream.closing) return discard(stream);
  read(stream);
}

void IoLoop::read(IoStream& stream) {
  Parcel& into = parcel();
  if (into.room() < kLeastRoom) return;  // it is ready in the next turn too
  if (!into.buffer) into.buffer = std::make_unique_for_overwrite<char[]>(Parcel::kBytes);
  const std::size_t room = std::min(into.room(), TcpNetwork::kReadBuffer);
  const ssize_t count =
      ::recv(stream.descriptor, into.buffer.get() + into.used, room, MSG_DONTWAIT);
  if (count < 0 && try_again(errno)) return;
  if (count < 0) return broke(stream, errno);
  if (count == 0) {
    stream.input_ended = true;
    watch(stream);
    return tell(stream, Parcel::What::end_of_input);
  }
  const auto size = static_cast<std::size_t>(count);
  into.events.push_back({.stream = stream.owner, .offset = into.used, .size = size});
  into.used += size;
}

void IoLoop::discard(IoStream& stream) {
  if (scrap_.empty()) scrap_.resize(TcpNetwork::kReadBuffer);
  const ssize_t count = ::recv(stream.descriptor, scrap_.data(), scrap_.size(), MSG_DONTWAIT);
  if (count > 0 || (count < 0 && try_again(errno))) return;
  // A peer that has only closed its side may still be reading what is queued.
  if (count < 0 || stream.output_ended) return leave(stream);
  stream.input_ended = true;
  watch(stream);
}

// ---- What goes out ------------------------------------------------------------------------------

std::ptrdiff_t IoLoop::send(IoStream& stream, std::span<iovec> vectors) {
  msghdr message{};
  message.msg_iov = vectors.data();
  message.msg_iovlen = vectors.size();
  // Before the call: who has read what it wrote finds it counted.
  writes_.store(writes_.load(std::memory_order_relaxed) + 1, std::memory_order_relaxed);
  ssize_t count = 0;
  do {
    count = ::sendmsg(stream.descriptor, &message, MSG_DONTWAIT | MSG_NOSIGNAL);
  } while (count < 0 && errno == EINTR);
  if (count < 0 && try_again(errno)) return 0;
  if (count < 0) {
    broke(stream, errno);
    return -1;
  }
  stream.progress = true;
  const auto before = stream.written.load(std::memory_order_relaxed);
  stream.written.store(before + static_cast<std::uint64_t>(count), std::memory_order_release);
  return count;
}

void IoLoop::write(IoStream& stream, const Orders& orders, std::uint32_t piece) {
  std::size_t sent = 0;  // of the piece
  const auto rest = [&] { return orders.view(orders.pieces[piece]).substr(sent); };
  bool room = stream.backlog.empty();
  while (room && piece != Orders::kNone) {
    std::array<iovec, kGathered> vectors;
    std::size_t count = 0;
    std::size_t offered = 0;
    for (auto at = piece; at != Orders::kNone && count < vectors.size(); ++count) {
      const auto bytes = at == piece ? rest() : orders.view(orders.pieces[at]);
      vectors[count] = {const_cast<char*>(bytes.data()), bytes.size()};
      offered += bytes.size();
      at = orders.pieces[at].next;
    }
    const std::ptrdiff_t took = send(stream, std::span(vectors).first(count));
    if (took < 0) return;
    auto left = static_cast<std::size_t>(took);
    room = left == offered;
    for (; piece != Orders::kNone && left >= rest().size(); piece = orders.pieces[piece].next) {
      left -= rest().size();
      sent = 0;
    }
    sent += left;
  }
  if (piece == Orders::kNone) return wrote_all(stream);
  stream.tell_drained = true;
  for (; piece != Orders::kNone; piece = orders.pieces[piece].next, sent = 0) {
    const Orders::Piece& kept = orders.pieces[piece];
    if (kept.shared.empty()) {
      stream.backlog.add(rest());
    } else {
      stream.backlog.add(kept.shared.part(sent, kept.size - sent));
    }
  }
}

void IoLoop::write_backlog(IoStream& stream) {
  while (!stream.backlog.empty()) {
    std::array<iovec, kGathered> vectors;
    const auto parts = std::span(vectors).first(stream.backlog.gather(vectors));
    std::size_t offered = 0;
    for (const iovec& part : parts) offered += part.iov_len;
    const std::ptrdiff_t took = send(stream, parts);
    if (took < 0) return;
    stream.backlog.consume(static_cast<std::size_t>(took));
    if (static_cast<std::size_t>(took) < offered) return;
  }
  wrote_all(stream);
  if (stream.descriptor >= 0) watch(stream);
}

void IoLoop::wrote_all(IoStream& stream) {
  if (stream.closing) return finish_output(stream);
  if (std::exchange(stream.tell_drained, false)) tell(stream, Parcel::What::drained);
}

// The peer has all of it; what is left is to see it close its side.
void IoLoop::finish_output(IoStream& stream) {
  if (std::exchange(stream.output_ended, true)) return;
  ::shutdown(stream.descriptor, SHUT_WR);
  stream.read = true;
  stream.input_ended = false;  // an end that was seen before is seen again
  watch(stream);
}

// ---- What is watched, and ends ------------------------------------------------------------------

void IoLoop::watch(IoStream& stream) {
  std::uint32_t wanted = 0;
  if (!stream.broken && stream.read && !stream.input_ended) wanted |= EPOLLIN | EPOLLRDHUP;
  if (!stream.broken && !stream.backlog.empty()) wanted |= EPOLLOUT;
  if (wanted == stream.watched) return;
  epoll_event event{};
  event.events = wanted;
  event.data.ptr = &stream;
  const int change = wanted == 0           ? EPOLL_CTL_DEL
                     : stream.watched == 0 ? EPOLL_CTL_ADD
                                           : EPOLL_CTL_MOD;
  stream.watched = wanted;
  // The kernel may have no room for another one.
  if (::epoll_ctl(set_, change, stream.descriptor, &event) != 0 && wanted != 0) {
    stream.watched = 0;
    broke(stream, errno);
  }
}

void IoLoop::broke(IoStream& stream, int error) {
  if (stream.broken) return;
  if (stream.closing) return leave(stream);
  stream.broken = true;
  stream.backlog.clear();
  watch(stream);
  tell(stream, Parcel::What::broke, error);
}

void IoLoop::look_at_lingering() {
  if (lingering_.empty()) return;
  const auto now = Clock::now();
  while (!lingering_.empty() && lingering_.front()->until <= now) {
    IoStream& stream = *lingering_.front();
    if (!std::exchange(stream.progress, false)) {
      leave(stream);  // takes it off the list
      continue;
    }
    stream.until = now + kPatience;
    lingering_.splice(lingering_.end(), lingering_, stream.place);
  }
}

// ---- To the main loop ---------------------------------------------------------------------------

Parcel& IoLoop::parcel() {
  if (open_) return *open_;
  if (idle_.empty()) {
    open_ = std::make_unique<Parcel>();
  } else {
    open_ = std::move(idle_.back());
    idle_.pop_back();
  }
  return *open_;
}

void IoLoop::tell(IoStream& stream, Parcel::What what, int error) {
  parcel().events.push_back({.stream = stream.owner, .what = what, .error = error});
}

// Orders that are given back go with what has happened: nobody is woken for them.
void IoLoop::hand_over() {
  if (!open_ || open_->events.empty()) return;
  ++away_;
  if (parcels_.put(std::move(open_))) wake_main_();
}

}  // namespace holdfast::os
