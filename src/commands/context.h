// What a command may touch. Reads get a const keyspace, so "reads do not change state" is checked
// by the compiler. Writes run only while an entry is applied.
//
// Both find keys through here, so that "past its deadline" means the same to every command:
// a write ends such a key first; a read inside an entry treats it as absent; a read outside of one
// asks to be run again after a pulse (escalate), since only the log may end a key.
#pragma once

#include <cstdint>
#include <span>
#include <string_view>

#include "base/ids.h"
#include "base/time.h"
#include "keyspace/keyspace.h"
#include "resp/reply_writer.h"

namespace holdfast::commands {

// The words of a command, its name first. Views into a buffer that outlives the call.
using Args = std::span<const std::string_view>;

struct Stamp {
  ClusterTime cluster;
  WallTime wall;
};

struct ReadContext {
  const keyspace::Keyspace& keyspace;
  Stamp now;
  resp::ReplyWriter& reply;
  std::uint64_t random = 0;   // for RANDOMKEY
  bool inside_entry = false;  // run while an entry is applied
  // Set if the leader answers and nothing remembers the answer: sessions may be kept.
  class KeepAlive* keep_alive = nullptr;
  bool escalate = false;      // out: met a due key outside an entry; the reply is to be dropped

  // The key if it is there and not due.
  const keyspace::Object* find(std::string_view name);
};

struct WriteContext {
  keyspace::Keyspace& keyspace;
  Stamp now;
  resp::ReplyWriter& reply;
  Origin origin;
  Index index;               // of the entry
  std::uint16_t semantics = UINT16_MAX;  // that the entry is written in (commands/levels.h)
  std::uint64_t random = 0;  // from the entry
  bool resp3 = false;
  keyspace::Key ahead = {};     // the key that was fetched ahead, which mostly is that of the command
  bool may_wait = true;         // false inside MULTI: act as if it would not wait
  bool guards_checked = false;  // EXEC has asked all guards before it ran anything
  bool blocked = false;         // out: no reply now; a WaiterEvent will bring it

  // key_of(name); of the key that was fetched ahead all is known already.
  keyspace::Key key(std::string_view name) const;
  // The key if it is there; one that is due is ended first.
  const keyspace::Object* find(std::string_view name) { return find(key(name)); }
  const keyspace::Object* find(const keyspace::Key& key);
  // An event of a key, as Redis names it: for who wants to hear of it (keyspace/notice.h).
  void happened(keyspace::KeyEvents events, std::string_view event, std::string_view name) {
    keyspace.notices().key(events, event, name);
  }
  ReadContext reading();
};

// The key with its slot.
keyspace::Key key_of(std::string_view name);

}  // namespace holdfast::commands
