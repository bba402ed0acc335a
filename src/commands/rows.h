// The families of commands; each file ends in its rows, from which command_table.cc builds the
// table.
#pragma once

#include <span>

#include "commands/command_table.h"

namespace holdfast::commands {

std::span<const CommandSpec> string_rows();
std::span<const CommandSpec> number_rows();
std::span<const CommandSpec> key_rows();
std::span<const CommandSpec> expire_rows();
std::span<const CommandSpec> node_rows();
std::span<const CommandSpec> restore_rows();
std::span<const CommandSpec> level_rows();
std::span<const CommandSpec> throttle_rows();
std::span<const CommandSpec> latch_rows();
std::span<const CommandSpec> cache_rows();
std::span<const CommandSpec> feed_rows();
std::span<const CommandSpec> semaphore_rows();
std::span<const CommandSpec> election_rows();
// Answered by server/, which knows connections and the node; COMMAND by answer_command below.
std::span<const CommandSpec> connection_rows();

// COMMAND and its subcommands. REQUIRES: refuse_words(args) gave nothing.
void answer_command(Args args, resp::ReplyWriter& reply);

}  // namespace holdfast::commands
