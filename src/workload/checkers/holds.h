// What a history says about each lock: its grants, how long each was surely held, and until when it
// may have been.
//
// Sure is what its owner could count on: from the answer that granted it until its time is over as
// counted from the call; a renewal that was answered counts from its own call, one whose outcome is
// unknown may have shortened it; what is being released is sure no more.
#pragma once

#include <algorithm>
#include <cstdint>
#include <map>
#include <string>
#include <string_view>
#include <vector>

#include "workload/checkers/options.h"
#include "workload/history.h"

namespace holdfast::workload {

struct Hold {
  std::int64_t token = 0;
  std::string_view owner;
  std::size_t granted = 0;            // the operation whose answer told of it first
  std::int64_t known_ns = INT64_MAX;  // when that answer came
  std::int64_t asked_ns = INT64_MAX;  // the first call that can have led to it
  std::int64_t promised_until_ns = INT64_MIN;
  std::int64_t released_ns = INT64_MAX;  // when it was first asked to be released
  std::int64_t maybe_until_ns = INT64_MAX;

  std::int64_t sure_until_ns() const { return std::min(promised_until_ns, released_ns); }
};

struct LockStory {
  std::vector<std::size_t> operations;                          // that did not fail, by call
  std::vector<std::size_t> acquires;                            // of these, those
  std::map<std::int64_t, Hold> holds;                           // by token
  std::map<std::string_view, std::vector<std::size_t>> owners;  // the acquires of each
};

// By name. What contradicts itself (a token with two owners) is left to the checker.
std::map<std::string_view, LockStory> lock_stories(const History& history,
                                                   const CheckOptions& options);

// Whether the operation was told that its token holds the lock, or no longer does.
bool confirmed(const Operation& operation);
bool denied(const Operation& operation);

}  // namespace holdfast::workload
