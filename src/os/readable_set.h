// Which descriptors have something to read: an epoll set under the loop's own (epoll(7)).
//
// Asio arms a descriptor anew, by a system call, each time somebody wants to read on. Here it stays in
// a level-triggered set for as long as its owner reads, and the set as a whole is armed once a turn: so
// a turn costs one such call, not one for each connection.
//
// Threads: the loop's. For os/*.cc only: whoever includes this pays for Asio.
#pragma once

#include <sys/epoll.h>

#include <array>
#include <boost/asio/posix/stream_descriptor.hpp>
#include <cstddef>
#include <memory>

#include "os/event_loop.h"

namespace holdfast::os {

class ReadableSet {
 public:
  class Owner {
   public:
    // There is, or was a turn ago, something to read, or an end or an error to be found by reading.
    // Comes again in each turn until that is read, or the owner is removed; in a turn that has lasted
    // long, whoever has not been called is called first in the next.
    virtual void on_readable() = 0;

   protected:
    ~Owner() = default;
  };

  explicit ReadableSet(EventLoop& loop);
  ~ReadableSet();
  ReadableSet(const ReadableSet&) = delete;
  ReadableSet& operator=(const ReadableSet&) = delete;

  // False: the kernel has no room for another one (errno). REQUIRES: the descriptor is not in the set.
  bool add(int descriptor, Owner& owner);
  // From here on the owner is not called. REQUIRES: the descriptor is in the set, and open.
  void remove(int descriptor, const Owner& owner);
  // The end of a turn: what is ready from now on belongs to the next.
  void rearm();

 private:
  // So many owners are called in a turn at most; the kernel takes turns among those that are ready.
  static constexpr std::size_t kTurnOwners = static_cast<std::size_t>(EventLoop::kTurnWork);

  void tell_owners();

  EventLoop& loop_;
  boost::asio::posix::stream_descriptor set_;
  bool armed_ = false;
  std::array<epoll_event, kTurnOwners> events_;
  std::size_t told_ = 0;   // of these events,
  std::size_t ready_ = 0;  // of so many; the rest is left for the next turn
  std::shared_ptr<int> alive_ = std::make_shared<int>(0);
};

}  // namespace holdfast::os
