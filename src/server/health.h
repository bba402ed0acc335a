// Whether a node should be sent clients. One that is not ready may still answer: it says what is
// missing, so that whoever spreads the load can go elsewhere first.
#pragma once

#include <cstdint>
#include <string>

#include "base/ids.h"
#include "replica/replica.h"

namespace holdfast::server {

// How a node stands, as it knows itself.
struct Standing {
  bool serving = false;  // is part of a cluster and has a replica
  bool ending = false;   // told to stop
  bool removed = false;
  bool draining = false;
  bool restoring = false;  // a backup
  bool recovering = false;  // has lost a part of its log, and not all of it is here again
  NodeId leader = {};  // 0: unknown
  Index commit = {};
  Index applied = {};
  replica::Agreement agreement = replica::Agreement::agreed;
};

struct Readiness {
  bool ready = false;
  std::string reason;  // for people, one line; what it means
};

// A replica that lacks no more entries than these of what it knows to be committed is close enough.
inline constexpr std::uint64_t kSmallLag = 1000;

Readiness readiness_of(const Standing& standing);

}  // namespace holdfast::server
