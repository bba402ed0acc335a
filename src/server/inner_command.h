// What a wrapped command is at its heart: GUARD and ONCE stand before the words of another command.
#pragma once

#include <cstdint>

#include "commands/command_table.h"

namespace holdfast::server {

// The words without the wrappers before them; empty if a wrapper has nothing inside.
commands::Args inner_command(commands::Args args);
// LOCK.ACQUIRE … WAIT with a time, perhaps wrapped, LATCH.WAIT, or CACHE.GET … WAIT: its answer may come much
// later.
bool may_wait(commands::Args args);

}  // namespace holdfast::server
