// `holdfast server`: the node in the real world.
#pragma once

#include "server/config.h"

namespace holdfast {

// Runs until told to stop. 0: stopped in order; 1: could not start or go on, and said why on
// stderr.
int run_server(const server::Config& config);

}  // namespace holdfast
