// Do the commands of one connection take effect in the order sent?
//
// What the product promises (decisions 0003 and 0004): answers come in the order of the commands;
// so do effects, through forwarding and a change of leader. A command that was refused may stand
// between two that were done. One whose outcome is unknown was done before whatever was sent behind
// it and was done, or never.
#pragma once

#include "workload/checkers/verdict.h"
#include "workload/history.h"

namespace holdfast::workload {

Verdict check_sessions(const History& history);

}  // namespace holdfast::workload
