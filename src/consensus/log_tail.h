// The end of a replica's log, in memory: every entry after the last compaction.
//
// What engines read epochs from, what leaders send from, what apply reads. Entries hold their
// payload by shared view, so the same bytes serve disk, peers and apply.
//
// Invariants: contiguous; epochs do not decrease; the entry before the first is known by
// (before().index, before().epoch).
#pragma once

#include <cstdint>
#include <deque>
#include <optional>
#include <vector>

#include "base/ids.h"
#include "consensus/entry.h"

namespace holdfast::consensus {

class LogTail {
 public:
  // Starts empty after the entry (index, epoch); (0, {}) for a new log.
  LogTail(Index before, Epoch before_epoch) : before_(before), before_epoch_(before_epoch) {}

  // REQUIRES: entry.index == last().next(), its epoch not lower than last_epoch().
  void append(Entry entry);
  // Removes everything from `from` on. REQUIRES: from > before().
  void cut(Index from);
  // Forgets everything up to and including `index`. REQUIRES: index <= last(). Lower than
  // before(): does nothing.
  void forget(Index index);
  // Forgets everything; starts after (index, epoch).
  void reset(Index index, Epoch epoch);

  Index before() const { return before_; }
  Index first() const { return before_.next(); }
  Index last() const { return before_ + entries_.size(); }
  Epoch last_epoch() const;
  // Of any entry in [before(), last()]; nothing outside.
  std::optional<Epoch> epoch_at(Index index) const;
  // REQUIRES: first() <= index <= last().
  const Entry& at(Index index) const;
  // Entries from `from` on, at most `bytes` of payload but at least one if there is one.
  std::vector<Entry> slice(Index from, std::uint64_t bytes) const;
  // The greatest index in [before(), index] whose entry is not of a later epoch than `epoch`, or
  // before() if there is none; `index` itself if it lies before that. What two logs may still have
  // in common when they differ at `index` (Raft 5.3, the fast way back).
  Index last_not_above(Index index, Epoch epoch) const;
  // Payload bytes held.
  std::uint64_t bytes() const { return bytes_; }

 private:
  Index before_;
  Epoch before_epoch_;
  std::deque<Entry> entries_;
  std::uint64_t bytes_ = 0;
};

}  // namespace holdfast::consensus
