// A counter that counts exactly: an addition that is repeated, because an answer was lost or a
// leader died, still counts once.
//
//   holdfast::Counter visits(client, "visits");
//   auto now = visits.add(1);   // Outcome<std::int64_t>: the sum after it
//
// Threads: any, at the same time.
#pragma once

#include <cstdint>
#include <string>

#include "holdfast/client.h"

namespace holdfast {

class Counter {
 public:
  // `key` lies among the cluster's other keys: any client may GET or INCR it.
  Counter(Client client, std::string key);

  // The sum after adding. Fails with ERR if the key holds no number or the sum leaves 64 bits: then
  // nothing was added.
  Outcome<std::int64_t> add(std::int64_t amount = 1);
  // 0 if the key is not there.
  Outcome<std::int64_t> get();

  const std::string& key() const { return key_; }

 private:
  Client client_;
  std::string key_;
};

}  // namespace holdfast
