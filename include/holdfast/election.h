// An office of the cluster: of all who campaign for a name one leads, and the others wait.
//
//   auto office = holdfast::Election::campaign(client, "scheduler", {.wait = 24h});
//   while (office && office->held()) schedule();
#pragma once

#include <chrono>
#include <functional>
#include <memory>
#include <string>
#include <string_view>
#include <utility>

#include "holdfast/client.h"
#include "holdfast/holding.h"
#include "holdfast/outcome.h"

namespace holdfast {

struct ElectionOptions {
  // How long the office outlives a leader that has died: 100 ms to ten years.
  std::chrono::milliseconds ttl{10'000};
  // How long to stand in the queue, first come, first served: 0 (try once) to ten years.
  std::chrono::milliseconds wait{0};
  // As LockOptions::lost: called when it no longer leads, but for release().
  std::function<void(std::string_view reason)> lost = {};
  // Whom ELECT.LEADER names, up to 1 KiB; nobody else's. Empty: host, process and a random number.
  std::string candidate = {};
};

class Election : public Holding {
 public:
  // Returns when this process leads. As Mutex::acquire.
  static Outcome<Election> campaign(const Client& client, std::string name,
                                    ElectionOptions options = {});

 private:
  explicit Election(std::shared_ptr<client::Keeper> keeper) : Holding(std::move(keeper)) {}
};

}  // namespace holdfast
