// GUARD, IFREV and ONCE, which wrap a write, and REV.
//
//   GUARD name token [STRICT] COMMAND args…    only while the token holds the lock, else -FENCED
//   IFREV key revision COMMAND args…           only if the key is at that revision, else -CHANGED
//   ONCE  request-id COMMAND args…             at most once per id; a repeat gets the first answer
//
// They wrap any command that writes keys, LOCK.ACQUIRE (its WAIT included) and each other; not what
// only reads, nor what the connection itself answers. In MULTI a guard or an IFREV that fails lets
// nothing of the EXEC run: all are asked before anything of it is done. `ONCE id` alone, as the
// first queued word, covers the whole EXEC.
//
// How EXEC does all that (in replica/):
//
//   const auto run_all = [&](WriteContext& inner) {
//     … watched keys …
//     for (words : commands) if (auto refused = fenced(inner, words)) return
//     inner.reply.error(*refused); inner.guards_checked = true; … run each, but a leading `ONCE id`
//     …
//   };
//   if (const auto once = once_over_exec(commands)) run_once(context, *once, run_all);
//   else run_all(context);
#pragma once

#include <cstdint>
#include <functional>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "commands/command_table.h"

namespace holdfast::commands {

std::span<const CommandSpec> wrapper_rows();

// ---- words; REQUIRES of all: args[0] names a wrapper

// The command inside, one layer further in. Empty if the words end before it (`ONCE id`).
Args inner_words(Args args);
// What is wrong with what is inside, as a text for the client; nothing if it may run.
// REQUIRES: the wrapper's own arity is right.
std::optional<std::string> refuse_wrapped(Args args);
// Positions in args of the keys of the innermost command.
std::vector<std::size_t> wrapped_keys(Args args);

// The level that a cluster must have for these words, wrappers and what they wrap together.
std::uint16_t level_needed(Args args);

// ---- for EXEC

// The error of the first guard or IFREV in these words, wrapped or not, that would refuse; nothing if all
// would let pass. Changes nothing.
std::optional<std::string> fenced(const WriteContext& context, Args args);
inline bool guards_pass(const WriteContext& context, Args args) {
  return !fenced(context, args).has_value();
}

// A use of ONCE: where its record lies and what it stands for.
struct OnceScope {
  std::string_view id;
  Slot slot;
  std::uint64_t command_hash = 0;
};

// Set if the first of the queued commands is `ONCE id` alone. Its record lies in the slot of the
// first key of all commands, of the id itself if they have none.
std::optional<OnceScope> once_over_exec(std::span<const std::vector<std::string_view>> commands);

// Runs `run` with a context whose reply is kept, and replies with what it said; or, if the id has a
// record, replies from the record, or refuses (MISMATCH, LIMIT), without running it.
// `run` must reply exactly once and not block.
void run_once(WriteContext& context, const OnceScope& scope,
              const std::function<void(WriteContext&)>& run);

}  // namespace holdfast::commands
