// Taking a lock, permits or an office, however often it has to be asked for.
//
//   1. LOCK.ACQUIRE without WAIT: a lock that is free costs one entry of the log.
//   2. Not granted: LOCK.ACQUIRE with what is left of the wait, under the same owner, which keeps
//   its
//      place over broken connections and deaths of nodes.
//   3. Granted by waiting: LOCK.RENEW. When the grant was given is not known here, so what is left
//   of
//      it is asked for; and it tells the cluster that somebody attends to the grant.
//
// Threads: those of the link.
#pragma once

#include <cstdint>
#include <string>

#include "client/link.h"
#include "client/tenure.h"
#include "client/vocabulary.h"
#include "holdfast/outcome.h"

namespace holdfast::client {

struct Wanted {
  Kind kind = Kind::mutex;
  std::string name;
  std::string owner;
  std::string value = {};
  Duration ttl = seconds(10);
  Duration wait = {};
  std::uint64_t limit = 0;    // of a semaphore
  std::uint64_t permits = 0;  // of a semaphore
};

struct Held {
  std::uint64_t token = 0;
  std::uint64_t fence = 0;
  Tenure tenure;
};

Outcome<Held> acquire(Link& link, const Setup& setup, const Wanted& wanted);

}  // namespace holdfast::client
