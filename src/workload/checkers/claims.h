// Locks that are held as long as a session: nobody else is granted one while the session of its holder
// lives for sure, none is lost before, and none is held, or granted, once the session is known to have
// ended. How long a session lives is tenancies.h's matter.
#pragma once

#include "workload/checkers/options.h"
#include "workload/checkers/verdict.h"
#include "workload/history.h"

namespace holdfast::workload {

Verdict check_claims(const History& history, const CheckOptions& options);

}  // namespace holdfast::workload
