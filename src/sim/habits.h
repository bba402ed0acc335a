// How a simulated client treats its connections.
#pragma once

#include <cstdint>

#include "base/time.h"

namespace holdfast::sim {

// The chances are for each pipeline.
struct Habits {
  std::uint32_t leave_ppm = 20'000;                // after the answers: to another node
  std::uint32_t hang_up_ppm = 5'000;               // closes as soon as it has sent
  std::uint32_t half_ppm = 3'000;                  // breaks off somewhere in what it sends
  std::uint32_t give_up_leaderless_ppm = 500'000;  // after an answer that there is no leader
  Duration patience = seconds(8);                  // an unanswered pipeline is given up
};

}  // namespace holdfast::sim
