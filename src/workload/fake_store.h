// For tests: what a cluster that never fails would answer to the commands of actors, written a
// second time and as simply as possible.
//
// Time is told; nothing happens by itself: advance() ends what is due.
#pragma once

#include <cstdint>
#include <deque>
#include <map>
#include <optional>
#include <set>
#include <string>
#include <vector>

#include "base/time.h"
#include "resp/reply_parser.h"
#include "workload/fake_caches.h"
#include "workload/fake_holdings.h"
#include "workload/fake_replies.h"

namespace holdfast::workload {

using Words = std::vector<std::string>;

class FakeStore {
 public:
  // Of a command that may have to wait for its answer. Never 0.
  using Ticket = std::uint64_t;

  // What a connection has said so far.
  struct Session {
    std::map<std::string, std::uint64_t> watched;
    bool in_transaction = false;
    std::vector<Words> queue;
    std::set<std::string> attached;
  };

  // `maps`: answers records as RESP3 does.
  explicit FakeStore(bool maps)
      : maps_(maps), holdings_(maps, revision_), caches_(maps, revision_) {}

  void advance(Instant now);
  // Nothing: it waits, and is answered by take_completed() later.
  std::optional<resp::Reply> run(Session& session, const Words& words, Ticket ticket);
  std::vector<std::pair<Ticket, resp::Reply>> take_completed();
  // When advance() has something to do; never, if nothing is due.
  Instant next_due() const;
  // Nobody listens to that wait any more: it ends, or the grant that ended it.
  void drop(Ticket ticket);

  std::map<std::string, std::string, std::less<>> values() const;

 private:
  struct Value {
    std::string text;
    Instant ends = Instant::never();
  };
  // Of SESSION.OPEN.
  struct Tenancy {
    std::int64_t ttl_ms = 0;
    Instant ends;
    std::set<std::string> keys;
  };
  struct Waiter {
    std::string owner;
    std::int64_t ttl_ms = 0;
    std::int64_t queued_at = 0;
    Instant ends;
    Ticket ticket = 0;
  };
  struct Lock {
    std::string owner;  // "": free
    std::int64_t token = 0;
    std::int64_t released = 0;
    Instant ends;
    Ticket told = 0;  // of the wait that was granted, until its owner has shown himself
    std::deque<Waiter> queue;
  };

  void end(const std::string& id);
  resp::Reply run_session(Session& session, const Words& words);
  struct Latch {
    std::int64_t left = 0;
    std::set<std::string> owners;
    std::deque<Waiter> queue;
  };

  resp::Reply run_plain(const Words& words);
  // Of keys that begin with "w": their revision, operation, name and value; and the revision with
  // which what they belong to ended.
  struct Change {
    std::int64_t revision = 0;
    std::string operation;
    std::string key;
    std::string value;
    std::int64_t group = 0;
  };

  resp::Reply throttle(const Words& words);
  resp::Reply read_feed(const Words& words) const;
  std::optional<resp::Reply> run_latch(const Words& words, Ticket ticket);
  std::optional<resp::Reply> run_lock(const Words& words, Ticket ticket);
  std::optional<resp::Reply> acquire(Lock& lock, const Words& words, Ticket ticket);
  resp::Reply look(const Lock& lock) const;
  resp::Reply exec(Session& session);
  resp::Reply record(const FakeFields& fields) const { return fake_record(maps_, fields); }
  resp::Reply granted(const Lock& lock) const;
  void grant(Lock& lock, std::string owner, std::int64_t ttl_ms);
  void hand_over(Lock& lock);
  void set(const std::string& key, std::string text, Instant ends = Instant::never());
  std::string get(const std::string& key) const;

  bool maps_;
  Instant now_;
  std::int64_t revision_ = 0;
  std::map<std::string, Value, std::less<>> values_;
  std::map<std::string, std::uint64_t> revisions_;  // of every key that ever was
  std::map<std::string, resp::Reply> once_;
  std::map<std::string, Lock> locks_;
  std::map<std::string, Tenancy> tenancies_;  // by id
  std::map<std::string, Latch> latches_;
  std::vector<Change> feed_;
  bool feed_declared_ = false;
  std::map<std::string, Instant> full_at_;  // of rate limits
  std::vector<std::pair<Ticket, resp::Reply>> completed_;
  FakeHoldings holdings_;
  FakeCaches caches_;
};

}  // namespace holdfast::workload
