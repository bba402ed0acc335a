#include "server/inner_command.h"

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

}  // namespace holdfast::server
