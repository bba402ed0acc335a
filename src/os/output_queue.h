// Bytes on their way to a socket: small ones gathered in one buffer, big ones kept by view.
#pragma once

#include <sys/uio.h>

#include <cstddef>
#include <deque>
#include <span>
#include <string>
#include <string_view>

#include "base/bytes.h"

namespace holdfast::os {

class OutputQueue {
 public:
  void add(std::string_view bytes);
  void add(SharedBytes bytes);

  std::size_t size() const { return size_; }
  bool empty() const { return size_ == 0; }

  // Fills `vectors` from the front of the queue; returns how many. Valid until the next call.
  std::size_t gather(std::span<iovec> vectors) const;
  // REQUIRES: count <= size().
  void consume(std::size_t count);
  void clear();

 private:
  void seal_tail();

  std::deque<SharedBytes> sealed_;
  std::string tail_;           // after all that is sealed
  std::size_t tail_sent_ = 0;  // of the tail; only while nothing is sealed
  std::size_t size_ = 0;
};

}  // namespace holdfast::os
