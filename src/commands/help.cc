#include "commands/help.h"

#include <string>
#include <vector>

#include "commands/command_table.h"

namespace holdfast::commands {
namespace {

std::string upper(std::string_view text) {
  std::string out(text);
  for (char& c : out) c = c >= 'a' && c <= 'z' ? static_cast<char>(c - 'a' + 'A') : c;
  return out;
}

}  // namespace

void answer_help(std::string_view container, resp::ReplyWriter& reply) {
  const std::string prefix = std::string(container) + "|";
  std::vector<const CommandSpec*> rows;
  for (const CommandSpec& spec : all_commands()) {
    if (spec.name.starts_with(prefix) && !spec.is(kInternal)) rows.push_back(&spec);
  }
  reply.array(1 + 2 * rows.size());
  reply.simple(upper(container) + " <subcommand> [<arg> [value] [opt] ...]. Subcommands are:");
  for (const CommandSpec* const row : rows) {
    reply.simple(upper(row->name.substr(prefix.size())));
    reply.simple("    " + std::string(row->summary));
  }
}

}  // namespace holdfast::commands
