// Permits of a semaphore of the cluster: at most `limit` of them are held at a time, by anybody.
//
//   auto slot = holdfast::Semaphore::acquire(client, "uploads", 10, {.wait = 1min});
//   if (slot) upload();
//
// Its token names the permits and is no fence: others hold permits at the same time.
#pragma once

#include <chrono>
#include <cstdint>
#include <functional>
#include <memory>
#include <string>
#include <string_view>
#include <utility>

#include "holdfast/client.h"
#include "holdfast/holding.h"
#include "holdfast/outcome.h"

namespace holdfast {

struct SemaphoreOptions {
  // How many to hold: 1 to the limit.
  std::uint64_t permits = 1;
  // How long they outlive a holder that has died: 100 ms to ten years.
  std::chrono::milliseconds ttl{10'000};
  // How long to stand in the queue, first come, first served: 0 (try once) to ten years.
  std::chrono::milliseconds wait{0};
  // As LockOptions::lost and owner.
  std::function<void(std::string_view reason)> lost = {};
  std::string owner = {};
};

class Semaphore : public Holding {
 public:
  // `limit`, 1 to 1,000,000,000, is fixed by whoever acquires first; another one fails with MISMATCH,
  // whose message names the present one. SEM.LIMIT changes it. Otherwise as Mutex::acquire.
  static Outcome<Semaphore> acquire(const Client& client, std::string name, std::uint64_t limit,
                                    SemaphoreOptions options = {});

 private:
  explicit Semaphore(std::shared_ptr<client::Keeper> keeper) : Holding(std::move(keeper)) {}
};

}  // namespace holdfast
