// A lock of the cluster, held: taken by acquire(), renewed by itself, given back when the object
// goes.
//
//   auto lock = holdfast::Mutex::acquire(client, "reports/daily", {.wait = 30s});
//   if (!lock) return complain(lock.failure().message);
//   client.write({"GUARD", "reports/daily", std::to_string(lock->token()), "SET", "report", text});
//
// A lock that is held over a network can be lost: this process may be stopped, the network cut, the
// lock forced. held() says true only as long as nobody else can hold it, as measured on this
// machine from the moment at which the last confirmed request was sent. That is no promise for the
// moment after: what must not be written by a former holder is to be guarded by the token (GUARD)
// or the fence.
//
// Once lost, it stays lost: acquire another.
//
// Threads: any, at the same time; each Mutex has a thread and a connection of its own. Moving it,
// and using it meanwhile, is the caller's to avoid.
#pragma once

#include <chrono>
#include <cstdint>
#include <functional>
#include <memory>
#include <string>
#include <string_view>

#include "holdfast/client.h"
#include "holdfast/outcome.h"

namespace holdfast {

namespace client {
class Keeper;
}

struct LockOptions {
  // How long the lock outlives a holder that has died: 100 ms to ten years. It is renewed three
  // times as often.
  std::chrono::milliseconds ttl{10'000};
  // How long to stand in the queue, first come, first served: 0 (try once) to ten years.
  std::chrono::milliseconds wait{0};
  // Called once when the lock is lost, with the reason for people; not when it is given back. On
  // the Mutex's own thread: it must return soon, and may do with the Mutex what others may.
  std::function<void(std::string_view reason)> lost = {};
  // Shown by LOCK.INFO, up to 1 KiB each. The owner must be nobody else's: an acquire under the
  // same owner gets the same grant. Empty: host, process and a random number.
  std::string owner = {};
  std::string value = {};
};

class Mutex {
 public:
  // Blocks for `wait`, and for the client's timeout beyond it while no server answers. The client
  // may go before the Mutex does. Fails with TAKEN if others hold it; unknown means that it may be
  // held in this process's name for up to one TTL.
  static Outcome<Mutex> acquire(const Client& client, std::string name, LockOptions options = {});

  // As release(), with nobody to tell the outcome. Blocks for the client's timeout at most.
  ~Mutex();
  Mutex(Mutex&& other) noexcept;
  Mutex& operator=(Mutex&& other) noexcept;

  // Whether this process can be sure of it now.
  bool held() const;
  // How long it can be sure of it if nothing more is heard; 0 if it is not.
  std::chrono::milliseconds remaining() const;

  // Names this grant to GUARD, LOCK.CHECK and LOCK.RELEASE. Greater than that of any grant of the
  // name before; below 2^53, never 0.
  std::uint64_t token() const;
  // What a guarded resource compares: it refuses a lower one than the highest it has seen.
  std::uint64_t fence() const;
  const std::string& name() const;

  // Gives it back: the first in the queue gets it. held() is false from the beginning of the call
  // on. Fails with LOST if it was lost before; not done or unknown if no server could be told in
  // time: it then ends by itself, a TTL after the last renewal at the latest. Again: the same
  // answer.
  Outcome<Done> release();

 private:
  explicit Mutex(std::shared_ptr<client::Keeper> keeper);

  std::shared_ptr<client::Keeper> keeper_;  // null: moved from
};

}  // namespace holdfast
