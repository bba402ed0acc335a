// This machine's clocks.
#pragma once

#include "env/clock.h"

namespace holdfast::os {

class SystemClock final : public env::Clock {
 public:
  Instant now() const override;  // CLOCK_BOOTTIME: counts through suspend
  WallTime wall() const override;
};

}  // namespace holdfast::os
