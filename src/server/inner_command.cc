#include "server/inner_command.h"

#include "commands/cache_commands.h"
#include "commands/holding_words.h"
#include "commands/latch_commands.h"
#include "commands/wrapper_commands.h"

namespace holdfast::server {

commands::Args inner_command(commands::Args args) {
  while (!args.empty()) {
    const commands::CommandSpec* spec = commands::find_command(args);
    if (spec == nullptr || !spec->is(commands::kWrapper)) break;
    args = commands::inner_words(args);
  }
  return args;
}

bool may_wait(commands::Args args) {
  args = inner_command(args);
  const commands::CommandSpec* spec = args.empty() ? nullptr : commands::find_command(args);
  if (spec != nullptr && spec->name == "latch.wait") return commands::latch_wait_of(args) > 0;
  if (spec != nullptr && spec->name == "cache.get") return commands::cache_wait_of(args) > 0;
  return commands::wait_of(args) > 0;
}

}  // namespace holdfast::server
