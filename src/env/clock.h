// Time as the world tells it. The only place where production code learns what time it is.
//
// Within one turn of the loop the time does not move: whoever runs the turn calls now() once and
// passes the Instant down.
#pragma once

#include "base/time.h"

namespace holdfast::env {

class Clock {
 public:
  virtual ~Clock() = default;
  // Never runs backwards while the process lives; counts through suspend (CLOCK_BOOTTIME).
  virtual Instant now() const = 0;
  // Calendar time of this machine. May jump. Only ever advice (see replica/cluster_clock.h).
  virtual WallTime wall() const = 0;
};

}  // namespace holdfast::env
