#include "base/mutation.h"

#include <fmt/format.h>

#include <algorithm>
#include <iterator>

namespace holdfast {
namespace {

using enum Mutation;

constexpr MutationInfo kAll[] = {
    {promise_not_written, "promise_not_written",
     "a promise is spoken of, and what is written in its place is the one before"},
    {own_epochs_forgotten, "own_epochs_forgotten",
     "a node that starts again does not know in which epochs it campaigned, and uses them again"},
    {vote_before_sync, "vote_before_sync", "a vote is given before its promise is durable"},
    {campaign_before_sync, "campaign_before_sync",
     "a candidate asks for votes and leads before its own promise is durable"},
    {stale_log_elected, "stale_log_elected", "a vote is given whatever the candidate's log lacks"},
    {longest_log_elected, "longest_log_elected",
     "the longer log gets the vote, not the one of the later epoch"},
    {minority_elects, "minority_elects", "one vote less than a majority elects"},
    {noop_skipped, "noop_skipped", "a new leader appends no entry of its own"},
    {older_epochs_unanswered, "older_epochs_unanswered",
     "who speaks under an older epoch is not told of the newer one"},
    {leader_never_gives_up, "leader_never_gives_up",
     "a leader that hears of nobody goes on leading and keeps its followers from electing another"},
    {heartbeats_hide_hung_disk, "heartbeats_hide_hung_disk",
     "a leader whose disk completes nothing any more goes on leading"},
    {priority_ignored, "priority_ignored",
     "a node that is to lead last campaigns and leads like any other"},
    {membership_not_rolled_back, "membership_not_rolled_back",
     "a membership stays in force when the log is cut before it"},
    {membership_counts_late, "membership_counts_late",
     "quorums go by the membership before until the next one is committed"},
    {change_before_own_commit, "change_before_own_commit",
     "a leader changes the membership before an entry of its own epoch is committed"},
    {two_changes_at_once, "two_changes_at_once",
     "a leader begins a change while the one before is not committed"},
    {joint_left_early, "joint_left_early",
     "the new voters are left alone before the joint membership is committed"},
    {joint_by_new_majority, "joint_by_new_majority",
     "in a joint membership the new voters decide alone"},
    {learner_counted, "learner_counted",
     "who learns counts as a voter"},
    {learner_promoted_behind, "learner_promoted_behind",
     "a learner gets a vote however far behind it is"},
    {outsider_campaigns, "outsider_campaigns",
     "who is no voter asks for votes, and leads"},
    {removed_leader_stays, "removed_leader_stays",
     "a leader that is out for sure goes on leading"},
    {drained_leader_stays, "drained_leader_stays",
     "a node that is drained goes on voting, and leading, if it leads"},
    {change_unconfirmed, "change_unconfirmed",
     "voters change without an answer of those it is up to"},
    {even_number_votes, "even_number_votes",
     "every active node votes, up to five"},
    {number_given_again, "number_given_again",
     "a node that joins gets the number of one that has left"},
    {wiped_node_taken_back, "wiped_node_taken_back",
     "an empty folder at the address of a node gets that node's number"},
    {older_copy_believed, "older_copy_believed",
     "an older copy of a node's folder is believed when its start number is not lower"},
    {newcomer_refused, "newcomer_refused",
     "members that joined while a node was away are strangers to it"},
    {older_epochs_commit, "older_epochs_commit",
     "entries of older epochs are committed by counting replicas"},
    {minority_commits, "minority_commits", "an entry is committed once one disk has it"},
    {own_entry_counted_early, "own_entry_counted_early",
     "the leader counts its own copy before its disk has it"},
    {append_unchecked, "append_unchecked",
     "entries are appended whatever the epoch of the entry before them"},
    {old_append_cuts, "old_append_cuts",
     "an append that comes late or twice cuts off what newer ones have brought"},
    {commit_unmatched, "commit_unmatched",
     "a follower commits entries that the leader's append did not prove to be the leader's"},
    {heartbeat_commits_unmatched, "heartbeat_commits_unmatched",
     "a heartbeat speaks of commits beyond what its receiver is known to share"},
    {acknowledged_before_sync, "acknowledged_before_sync",
     "a follower acknowledges entries before its disk has them"},
    {whole_log_acknowledged, "whole_log_acknowledged",
     "a follower acknowledges all of its log, not what the append named"},
    {hint_taken_for_match, "hint_taken_for_match",
     "the leader takes where a refusal says to look for what the follower has"},
    {cut_write_vouches, "cut_write_vouches",
     "a completed write vouches for entries that were cut while it was under way"},
    {recovering_node_votes, "recovering_node_votes",
     "a replica that has lost a part of its log votes and campaigns before it has it again"},
    {recovering_node_acknowledges, "recovering_node_acknowledges",
     "such a replica acknowledges before it knows what it may have promised"},
    {recovered_before_caught_up, "recovered_before_caught_up",
     "such a replica takes itself for whole at the first append that matches"},
    {read_without_round, "read_without_round",
     "a leader answers reads without asking whether it still leads"},
    {read_before_own_commit, "read_before_own_commit",
     "a new leader reads before it knows how far its predecessor had committed"},
    {read_joins_old_round, "read_joins_old_round",
     "a read is confirmed by a round that had begun before it"},
    {lease_from_receipt, "lease_from_receipt",
     "a lease is counted from when the promise arrived, not from when it was asked for"},
    {lease_without_margin, "lease_without_margin",
     "a lease lasts as long as the promise, whatever the clocks do"},
    {lease_ignores_pauses, "lease_ignores_pauses",
     "the time that a process was stopped does not count against its lease"},
    {lease_kept_in_transfer, "lease_kept_in_transfer",
     "a leader that has ordered another to campaign goes on answering by its lease"},
    {restarted_voter_votes, "restarted_voter_votes",
     "a voter that starts again elects at once, whatever its last process has promised"},
    {promise_ends_with_connection, "promise_ends_with_connection",
     "a voter that loses its connection to the leader forgets what it has promised him"},
    {log_not_synced, "log_not_synced", "the log is written and never synced"},
    {damage_cut_off, "damage_cut_off",
     "a record of the log that fails its checksum is cut off with all that follows"},
    {torn_whatever_follows, "torn_whatever_follows",
     "a hole in the log is its end, though what follows was written when the hole was durable"},
    {damage_accepted, "damage_accepted", "the checksum of a record's content is not compared"},
    {name_not_synced, "name_not_synced",
     "the log's next file is used though its name may not survive a crash"},
    {promise_dropped_with_segment, "promise_dropped_with_segment",
     "a new file of the log does not say what was promised in the ones before it"},
    {full_disk_proposes, "full_disk_proposes",
     "a leader goes on proposing when its disk, or a majority of disks, is full"},
    {full_disk_acknowledges, "full_disk_acknowledges",
     "what a full disk has no room for is acknowledged as if it were written"},
    {snapshot_not_synced, "snapshot_not_synced",
     "a snapshot gets its name, and the log is cut, before its content is synced"},
    {scrub_believes_all, "scrub_believes_all",
     "who reads the files of a running node again does not compare the checksums of what is in them"},
    {scrub_reads_past_durable, "scrub_reads_past_durable",
     "… reads the log beyond what is on the disk, where it is being written"},
    {scrub_repairs_nothing, "scrub_repairs_nothing",
     "damage that is found in the files of a running node is told and left there"},
    {expiry_by_own_clock, "expiry_by_own_clock",
     "each replica ends what is due by its own clock, not by the entry's stamp"},
    {stamp_from_wall_clock, "stamp_from_wall_clock",
     "entries are stamped with the leader's wall clock"},
    {calendar_for_a_floor, "calendar_for_a_floor",
     "a node with an empty log believes no leader a time before its own calendar's"},
    {pulse_skipped, "pulse_skipped", "what is due ends only when somebody writes something"},
    {other_epochs_forward_taken, "other_epochs_forward_taken",
     "a leader takes commands that were sent to it as the leader of another epoch"},
    {proposed_told_not_done, "proposed_told_not_done",
     "a deposed leader says not done of what it had proposed"},
    {not_done_at_change_of_leader, "not_done_at_change_of_leader",
     "a node takes writes under way for not done as soon as the leader changes"},
    {unknown_told_not_done, "unknown_told_not_done",
     "a client is told not done where nobody knows"},
    {forward_resent, "forward_resent", "a write whose outcome was lost is sent again"},
    {install_says_nothing, "install_says_nothing",
     "a snapshot takes the place of entries, and whoever waits for their outcomes is not told"},
    {order_forgotten, "order_forgotten",
     "a command that must be sent again does not mind later ones of its connection"},
    {refusal_forgotten, "refusal_forgotten",
     "the leader takes a command though it has refused one before it of the same connection"},
    {incarnation_reused, "incarnation_reused", "a node that starts again keeps its incarnation"},
    {watch_ignored, "watch_ignored", "EXEC runs though what was watched has changed"},
    {once_not_kept, "once_not_kept", "ONCE forgets what it answered"},
    {tokens_restart, "tokens_restart", "a lock is forgotten when it is free, its tokens too"},
    {last_waiter_first, "last_waiter_first", "who came last is granted first"},
    {waiter_by_hash, "waiter_by_hash", "whom a hash table names first is granted first"},
    {waiter_forgotten, "waiter_forgotten", "a lock that is free again is not given to who waits"},
    {guard_ignores_grant, "guard_ignores_grant",
     "GUARD lets holders write whose time is up, until a newer one has written"},
    {deadline_ties_open, "deadline_ties_open", "deadlines less than 64 ms apart are in no order"},
    {sessions_timed_from_opening, "sessions_timed_from_opening",
     "a new leader counts the time of a session from its opening, whenever it was kept since"},
    {keeping_forgotten, "keeping_forgotten", "who keeps a session is told so, and it ends all the same"},
    {keeping_unconfirmed, "keeping_unconfirmed",
     "a leader says that a session lives without making sure that it still leads"},
    {kept_after_end_proposed, "kept_after_end_proposed",
     "a session is said to live although its end was proposed"},
    {bound_keys_survive, "bound_keys_survive", "a session ends, and the keys that are bound to it stay"},
    {applied_twice, "applied_twice",
     "a snapshot says that it ends one entry earlier than it does, and that entry is run again"},
    {install_keeps_old_state, "install_keeps_old_state",
     "a peer's snapshot moves the index and leaves the state"},
    {install_over_newer_state, "install_over_newer_state",
     "a peer's snapshot is installed though what is here is newer"},
    {install_without_membership, "install_without_membership",
     "a peer's snapshot is installed, and the membership that was in force before stays"},
    {pre_images_skipped, "pre_images_skipped",
     "what changes while a snapshot is made is in it as it is then"},
    {snapshot_without_once, "snapshot_without_once", "snapshots leave out what ONCE answered"},
    {snapshot_without_queues, "snapshot_without_queues", "snapshots leave out who waits for locks"},
    {snapshot_without_deadlines, "snapshot_without_deadlines", "snapshots leave out when keys end"},
};

constexpr bool in_order() {
  for (std::size_t i = 0; i < std::size(kAll); ++i) {
    if (static_cast<std::size_t>(kAll[i].mutation) != i + 1) return false;
  }
  return kAll[std::size(kAll) - 1].mutation == snapshot_without_deadlines;
}
static_assert(in_order(), "the table has a row for each mutation, in their order");

}  // namespace

std::span<const MutationInfo> all_mutations() { return kAll; }

Result<void> mutate(std::string_view name) {
  const auto found = std::find_if(std::begin(kAll), std::end(kAll),
                                  [&](const MutationInfo& one) { return one.name == name; });
  if (found == std::end(kAll)) {
    return Error{fmt::format("there is no mutation {}; base/mutation.cc lists them", name)};
  }
#ifdef HOLDFAST_MUTATIONS
  chosen_mutation = found->mutation;
  return {};
#else
  return Error{
      "this program was built without mutations, as any that is to be used; build the preset "
      "`mutate` for one that has them"};
#endif
}

}  // namespace holdfast
