// CACHE.*: one flight for each missing key, whatever the crowd (keyspace/cache.h).
#pragma once

#include <cstdint>

#include "commands/command_table.h"

namespace holdfast::commands {

// What is told to whoever has waited for a key.
void answer_cache_wait(const keyspace::WaiterEvent& event, resp::ReplyWriter& reply);

}  // namespace holdfast::commands
