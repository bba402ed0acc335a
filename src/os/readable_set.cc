#include "os/readable_set.h"

#include "base/check.h"
#include "os/event_loop_parts.h"

namespace holdfast::os {

ReadableSet::ReadableSet(EventLoop& loop) : loop_(loop), set_(loop.parts().io) {
  const int set = ::epoll_create1(EPOLL_CLOEXEC);
  CHECK(set >= 0, "no descriptor is left for the loop");
  set_.assign(set);
  rearm();
}

ReadableSet::~ReadableSet() = default;

bool ReadableSet::add(int descriptor, Owner& owner) {
  epoll_event wanted{};
  wanted.events = EPOLLIN | EPOLLRDHUP;
  wanted.data.ptr = &owner;
  return ::epoll_ctl(set_.native_handle(), EPOLL_CTL_ADD, descriptor, &wanted) == 0;
}

void ReadableSet::remove(int descriptor, const Owner& owner) {
  ::epoll_ctl(set_.native_handle(), EPOLL_CTL_DEL, descriptor, nullptr);
  for (std::size_t i = told_; i < ready_; ++i) {
    if (events_[i].data.ptr == &owner) events_[i].data.ptr = nullptr;
  }
}

void ReadableSet::rearm() {
  if (armed_) return;
  armed_ = true;
  set_.async_wait(boost::asio::posix::stream_descriptor::wait_read,
                  [this, held = std::weak_ptr<int>(alive_)](const boost::system::error_code& error) {
                    if (held.expired() || error) return;
                    armed_ = false;
                    tell_owners();
                  });
}

void ReadableSet::tell_owners() {
  if (told_ == ready_) {
    const int count =
        ::epoll_wait(set_.native_handle(), events_.data(), static_cast<int>(events_.size()), 0);
    told_ = 0;
    ready_ = count > 0 ? static_cast<std::size_t>(count) : 0;
  }
  while (told_ < ready_ && loop_.parts().in_time()) {
    // Removed meanwhile: by its own call, or by another's.
    if (auto* owner = static_cast<Owner*>(events_[told_++].data.ptr)) owner->on_readable();
  }
}

}  // namespace holdfast::os
