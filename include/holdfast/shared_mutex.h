// A lock of the cluster, held together with others who share it; a Mutex of the same name is held by
// one alone. Who waits for it alone stops those who come later to share it, so nobody starves.
//
//   auto page = holdfast::SharedMutex::acquire(client, "pages/7", {.wait = 5s});
//   if (page) read_it();
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

class SharedMutex : public Holding {
 public:
  // As Mutex::acquire. Fails with MISMATCH if this owner has it alone.
  static Outcome<SharedMutex> acquire(const Client& client, std::string name,
                                      LockOptions options = {});

  // The same for all who share it at a time, and greater than that of whoever held it before them.
  std::uint64_t fence() const;

 private:
  explicit SharedMutex(std::shared_ptr<client::Keeper> keeper) : Holding(std::move(keeper)) {}
};

}  // namespace holdfast
