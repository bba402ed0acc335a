// Whether writes that a leader has gathered are better proposed a little later, in company.
//
// What an entry costs by itself (a message to each follower and its answer, a sync at each node,
// and the threads that all of that wakes) is far more than what one command in it costs. Clients
// that wait for their answers come back soon after they got them. So what is gathered waits, each
// time within bounds,
//
//   - for the log to end its sync, and for an entry under way to be committed if that takes less than
//     a wait, or is a matter of disks: an entry proposed now would only follow behind, and its clients
//     and those of the one under way would stay two groups for ever;
//   - then for those who were just answered, while they keep coming and most of them do come.
//
// On an idle log, with nobody who is expected back, nothing waits. Decision 0030. The second is
// what group commit's timers are for (Helland et al., "Group Commit Timers and High Volume
// Transaction Systems", 1987), here with who is expected in place of a fixed time.
#pragma once

#include <cstddef>
#include <cstdint>

#include "base/time.h"

namespace holdfast::replica {

class Company {
 public:
  // Longest waits since there was something to propose: for the log, for an entry under way (which
  // is not waited for if those before it took longer than twice that), and in all.
  static constexpr Duration kForLog = microseconds(500);
  static constexpr Duration kForEntry = milliseconds(1);
  static constexpr Duration kAtMost = milliseconds(2);
  // Where most of a commit is this node's own sync, a second one would only begin when that has ended,
  // and most likely everywhere: all of these are half as long again as a commit takes then, if that is
  // longer. Up to this.
  static constexpr Duration kForSlowDisks = milliseconds(50);
  // Who does not come back within this time after the last who did, or after the answers, is not
  // waited for.
  static constexpr Duration kLull = microseconds(150);
  // So many bytes of writes wait for nobody: an entry of their own costs little.
  static constexpr std::uint64_t kBytes = 8 << 10;

  struct Gathered {
    std::uint64_t bytes = 0;  // of writes
    std::size_t writes = 0;
    bool log_idle = true;
    bool entry_running = false;  // proposed here and not yet applied
  };

  // The outcomes of an entry's writes are on their way to those who wait for them, so long after it
  // was proposed.
  void answered(std::size_t writes, Duration took, Instant now);
  // An entry is on this node's disk, so long after it was given to the log.
  void synced(Duration took) { sync_ = took; }
  // At the end of each turn, before what is gathered is proposed: true if it waits.
  bool waits(const Gathered& gathered, Instant now);
  // If it waits: not longer than this, whatever happens. Else Instant{}.
  Instant until() const { return until_; }
  // Since when it waits; Instant{} if it does not.
  Instant since() const { return since_; }

 private:
  Duration for_disks() const;
  static std::uint64_t bytes_wanted(Duration disks);
  Instant expected_until() const;
  void give_up_late(Instant now);
  void note_returns(std::size_t writes, Instant now);

  Instant since_;
  Instant until_;
  Instant answered_;      // the last answers
  Instant heard_;         // those, or the last who came after them
  bool leaving_ = false;  // these answers leave at the end of this turn
  std::size_t seen_ = 0;  // writes gathered at the end of the turn before
  std::size_t owed_ = 0;  // who were answered and have not come back, while they are expected
  Duration commit_;  // how long the newest took; 0: not known
  Duration sync_;
  // Of those answered lately, how many came back while they were expected, and how many did not;
  // halved now and then.
  std::uint64_t returned_ = 0;
  std::uint64_t missed_ = 0;
};

}  // namespace holdfast::replica
