// The families of commands; each file ends in its rows, from which command_table.cc builds the
// table.
#pragma once

#include <span>
#include <string_view>

#include "commands/command_table.h"

namespace holdfast::commands {

// What rows of several families say.
inline constexpr std::string_view kKeyspaceReadFast = "@keyspace @read @fast";
inline constexpr std::string_view kKeyspaceReadSlow = "@keyspace @read @slow";
inline constexpr std::string_view kKeyspaceWriteFast = "@keyspace @write @fast";
inline constexpr std::string_view kKeyspaceWriteSlow = "@keyspace @write @slow";
inline constexpr std::string_view kStringWriteFast = "@write @string @fast";
inline constexpr std::string_view kUpdates = "RW access update";
inline constexpr std::string_view kVaries = "nondeterministic_output";

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
