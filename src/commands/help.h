// "<CONTAINER> HELP", made from the table: each subcommand and what its row says about it.
#pragma once

#include <string_view>

#include "resp/reply_writer.h"

namespace holdfast::commands {

// `container` is its row's name: "object", "client", "config", "command".
void answer_help(std::string_view container, resp::ReplyWriter& reply);

}  // namespace holdfast::commands
