// Reads that a replica has answered from its state before it is shown that it still led then
// (Replica::read_at_once). Those of a turn share a ticket, which is asked for at the turn's end.
#pragma once

#include <cstdint>
#include <deque>
#include <utility>

#include "consensus/protocol.h"

namespace holdfast::replica {

class EarlyReads {
 public:
  // One more of this turn: its ticket, drawn after `last` if it is the turn's first.
  consensus::ReadTicket add(consensus::ReadTicket& last) {
    if (!std::exchange(open_, true)) turns_.push_back({++last, 0});
    ++turns_.back().reads;
    return turns_.back().ticket;
  }
  bool to_be_asked() const { return open_; }
  // The turn ends: the ticket to ask for; 0: there is none.
  consensus::ReadTicket ask() { return std::exchange(open_, false) ? turns_.back().ticket : 0; }
  // How many reads it was for; 0: it is none of these tickets. It is not known afterwards.
  std::uint64_t settle(consensus::ReadTicket ticket) {
    for (auto turn = turns_.begin(); turn != turns_.end(); ++turn) {
      if (turn->ticket != ticket) continue;
      const std::uint64_t reads = turn->reads;
      turns_.erase(turn);
      return reads;
    }
    return 0;
  }

 private:
  struct Turn {
    consensus::ReadTicket ticket;
    std::uint64_t reads;
  };

  std::deque<Turn> turns_;  // by ticket, few
  bool open_ = false;       // the last one is of this turn
};

}  // namespace holdfast::replica
