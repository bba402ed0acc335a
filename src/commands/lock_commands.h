// LOCK.*: locks with a time to live, a fencing token and a queue, for clients; and the words by
// which nodes tell that somebody who waited is gone.
//
// A wait ends in an entry of its own (a release, an expiry, a withdrawal), so its reply is not
// written by the command: the replica takes the keyspace's events after each step, formats each
// with answer_event and hands it to the event's origin.
#pragma once

#include <span>
#include <string>

#include "commands/command_table.h"
#include "keyspace/keyspace.h"

namespace holdfast::commands {

std::span<const CommandSpec> lock_rows();

// The reply of the command whose wait for a lock, a semaphore or an election has ended, encoded for
// the version its client speaks. `now`: the stamp of the entry that ended it.
std::string answer_event(const keyspace::WaiterEvent& event, ClusterTime now);

}  // namespace holdfast::commands
