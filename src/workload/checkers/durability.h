// Is every write that was acknowledged there in the end, or overwritten by one that may be later?
#pragma once

#include <functional>
#include <map>
#include <string>
#include <vector>

#include "workload/checkers/verdict.h"
#include "workload/history.h"

namespace holdfast::workload {

// The values of all keys on one replica, read when nothing was under way any more. A key that is
// not there is left out.
using Finals = std::map<std::string, std::string, std::less<>>;

// Also: all replicas hold the same, and nothing that nobody wrote.
Verdict check_durability(const History& history, const std::vector<Finals>& finals);

// The history with a read of each of its keys on each replica behind its end, so that the other
// checkers judge what is left as well.
History with_finals(const History& history, const std::vector<Finals>& finals);

}  // namespace holdfast::workload
