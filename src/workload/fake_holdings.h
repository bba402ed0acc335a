// For tests: semaphores, elections, and locks that may be shared (their names begin with q), of a
// cluster that never fails, written a second time and as simply as possible. Part of FakeStore.
#pragma once

#include <cstdint>
#include <deque>
#include <map>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "base/time.h"
#include "resp/reply_parser.h"
#include "workload/fake_replies.h"

namespace holdfast::workload {

class FakeHoldings {
 public:
  using Words = std::vector<std::string>;
  using Ticket = std::uint64_t;

  // `maps`: answers records as RESP3 does. `revision`: of the store, to count on.
  FakeHoldings(bool maps, std::int64_t& revision) : maps_(maps), revision_(revision) {}

  static bool knows(const Words& words);
  // Nothing: it waits, and is answered in `completed` later.
  std::optional<resp::Reply> run(const Words& words, Ticket ticket);
  void advance(Instant now);
  Instant next_due() const;
  void drop(Ticket ticket);
  // What it holds and waits for ends.
  void end_session(const std::string& id);

  std::vector<std::pair<Ticket, resp::Reply>> completed;

 private:
  struct Asking {
    std::string owner;
    std::int64_t ttl_ms = 0;
    std::string session;
    std::int64_t wait_ms = 0;
    bool shared = false;
    std::string hold;
    std::int64_t delay_ms = 0;
    std::int64_t permits = 1;
    std::int64_t limit = 1;
    std::int64_t queued_at = 0;
    Instant ends;
    Ticket ticket = 0;
  };
  struct Held {
    Asking asked;
    std::int64_t token = 0;
    std::int64_t fence = 0;
    std::vector<std::string> holds;
    Instant ends;
    Ticket told = 0;  // of the wait that was granted, until its owner has shown himself
  };
  struct Thing {
    char kind = 'L';  // L, S, E
    std::vector<Held> held;
    std::deque<Asking> queue;
    std::int64_t limit = 0;
    std::int64_t last = 0;
    std::int64_t fence = 0;
    std::int64_t released = 0;
    Instant closed_until;  // by a delay
  };

  static Asking read(const Words& words);
  bool fits(const Thing& thing, const Asking& asking) const;
  std::optional<resp::Reply> acquire(Thing& thing, const Words& words, Ticket ticket);
  resp::Reply release(Thing& thing, std::int64_t token, const Words& words);
  resp::Reply force(Thing& thing);
  Held& grant(Thing& thing, const Asking& asking);
  void let_in(Thing& thing);
  void end(Thing& thing, std::size_t which, bool failed);
  resp::Reply granted(const Thing& thing, const Held& held) const;
  resp::Reply look(const Thing& thing) const;
  resp::Reply record(const FakeFields& fields) const { return fake_record(maps_, fields); }

  bool maps_;
  std::int64_t& revision_;
  Instant now_;
  std::map<std::string, Thing> things_;  // by kind and name
};

}  // namespace holdfast::workload
