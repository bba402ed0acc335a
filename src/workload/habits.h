// How a client treats its connections.
#pragma once

#include <cstdint>

#include "base/time.h"

namespace holdfast::workload {

// The chances are for each pipeline.
struct Habits {
  std::uint32_t leave_ppm = 20'000;                // after the answers: to another server
  std::uint32_t hang_up_ppm = 5'000;               // closes as soon as it has sent
  std::uint32_t half_ppm = 3'000;                  // breaks off somewhere in what it sends
  std::uint32_t give_up_leaderless_ppm = 500'000;  // after an answer that there is no leader
  Duration patience = seconds(8);                  // an unanswered pipeline is given up
  Duration connect_patience = seconds(8);          // so is a connection; at most `patience`
};

}  // namespace holdfast::workload
