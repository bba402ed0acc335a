// Who holds something, as a watcher sees it: what has changed since he looked last.
//
// A watcher looks now and then (LOCK.INFO, SEM.INFO, ELECT.INFO), and may be told of an election's
// changes beside that (the channel __holdfast__:elect:<name>), in whichever order that arrives. The
// views turn both into events, each told once: tokens only grow, so they say what is news.
//
// Pure. Threads: one at a time.
#pragma once

#include <cstdint>
#include <map>
#include <set>
#include <string>
#include <string_view>
#include <vector>

#include "base/result.h"
#include "cli/held.h"
#include "holdfast/value.h"

namespace holdfast::cli {

struct Holder {
  std::string owner = {};
  std::uint64_t token = 0;
  std::uint64_t fence = 0;    // of a lock
  std::uint64_t permits = 0;  // of a semaphore
  std::int64_t since_ms = 0;  // cluster time
};

struct HolderLoss {
  std::string owner = {};
  std::uint64_t token = 0;
  std::string reason = {};
  std::int64_t when_ms = 0;  // cluster time
};

struct Sight {
  std::vector<Holder> holders = {};
  std::vector<HolderLoss> losses = {};  // the last few
  std::uint64_t last_token = 0;
  std::size_t waiters = 0;
};

// What an INFO command answered in RESP2; null is nobody, and nobody lately. An error if it is no
// such answer.
Result<Sight> read_sight(Held kind, const Value& answer);

struct HolderEvent {
  // held, released, lost; of an election elected, vacant. free, vacant: it is so when the watch
  // begins.
  std::string event = {};
  std::string owner = {};  // empty: not known, or nobody
  std::uint64_t token = 0;
  std::uint64_t fence = 0;
  std::uint64_t permits = 0;
  std::string reason = {};   // of lost and vacant; of the latter also "released"
  std::int64_t when_ms = 0;  // cluster time; 0: not known
};

// Locks and semaphores. Of those who held it for a shorter time than lies between two looks only
// who lost it is told.
class HoldersView {
 public:
  std::vector<HolderEvent> update(const Sight& sight);

 private:
  bool begun_ = false;
  std::map<std::uint64_t, Holder> holders_;  // by token
  std::set<std::uint64_t> losses_;           // those that were in the last sight
};

// Elections.
class ElectionView {
 public:
  std::vector<HolderEvent> update(const Sight& sight);
  // "elected <token> <candidate>", "vacant <token> <reason>"; anything else is not news.
  std::vector<HolderEvent> hear(std::string_view message);

 private:
  // Grows from event to event: an office is taken, then vacant, under one token.
  static std::uint64_t rank(std::uint64_t token, bool vacant) {
    return token * 2 + (vacant ? 1 : 0);
  }
  std::vector<HolderEvent> tell(HolderEvent event, std::uint64_t rank);

  bool begun_ = false;
  std::uint64_t rank_ = 0;
};

}  // namespace holdfast::cli
