// What must hold between steps, in every engine. Broken: a CHECK.
//
// An engine's check_invariants() calls check_state and adds its own; tests keep a StepChecker per
// replica, which compares each state with the one before it (what may never go back or change).
#pragma once

#include <map>

#include "base/ids.h"
#include "consensus/log_tail.h"
#include "consensus/protocol.h"

namespace holdfast::consensus {

// One state by itself: the log is contiguous, its epochs do not decrease and are not beyond the
// promise; commit, durable and compaction points are in order.
void check_state(const Status& status, const LogTail& log);

class StepChecker {
 public:
  // Forgets the past: the replica has restarted or installed a snapshot.
  void reset();
  // Epochs and commit do not go back; within an epoch there is one leader, which is followed until
  // the epoch ends or is forgotten, and never returns from follower to leader; committed entries
  // do not change; what is reported as effects agrees with the state.
  void check(const Protocol& protocol, const Effects& effects);

 private:
  void check_epoch(const Status& status);
  void check_committed(const Status& status, const LogTail& log);

  bool known_ = false;
  Epoch epoch_;
  NodeId leader_of_epoch_;
  bool led_ = false;      // in this epoch
  bool deposed_ = false;  // in this epoch
  Index commit_;
  std::map<Index, std::uint64_t> committed_;  // content, by index
};

}  // namespace holdfast::consensus
