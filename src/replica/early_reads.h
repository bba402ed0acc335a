// Reads that a replica has answered from its state before it is shown that it still led then
// (Replica::read_at_once). Those of a turn share a ticket, which is asked for at the turn's end.
#pragma once

#include <cstdint>
#include <deque>
#include <utility>

#include "base/ids.h"
#include "consensus/protocol.h"

namespace holdfast::replica {

class EarlyReads {
 public:
  // One more of this turn, under this epoch: its ticket, drawn after `last` if it is the turn's first.
  consensus::ReadTicket add(consensus::ReadTicket& last, Epoch epoch) {
    if (!std::exchange(open_, true)) turns_.push_back({++last, epoch, 0});
    ++turns_.back().reads;
    return turns_.back().ticket;
  }
  bool to_be_asked() const { return open_; }
  // The turn ends: the ticket to ask for, 0 if there is none, and the epoch under which all of it was
  // read. Under another one it says nothing.
  std::pair<consensus::ReadTicket, Epoch> ask() {
    if (!std::exchange(open_, false)) return {};
    return {turns_.back().ticket, turns_.back().epoch};
  }
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
    Epoch epoch;  // of its first read: a later one's can only be later
    std::uint64_t reads;
  };

  std::deque<Turn> turns_;  // by ticket, few
  bool open_ = false;       // the last one is of this turn
};

}  // namespace holdfast::replica
