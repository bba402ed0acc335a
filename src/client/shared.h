// What the copies of a Client share: how the cluster is reached, and one connection to it.
#pragma once

#include <memory>
#include <mutex>
#include <string>

#include "client/link.h"

namespace holdfast::client {

struct Shared {
  explicit Shared(std::shared_ptr<const Setup> with);

  std::string new_id();

  const std::shared_ptr<const Setup> setup;
  std::mutex mutex;  // over what follows
  Link link;

 private:
  // Request ids: two random numbers, so that no two clients have one in common, and a count.
  const std::string id_stem_;
  std::uint64_t ids_ = 0;
};

}  // namespace holdfast::client
