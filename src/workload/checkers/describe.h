// Operations as a person reads them.
#pragma once

#include <string>
#include <vector>

#include "workload/history.h"

namespace holdfast::workload {

// One line without its end: who, what, the answer, from when to when in milliseconds.
std::string describe(const Operation& operation);
// One line each, behind a line's end.
std::string describe(const History& history, const std::vector<std::size_t>& which);
// The operation and those on the same key that are nearest to it in time.
std::string describe_around(const History& history, std::size_t which);

}  // namespace holdfast::workload
