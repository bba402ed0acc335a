// A time as people read it: of the calendar that the world keeps, at Greenwich.
#pragma once

#include <string>

#include "base/time.h"

namespace holdfast {

// As 2024-02-29. For times since 1970.
std::string day_text(WallTime time);
// As 23:59:59.
std::string hour_text(WallTime time);

}  // namespace holdfast
