// How a lock is to be held: of Mutex and SharedMutex.
#pragma once

#include <chrono>
#include <functional>
#include <string>
#include <string_view>

namespace holdfast {

struct LockOptions {
  // How long the lock outlives a holder that has died: 100 ms to ten years. It is renewed three
  // times as often.
  std::chrono::milliseconds ttl{10'000};
  // How long to stand in the queue, first come, first served: 0 (try once) to ten years.
  std::chrono::milliseconds wait{0};
  // Called once when the lock is lost, with the reason for people; not when it is given back. On
  // the lock's own thread: it must return soon, and may do with the lock what others may.
  std::function<void(std::string_view reason)> lost = {};
  // Shown by LOCK.INFO, up to 1 KiB each. The owner must be nobody else's: an acquire under the
  // same owner gets the same grant. Empty: host, process and a random number.
  std::string owner = {};
  std::string value = {};
};

}  // namespace holdfast
