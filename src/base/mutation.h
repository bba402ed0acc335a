// Deliberately broken variants of our own code: the proof that the simulator notices what it is
// there to notice.
//
// A build with HOLDFAST_MUTATIONS holds all of them and runs as one of them, chosen by name, or as
// none. In every other build mutated() is the constant false: the compiler drops the branch, and
// nothing of a mutation is left in the program.
//
//   if (log_.epoch_at(message.index) != message.index_epoch &&
//   !mutated(Mutation::append_unchecked)) …
//
// Each breaks one promise, at the line that keeps it; `grep -rn 'mutated(' src` shows them all.
// What each of them is, in a sentence, stands in the table of mutation.cc; how soon each is caught,
// in docs/testing.md.
//
// The choice is the only mutable global of the program. Handed down through constructors it would
// be part of every signature between main and a lock, in the program that ships as well.
//
// Threads: the choice is made before anything runs, and only read from then on.
#pragma once

#include <cstdint>
#include <span>
#include <string_view>

#include "base/result.h"

namespace holdfast {

enum class Mutation : std::uint8_t {
  none,
  // elections
  promise_not_written,
  own_epochs_forgotten,
  vote_before_sync,
  campaign_before_sync,
  stale_log_elected,
  longest_log_elected,
  minority_elects,
  noop_skipped,
  older_epochs_unanswered,
  leader_never_gives_up,
  heartbeats_hide_hung_disk,
  slow_disk_taken_for_hung,
  elections_overtake_disks,
  priority_ignored,
  // members
  membership_not_rolled_back,
  membership_counts_late,
  change_before_own_commit,
  two_changes_at_once,
  joint_left_early,
  joint_by_new_majority,
  learner_counted,
  learner_promoted_behind,
  outsider_campaigns,
  removed_leader_stays,
  drained_leader_stays,
  change_unconfirmed,
  even_number_votes,
  number_given_again,
  wiped_node_taken_back,
  older_copy_believed,
  newcomer_refused,
  // replication
  older_epochs_commit,
  minority_commits,
  own_entry_counted_early,
  append_unchecked,
  old_append_cuts,
  commit_unmatched,
  heartbeat_commits_unmatched,
  commit_told_ahead,
  commit_told_by_entries_only,
  acknowledged_before_sync,
  whole_log_acknowledged,
  hint_taken_for_match,
  cut_write_vouches,
  // recovery of a damaged replica
  recovering_node_votes,
  recovering_node_acknowledges,
  recovered_before_caught_up,
  recovering_node_counted,
  // reads
  read_without_round,
  read_before_own_commit,
  read_joins_old_round,
  read_at_once_unasked,
  read_at_once_before_own_commit,
  read_at_once_unapplied,
  read_at_once_by_old_clock,
  read_at_once_overtakes,
  withheld_not_withheld,
  withheld_wrong_answers,
  // turns
  read_overtakes_gathered,
  gathers_without_end,
  applying_put_off,
  // leases
  lease_from_receipt,
  lease_without_margin,
  lease_ignores_pauses,
  lease_kept_in_transfer,
  restarted_voter_votes,
  promise_ends_with_connection,
  // the log on disk
  log_not_synced,
  damage_cut_off,
  torn_whatever_follows,
  damage_accepted,
  name_not_synced,
  promise_dropped_with_segment,
  silent_disks_counted,
  full_disk_proposes,
  full_disk_acknowledges,
  snapshot_not_synced,
  scrub_believes_all,
  scrub_reads_past_durable,
  scrub_repairs_nothing,
  // time
  expiry_by_own_clock,
  stamp_from_wall_clock,
  calendar_for_a_floor,
  pulse_skipped,
  // outcomes and order
  other_epochs_forward_taken,
  proposed_told_not_done,
  not_done_at_change_of_leader,
  unknown_told_not_done,
  forward_resent,
  install_says_nothing,
  order_forgotten,
  refusal_forgotten,
  incarnation_reused,
  // state
  watch_ignored,
  once_not_kept,
  tokens_restart,
  last_waiter_first,
  waiter_by_hash,
  waiter_forgotten,
  guard_ignores_grant,
  deadline_ties_open,
  slots_unmarked,
  // sessions
  sessions_timed_from_opening,
  keeping_forgotten,
  keeping_unconfirmed,
  kept_after_end_proposed,
  bound_keys_survive,
  session_holds_survive,
  session_holds_timed,
  ifrev_compares_created,
  throttle_counts_refused,
  latch_counts_owner_twice,
  latch_forgets_waiters,
  cache_leases_twice,
  cache_lease_survives_removal,
  cache_forgets_waiters,
  feed_splits_transaction,
  feed_without_expiry,
  // holdings
  reader_overtakes_writer,
  writer_joins_readers,
  shared_fences_differ,
  delay_ignored,
  holds_counted,
  force_keeps_holder,
  permits_counted_once,
  lower_limit_ignored,
  election_joined,
  // snapshots
  applied_twice,
  install_keeps_old_state,
  install_over_newer_state,
  install_without_membership,
  tail_forgets_disk_too,
  pre_images_skipped,
  snapshot_without_once,
  snapshot_without_queues,
  snapshot_without_deadlines,
};

struct MutationInfo {
  Mutation mutation;
  std::string_view name;    // as the enumerator is spelt
  std::string_view breaks;  // what the program then does, for people
};

// All but `none`, in the order of the enumeration.
std::span<const MutationInfo> all_mutations();

// From now on the program is this variant of itself. An error if there is no mutation of this name,
// or if this build has none.
Result<void> mutate(std::string_view name);

#ifdef HOLDFAST_MUTATIONS
inline constinit Mutation chosen_mutation = Mutation::none;  // set by mutate() alone
inline bool mutated(Mutation one) { return chosen_mutation == one; }
#else
constexpr bool mutated(Mutation) { return false; }
#endif

}  // namespace holdfast
