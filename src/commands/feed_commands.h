// FEED.*: what has changed in the keys of a prefix, in order (keyspace/feed.h).
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

#include "commands/command_table.h"

namespace holdfast::commands {

// The BLOCK of FEED.READ's words, 0 if there is none or they make no sense. The command itself never
// waits: whoever asks has it asked again (server/requests.h).
std::int64_t feed_block_of(Args args);

// If this is FEED.READ's answer that nothing has changed: the position to ask from, as a word and as
// the number that FeedTable::newest() is to pass.
struct NothingNew {
  std::string position;
  std::uint64_t revision = 0;
};
std::optional<NothingNew> nothing_new(std::string_view answer);

}  // namespace holdfast::commands
