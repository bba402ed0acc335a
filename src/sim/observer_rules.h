// All rules of observers.h, told in one order.
#pragma once

#include <cstdint>
#include <span>
#include <string>
#include <vector>

#include "sim/observer.h"
#include "sim/observer_data.h"
#include "sim/observer_disks.h"
#include "sim/observer_elections.h"
#include "sim/observer_logs.h"
#include "sim/observer_members.h"
#include "sim/observer_notices.h"
#include "sim/observer_snapshots.h"
#include "sim/observer_turns.h"

namespace holdfast::sim {

class Rules {
 public:
  // `votes`: whether promises are seen as they are made, so that elections can be held against them.
  explicit Rules(std::uint32_t machines, const Timing& timing = {}, bool votes = true)
      : memory_(machines),
        deaf_leader_(timing),
        hung_leader_(timing),
        no_room_(timing),
        resting_leader_(timing),
        leader_votes_(memberships_, timing, votes) {}
  Rules(const Rules&) = delete;
  Rules& operator=(const Rules&) = delete;

  void see(const Sight& sight, bool thorough);
  void acknowledged(Instant at, std::span<const std::string> words) {
    acknowledged_.acknowledged(at, words, problems_);
  }

  void noticed(MachineId machine, std::uint64_t process, const replica::EntryNotices& entry, Instant at) {
    if (memory_.data_trusted(machine)) notices_agree_.noticed(machine, process, entry, at, problems_);
  }
  void notices_missed(MachineId machine) { notices_agree_.missed(machine); }

  Memory& memory() { return memory_; }
  const std::vector<Problem>& problems() const { return problems_.all(); }
  const ElectionSafety& election_safety() const { return election_safety_; }
  const Committed& committed() const { return committed_; }
  const StateMachineSafety& state_machine_safety() const { return state_machine_safety_; }
  const ReplicaEquality& replica_equality() const { return replica_equality_; }

 private:
  Memory memory_;
  Problems problems_;
  // In the order in which they are told: those behind Committed ask it.
  ElectionSafety election_safety_;
  LeaderAppendOnly leader_append_only_;
  CommitOfOwnEpoch commit_of_own_epoch_;
  LogMatching log_matching_;
  Committed committed_;
  Memberships memberships_{committed_};
  LeaderCompleteness leader_completeness_{committed_};
  DeafLeader deaf_leader_;
  HungLeader hung_leader_;
  OneLease one_lease_;
  NoRoom no_room_;
  RestingLeader resting_leader_;
  GathersBriefly gathers_briefly_;
  AppliesSoon applies_soon_;
  StateMachineSafety state_machine_safety_{committed_};
  QuorumDurability quorum_durability_{committed_};
  SyncedFirst synced_first_;
  Durability durability_;
  NothingGoesBack nothing_goes_back_;
  ReplicaEquality replica_equality_;
  AcknowledgedIsCommitted acknowledged_{committed_};
  SnapshotsAreStates snapshots_are_states_;
  NoticesAgree notices_agree_;
  LeaderVotes leader_votes_;
  OneFolder one_folder_;
  WaitersAreQueued waiters_are_queued_{committed_};
};

}  // namespace holdfast::sim
