// A lock of the cluster, held: taken by acquire(), renewed by itself, given back when the object
// goes.
//
//   auto lock = holdfast::Mutex::acquire(client, "reports/daily", {.wait = 30s});
//   if (!lock) return complain(lock.failure().message);
//   client.write({"GUARD", "reports/daily", std::to_string(lock->token()), "SET", "report", text});
//
// What it promises and what not, and how it is given back: holding.h.
#pragma once

#include <cstdint>
#include <memory>
#include <string>
#include <utility>

#include "holdfast/client.h"
#include "holdfast/holding.h"
#include "holdfast/lock_options.h"
#include "holdfast/outcome.h"

namespace holdfast {

class Mutex : public Holding {
 public:
  // Blocks for `wait`, and for the client's timeout beyond it while no server answers. The client
  // may go before the Mutex does. Fails with TAKEN if others hold it; unknown means that it may be
  // held in this process's name for up to one TTL.
  static Outcome<Mutex> acquire(const Client& client, std::string name, LockOptions options = {});

  // What a guarded resource compares: it refuses a lower one than the highest it has seen.
  std::uint64_t fence() const;

 private:
  explicit Mutex(std::shared_ptr<client::Keeper> keeper) : Holding(std::move(keeper)) {}
};

}  // namespace holdfast
