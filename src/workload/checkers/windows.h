// When each operation can have taken effect, as far as that can be known without searching.
//
// An operation takes effect between its call and its return. Two things narrow that down: commands
// of one connection take effect in the order sent, and what somebody saw had been written by then.
// So the windows carry the order of connections into checks that look at one key at a time.
#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "workload/checkers/verdict.h"
#include "workload/history.h"

namespace holdfast::workload {

inline constexpr std::int64_t kOpen = INT64_MAX;  // perhaps never

struct Window {
  std::int64_t earliest = 0;
  std::int64_t latest = kOpen;
  bool certain = false;  // it has certainly taken effect: it was answered, or seen by others
};

// One for each operation of the history. Failed ones have an empty window: latest before earliest.
std::vector<Window> windows_of(const History& history);

// Whether its effect has its place in the order of its connection. Not so what took several tries,
// and a waiting acquire, whose grant may come later than what is sent behind it.
bool in_session_order(const Operation& operation);

// The value that the operation leaves in a register, "" if it erases or may not write at all; and
// the key it does so to (a guarded write's is not its lock).
std::string_view value_written(const Operation& operation);
std::string_view key_written(const Operation& operation);

}  // namespace holdfast::workload
