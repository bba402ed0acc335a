// Rate limits: CL.THROTTLE, one command each. Every client asks the same of the same limit.
#pragma once

#include <cstdint>
#include <memory>
#include <string>

#include "base/prng.h"
#include "workload/activity.h"

namespace holdfast::workload {

// Asks the limit of that name and number for a quantity that chance decides.
std::unique_ptr<Activity> ask_limit(Journal& journal, Prng& prng, std::string name,
                                    std::uint64_t number);

}  // namespace holdfast::workload
