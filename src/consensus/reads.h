// Reads that wait for the leader to be sure that it still leads (Raft thesis 6.4).
//
// A read is served at the commit index of the moment it came in, once a quorum has answered a round
// of heartbeats that began after that moment. Rounds are numbered; an answer to one confirms all
// before it, so one round serves every read of a turn and lost messages need no bookkeeping.
// Before the leader has committed an entry of its own epoch it does not know how far its
// predecessors had committed: requests are postponed, not dropped.
#pragma once

#include <cstdint>
#include <deque>
#include <vector>

#include "base/ids.h"
#include "consensus/protocol.h"

namespace holdfast::consensus {

class Reads {
 public:
  // Needs a round that has not begun yet.
  void gather(ReadTicket ticket, Index index);
  // Waits for the first commit of the epoch.
  void postpone(ReadTicket ticket);
  // That commit has come: the postponed need a round too.
  void gather_postponed(Index commit);
  // What was gathered belongs to a new round, whose number is returned.
  std::uint64_t begin_round();
  // Takes out what round `round` and those before it confirm; whether that was anything.
  bool confirm(std::uint64_t round, std::vector<Readable>& out);
  // Leadership is lost: takes out everything.
  void refuse_all(std::vector<ReadTicket>& out);

  std::uint64_t newest_round() const { return newest_round_; }
  bool any_gathered() const { return !gathered_.empty(); }
  bool round_under_way() const { return !begun_.empty(); }

 private:
  struct Waiting {
    std::uint64_t round = 0;
    Readable answer;
  };

  std::deque<Waiting> begun_;  // by round
  std::vector<Readable> gathered_;
  std::vector<ReadTicket> postponed_;
  std::uint64_t newest_round_ = 0;
};

}  // namespace holdfast::consensus
