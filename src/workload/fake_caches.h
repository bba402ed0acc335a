// For tests: keys that are fetched under leases (their names begin with k), of a cluster that never
// fails, written a second time and as simply as possible. Part of FakeStore.
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

class FakeCaches {
 public:
  using Words = std::vector<std::string>;
  using Ticket = std::uint64_t;

  // `maps`: answers records as RESP3 does. `revision`: of the store, to count on.
  FakeCaches(bool maps, std::int64_t& revision) : maps_(maps), revision_(revision) {}

  static bool knows(const Words& words);
  // Nothing: it waits, and is answered in `completed` later.
  std::optional<resp::Reply> run(const Words& words, Ticket ticket);
  void advance(Instant now);
  Instant next_due() const;
  void drop(Ticket ticket);

  std::vector<std::pair<Ticket, resp::Reply>> completed;

 private:
  struct Waiter {
    std::int64_t lease_ms = 0;
    Instant ends;
    Ticket ticket = 0;
  };
  struct Key {
    std::string text;  // "": none
    Instant ends = Instant::never();
    std::int64_t keep_ms = 0;
    std::string stale;  // "": none
    Instant stale_since;
    Instant stale_until;
    std::int64_t lease = 0;  // 0: none
    Instant lease_until;
    Ticket holder = 0;
    std::deque<Waiter> queue;
  };

  std::optional<resp::Reply> get(Key& key, const Words& words, Ticket ticket);
  resp::Reply lease(Key& key, std::int64_t lease_ms, Ticket holder, const std::string& stale);
  void change(Key& key, std::string text);
  void settle(Key& key);
  resp::Reply record(const FakeFields& fields) const { return fake_record(maps_, fields); }

  bool maps_;
  std::int64_t& revision_;
  Instant now_;
  std::map<std::string, Key> keys_;
};

}  // namespace holdfast::workload
