// Sessions: what lives as long as somebody keeps it, and the keys that end with it.
//
// Keeping a session is no change and nothing of it is in here: the leader remembers when each was
// last kept (replica/session_keeper.h). A session ends by an entry alone, and what is bound to it ends
// in that entry; if that is much, in this entry and the next ones. Until the last of it is gone the
// session is *ending*: it cannot be kept any more, and what is left of it is there as before.
//
// A key that is bound is ephemeral: it goes with its session. The binding belongs to the key as long
// as it exists, so who writes a new value does not loosen it; who deletes the key does.
//
// An id is the revision of the opening: it grows, is never 0 and never used again. A session lies in
// the slot that follows from its id, so that nobody has to look for it.
//
// Not here when a backup is restored: nobody has kept its sessions meanwhile.
#pragma once

#include <cstdint>
#include <functional>
#include <memory>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "base/ids.h"
#include "base/time.h"
#include "keyspace/notice.h"

namespace holdfast::keyspace {

struct Key;
class Keyspace;

struct SessionInfo {
  std::uint64_t id = 0;
  std::string_view name;  // as its owner called it; valid until the next change of the session
  std::int64_t ttl_ms = 0;
  ClusterTime opened;
  std::size_t keys = 0;  // bound to it
  bool ending = false;
  std::size_t holds = 0;  // of locks, permits, offices, that end with it
  std::size_t waits = 0;  // for such
};

enum class BindOutcome : std::uint8_t {
  bound,
  no_session,  // or it is ending
  no_key,      // one of the keys does not exist
  others,      // one of the keys is bound to another session
  too_many,    // the session would have more than kMaxKeys
};

struct BindResult {
  BindOutcome outcome = BindOutcome::no_session;
  std::size_t fresh = 0;  // bound: keys that were not bound before
  std::size_t at = 0;     // no_key, others: which of the keys
  std::uint64_t other = 0;  // others: whose it is
};

// A session has been opened or is gone; for whoever counts how long it lives.
struct SessionChange {
  std::uint64_t id = 0;
  std::int64_t ttl_ms = 0;
  ClusterTime opened;
  bool gone = false;
};

class SessionTable {
 public:
  static constexpr std::size_t kMaxSessions = 2'000'000;  // of a keyspace
  static constexpr std::size_t kMaxKeys = 100'000;        // of a session

  explicit SessionTable(Keyspace& owner);
  ~SessionTable();
  SessionTable(const SessionTable&) = delete;
  SessionTable& operator=(const SessionTable&) = delete;

  static Slot slot_of(std::uint64_t id);

  // Its id; nothing if there are kMaxSessions already. `origin`: whom to tell when it ends.
  std::optional<std::uint64_t> open(std::int64_t ttl_ms, std::string_view name, ClusterTime now,
                                    const Origin& origin = {});
  std::optional<SessionInfo> info(std::uint64_t id) const;
  // Neither ended nor ending.
  bool lives(std::uint64_t id) const;
  // All of the keys or none. One that is bound to this session already stays as it is.
  BindResult bind(std::uint64_t id, std::span<const Key> keys);
  // The session that a key is bound to; 0: none.
  std::uint64_t session_of(Key key) const;
  // The first bound keys of a session, in the order of binding, at most `count`.
  std::vector<std::string_view> keys_of(std::uint64_t id, std::size_t count) const;

  // The sessions among these that are there are ending from here on: what they wait for is given to
  // others. `loss`: why they end; nothing: their owner wants it.
  void begin_end(std::span<const std::uint64_t> ids, std::optional<Loss> loss = Loss::expired);
  // The session is ending from here on; ends at most `bound` of what depends on it, and the session
  // itself if nothing is left; `bound` is lowered by the work done, at least by 1. False: there is no
  // such session. First go keys, then waits, then holds, each in the order in which they began: who
  // gets a lock next finds the keys of the one before gone.
  bool end(std::uint64_t id, std::size_t& bound, ClusterTime now,
           std::optional<Loss> loss = Loss::expired);
  // The sessions that are ending, the oldest first, at most `count`.
  std::vector<std::uint64_t> ending(std::size_t count) const;
  bool any_ending() const;

  std::size_t size() const;  // those that are ending included
  // SCAN's way (keyspace.h) through all sessions: looks at `count` of them from the cursor on, and
  // returns the next cursor, 0 at the end.
  std::uint64_t scan(std::uint64_t cursor, std::size_t count,
                     const std::function<void(const SessionInfo&)>& visit) const;
  // What was opened and what is gone since the last call, in order.
  std::vector<SessionChange> take_changes();

 private:
  friend class Keyspace;
  struct State;
  std::unique_ptr<State> state_;
};

}  // namespace holdfast::keyspace
