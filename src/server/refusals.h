// Who was turned away at the peer port, in the log. Anybody who reaches the port can cause these
// warnings, so they are limited.
//
// Threads: the loop's. Time: told at the end of a turn, and what happened in it is written then.
#pragma once

#include <string>
#include <utility>
#include <vector>

#include "base/time.h"
#include "base/trace.h"
#include "base/warning_limit.h"

namespace holdfast::server {

class Refusals {
 public:
  explicit Refusals(Trace& trace) : trace_(trace) {}

  void add(std::string from, std::string_view reason) {
    turn_.emplace_back(std::move(from), reason);
  }
  void on_turn_end(Instant now);

 private:
  Trace& trace_;
  WarningLimit limit_;
  std::vector<std::pair<std::string, std::string>> turn_;  // from where, why
};

}  // namespace holdfast::server
