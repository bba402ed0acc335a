// LOCK.*: locks with a time to live, a fencing token and a queue, for clients; and the words by
// which nodes tell that somebody who waited is gone.
//
// A wait ends in an entry of its own (a release, an expiry, a withdrawal), so its reply is not
// written by the command: the replica takes the keyspace's events after each step, formats each
// with answer_event and hands it to the event's origin.
#pragma once

#include <span>
#include <string>
#include <string_view>

#include "commands/command_table.h"
#include "keyspace/keyspace.h"

namespace holdfast::commands {

std::span<const CommandSpec> lock_rows();

// The reply of the LOCK.ACQUIRE whose wait has ended, encoded for the version its client speaks.
// `now`: the stamp of the entry that ended it.
std::string answer_event(const keyspace::WaiterEvent& event, ClusterTime now);

// ---- for ONCE, which keeps what LOCK.ACQUIRE did rather than what it said

struct Acquired {
  std::string error;  // not empty: refused with this text, and nothing was changed
  keyspace::AcquireResult result;
};

// Does what `LOCK.ACQUIRE name …` (args, with its name first) says, but replies nothing.
Acquired acquire_lock(WriteContext& context, Args args, std::string_view once_id);
// Replies to it; sets context.blocked if it waits.
void answer_acquired(WriteContext& context, const Acquired& acquired);
// {token, ttl, fence, mode}
void answer_grant(resp::ReplyWriter& reply, const keyspace::Grant& grant, std::int64_t ttl_ms);
// The WAIT of LOCK.ACQUIRE's words, 0 if there is none or it makes no sense.
std::int64_t wait_of(Args args);

// A token in a client's words.
std::optional<std::uint64_t> parse_token(std::string_view word);
// A name as errors show it: quoted, and not longer than a line bears.
std::string quoted(std::string_view name);

}  // namespace holdfast::commands
