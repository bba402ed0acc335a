// CACHE.*: one flight for each missing key, whatever the crowd (keyspace/cache.h).
#pragma once

#include <cstdint>

#include "commands/command_table.h"

namespace holdfast::commands {

// The WAIT of CACHE.GET's words, 0 if there is none or it makes no sense.
std::int64_t cache_wait_of(Args args);
// What is told to whoever has waited for a key.
void answer_cache_wait(const keyspace::WaiterEvent& event, resp::ReplyWriter& reply);

}  // namespace holdfast::commands
