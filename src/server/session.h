// What a connection has said about itself and has in hand between two commands.
#pragma once

#include <cstdint>
#include <map>
#include <memory>
#include <string>
#include <vector>

#include "base/ids.h"
#include "base/time.h"
#include "commands/command_table.h"
#include "resp/reply_writer.h"
#include "server/channels.h"

namespace holdfast::server {

// A command between MULTI and EXEC.
struct QueuedCommand {
  const commands::CommandSpec* spec = nullptr;
  std::vector<std::string> words;
  bool local = false;  // answered by this node, not by the leader
};

struct Transaction {
  bool open = false;    // after MULTI
  bool broken = false;  // a command was refused when it was queued
  bool under_once = false;  // `ONCE id` is its first command and covers it all
  std::vector<QueuedCommand> queue;
  std::size_t bytes = 0;
};

// Revisions of keys, as the leader told them. `generation` counts the UNWATCHes, so that an answer
// that comes after one is not taken for the next watching's.
struct Watching {
  std::map<std::string, std::uint64_t, std::less<>> revisions;
  std::uint64_t generation = 0;
  std::size_t pending = 0;  // WATCHes whose answer is to come
  bool lost = false;        // a WATCH was refused: the next EXEC must not pass for guarded

  void forget() {
    revisions.clear();
    ++generation;
    pending = 0;
    lost = false;
  }
  bool any() const { return !revisions.empty() || pending != 0 || lost; }
};

struct Session {
  std::string name;
  std::string library_name;
  std::string library_version;
  resp::Version version = resp::Version::resp2;
  bool authenticated = false;
  // Let in without a password before this node knew whether there is one.
  bool let_in_early = false;
  Transaction transaction;
  Watching watching;
  Subscriptions subscriptions;  // changed by Channels only
  std::vector<std::uint64_t> attached;  // sessions that it keeps alive (kept_sessions.h)
  bool replies_off = false;     // CLIENT REPLY OFF
  bool skip_next_reply = false;  // CLIENT REPLY SKIP
  bool no_evict = false;
  bool no_touch = false;
  const commands::CommandSpec* last_command = nullptr;
  Instant since;
  Instant last_active;

  // In RESP2 messages look like replies, so a connection that listens can say little else.
  bool only_listens() const {
    return version == resp::Version::resp2 && subscriptions.count() != 0;
  }
};

}  // namespace holdfast::server
