// Every word that clients can say: one row per command or subcommand, from which routing, COMMAND,
// arity checks, transactions and help all read. A new command is its family's file, one row, one
// transcript.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "commands/context.h"

namespace holdfast::commands {

// Bits; the names that COMMAND INFO prints are in command_info.cc.
enum CommandFlag : std::uint32_t {
  kRead = 1u << 0,        // "readonly": runs on a const keyspace
  kWrite = 1u << 1,       // goes through the log
  kConnection = 1u << 2,  // answered by the node that the client is connected to (server/)
  kFast = 1u << 3,
  kAdmin = 1u << 4,
  kDenyOom = 1u << 5,
  kNoScript = 1u << 6,
  kBlocking = 1u << 7,
  kLoading = 1u << 8,
  kStale = 1u << 9,
  kNoAuth = 1u << 10,   // allowed before AUTH
  kNoMulti = 1u << 11,  // refused inside MULTI
  kMovableKeys = 1u << 12,
  kInternal = 1u << 13,     // only nodes say it, never clients; not listed
  kSubcommands = 1u << 14,  // a container: CLIENT, CONFIG, COMMAND, OBJECT …
  kWrapper = 1u << 15,      // GUARD, ONCE: what it does is what the command inside does
  kSkipMonitor = 1u << 16,
  kPubSub = 1u << 17,
  kAllowBusy = 1u << 18,
  kSkipSlowlog = 1u << 19,
  kVariableKeyFlags = 1u << 20,  // what happens to the key depends on the options (SET … GET)
};

using ReadHandler = void (*)(ReadContext&, Args);
using WriteHandler = void (*)(WriteContext&, Args);
// Positions of the keys in args, for commands whose keys are not first/last/step.
using KeyFinder = std::vector<std::size_t> (*)(Args);
// For how many milliseconds these words are ready to wait for others' doings; 0 if they make no sense.
using WaitFinder = std::int64_t (*)(Args);

// Since when there are the words that are ours, not Redis'.
inline constexpr std::string_view kSince = "holdfast 0.1";

struct CommandSpec {
  std::string_view name;  // lower case; subcommands as "client|list"
  int arity = 0;          // words, its name included; negative: at least
  std::uint32_t flags = 0;
  int first_key = 0;  // 0: none
  int last_key = 0;   // negative: from the end
  int key_step = 0;
  ReadHandler read = nullptr;
  WriteHandler write = nullptr;
  KeyFinder find_keys = nullptr;
  std::string_view group;       // "string", "generic", "connection", "lock" …
  std::string_view since;       // Redis version, or "holdfast 0.1"
  std::string_view categories;  // "@write @string @slow"
  std::string_view summary;
  std::string_view complexity;
  // What happens to the keys, as COMMAND INFO tells it: "RO access"; several specs by '|', each
  // then for one key: "RO access|OW update".
  std::string_view key_access = {};
  std::string_view tips = {};  // for clients of clusters, by ' '
  // The level that a cluster must have (commands/levels.h) before the command may enter its log.
  std::uint16_t semantics = 0;
  WaitFinder find_wait = nullptr;  // of LOCK.ACQUIRE … WAIT and its like
  // Its place among all_commands(): of the rows that are found, not of those that are written down.
  std::uint16_t row = 0;

  bool is(CommandFlag flag) const { return (flags & flag) != 0; }
};

// Whether it reads keys that it names, and does nothing else that anybody could notice.
inline bool reads_keys(const CommandSpec& spec) {
  constexpr std::uint32_t kMore = kWrite | kConnection | kBlocking | kInternal | kWrapper;
  if (spec.read == nullptr || spec.first_key == 0 || (spec.flags & kMore) != 0) return false;
  return spec.group == "string" || spec.group == "generic";
}

// All rows, sorted by name.
const std::vector<CommandSpec>& all_commands();
// The row for these words: the subcommand's if it is a container. Any case. Null if unknown.
const CommandSpec* find_command(Args args);
// The row of this name, subcommands as "client|list". Any case. Null if unknown.
const CommandSpec* find_by_name(std::string_view name);
// The error that Redis 7 gives for these words before running them (unknown command, unknown
// subcommand, wrong number of arguments), without '-' and line end; nothing if they may be run.
std::optional<std::string> refuse_words(Args args);
// Whether these are words of an HTTP request, which a browser can be tricked into sending: Redis
// closes such a connection without a word, so that nothing in the request's body is obeyed.
bool is_http(Args args);
// Positions of keys in args. Empty if none.
std::vector<std::size_t> key_positions(const CommandSpec& spec, Args args);
// Whether these words change state and so need the log: a wrapper does if its inside does.
bool needs_log(const CommandSpec& spec, Args args);
// Whether their answer may come much later, since they wait for others' doings; a wrapper's does if
// its inside's does.
bool may_wait(const CommandSpec& spec, Args args);

// Runs one command. REQUIRES: refuse_words(args) gave nothing, and the matching handler exists.
void run_read(const CommandSpec& spec, ReadContext& context, Args args);
// Inside an entry; also runs commands that only read.
void run_in_entry(const CommandSpec& spec, WriteContext& context, Args args);

}  // namespace holdfast::commands
