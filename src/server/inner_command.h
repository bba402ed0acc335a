// What a wrapped command is at its heart: GUARD and ONCE stand before the words of another command.
#pragma once

#include <cstdint>

#include "commands/command_table.h"

namespace holdfast::server {

// The words without the wrappers before them; empty if a wrapper has nothing inside.
commands::Args inner_command(commands::Args args);

}  // namespace holdfast::server
