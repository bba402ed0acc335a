// LATCH.*: counts that go down, and who waits until one is zero (keyspace/latch.h).
#pragma once

#include <cstdint>

#include "commands/command_table.h"

namespace holdfast::commands {

// The WAIT of LATCH.WAIT's words, 0 if there is none or it makes no sense.
std::int64_t latch_wait_of(Args args);

}  // namespace holdfast::commands
