// SESSION.*: sessions, which live as long as somebody keeps them, and keys that end with them; and
// the words by which nodes keep many at once and a leader ends them.
//
// SESSION.KEEP is a read: it changes nothing that is replicated. It must be one that the leader
// answers (context.h's KeepAlive), and so is refused where its answer would be remembered.
#pragma once

#include <cstdint>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "commands/command_table.h"

namespace holdfast::commands {

// What one command or one entry ends at most of what is bound to sessions, sessions included.
inline constexpr std::size_t kEndsAtOnce = 1000;
// Sessions that a node keeps with one command.
inline constexpr std::size_t kKeptAtOnce = 1000;

std::span<const CommandSpec> session_rows();

inline constexpr std::string_view kBadSession = "ERR a session's id is an integer above 0";
// A session's id in a client's words.
std::optional<std::uint64_t> parse_session(std::string_view word);

// What _SESSION.KEEP says of a session that was not kept.
inline constexpr std::int64_t kEnded = -1;
inline constexpr std::int64_t kEndOnItsWay = -2;  // neither kept nor ended: ask again
// The same for people.
std::string not_kept(std::uint64_t id, std::int64_t why);

// What is said of one that has ended.
std::string session_lost(std::uint64_t id);

// `_SESSION.END bound id…`, the words of the entry by which a leader ends sessions. `storage` holds
// what the words point into.
std::vector<std::string_view> end_words(std::span<const std::uint64_t> ids,
                                        std::vector<std::string>& storage);

}  // namespace holdfast::commands
