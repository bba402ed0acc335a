// Something of the cluster that is held: what Mutex, SharedMutex, Semaphore and Election have in
// common. It is renewed by itself, three times in a TTL, and given back when the object goes.
//
// What is held over a network can be lost: this process may be stopped, the network cut, the hold
// ended by force. held() says true only as long as nobody else can have taken its place, as measured
// on this machine from the moment at which the last confirmed request was sent. That is no promise
// for the moment after: what must not be written by a former holder is to be guarded by the token
// (GUARD) or the fence of a lock.
//
// Once lost, it stays lost: acquire another.
//
// Threads: any, at the same time; each has a thread and a connection of its own. Moving it, and
// using it meanwhile, is the caller's to avoid.
#pragma once

#include <chrono>
#include <cstdint>
#include <memory>
#include <string>

#include "holdfast/outcome.h"

namespace holdfast {

namespace client {
class Keeper;
}

class Holding {
 public:
  // As release(), with nobody to tell the outcome. Blocks for the client's timeout at most.
  ~Holding();
  Holding(Holding&& other) noexcept;
  Holding& operator=(Holding&& other) noexcept;

  // Whether this process can be sure of it now.
  bool held() const;
  // How long it can be sure of it if nothing more is heard; 0 if it is not.
  std::chrono::milliseconds remaining() const;

  // Names this grant. Greater than that of any grant of the name before; below 2^53, never 0.
  std::uint64_t token() const;
  const std::string& name() const;

  // Gives it back: the first in the queue gets it. held() is false from the beginning of the call
  // on. Fails with LOST if it was lost before; not done or unknown if no server could be told in
  // time: it then ends by itself, a TTL after the last renewal at the latest. Again: the same
  // answer.
  Outcome<Done> release();

 protected:
  explicit Holding(std::shared_ptr<client::Keeper> keeper);

  std::shared_ptr<client::Keeper> keeper_;  // null: moved from
};

}  // namespace holdfast
