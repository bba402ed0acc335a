#include "sim/observer_rules.h"

namespace holdfast::sim {

void Rules::see(const Sight& sight, bool thorough) {
  const Look look = memory_.look(sight, thorough);
  Rule* const rules[] = {
      &election_safety_,   &leader_append_only_,  &commit_of_own_epoch_,  &log_matching_,
      &committed_,         &memberships_,         &leader_votes_,         &one_folder_,
      &leader_completeness_, &deaf_leader_,       &hung_leader_,          &state_machine_safety_,
      &quorum_durability_, &synced_first_,        &durability_,           &nothing_goes_back_,
      &replica_equality_,  &acknowledged_,        &snapshots_are_states_, &waiters_are_queued_,
      &one_lease_,         &no_room_,             &resting_leader_,       &gathers_briefly_,
      &applies_soon_,
      &notices_agree_};
  for (Rule* rule : rules) rule->see(look, memory_, problems_);
  memory_.remember(sight);
}

}  // namespace holdfast::sim
