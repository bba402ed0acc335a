// Did locks keep what they promise to those who hold them and to those who wait?
//
//   - never two holders: nobody is granted a lock while another can still count on it;
//   - tokens and fences are given once, and grow with every grant of a name;
//   - a holder is not refused before his time is over;
//   - once a newer token is known an older one is good for nothing: no renewal, no check, no write;
//   - who was queued first is granted first, as far as looks at the queue tell;
//   - in the calm (CheckOptions::calm_from) nobody who waits is forgotten or sent away early, and
//   no
//     lock is refused that nobody can hold any more.
#pragma once

#include "workload/checkers/options.h"
#include "workload/checkers/verdict.h"
#include "workload/history.h"

namespace holdfast::workload {

Verdict check_locks(const History& history, const CheckOptions& options);

}  // namespace holdfast::workload
