// The inside of a Replica, shared by its source files and by nobody else:
//
//   replica.cc          making one, submitting, turns, queries
//   replica_effects.cc  carrying out what consensus decided, in its order
//   replica_apply.cc    committed entries and reads, in the one order of Proposals
//   replica_membership.cc  the leader brings the membership into line with the roster
//   replica_room.cc     full disks: this replica's and the others'
//   replica_priority.cc  who is to lead last, and hands over when another can
//   replica_sessions.cc  when sessions were last kept, and which have to end
//   replica_divergence.cc  checks that replicas hold the same, and what follows when they do not
#pragma once

#include <deque>
#include <map>
#include <optional>
#include <set>
#include <string>
#include <utility>
#include <vector>

#include "base/prng.h"
#include "commands/lock_commands.h"
#include "replica/cluster_clock.h"
#include "replica/company.h"
#include "replica/divergence.h"
#include "replica/early_reads.h"
#include "replica/load_snapshot.h"
#include "replica/proposals.h"
#include "replica/replica.h"
#include "replica/session_keeper.h"
#include "replica/snapshots.h"
#include "replica/state_machine.h"
#include "replica/steward.h"

namespace holdfast::replica {

// An answer to a leader, which also says whether there is room (replica_room.cc).
bool is_reply(const consensus::Message& message);

// Who takes part, for people.
std::string names(const consensus::Membership& membership);

struct Replica::State final : DurabilityView {
  State(const ReplicaOptions& options, env::Clock& clock, env::Disk& disk, storage::Log& log,
        Trace& trace, Outbox& outbox, std::uint64_t seed, ClusterTime start, Instant now);

  // ---- consensus (replica_effects.cc)
  void step(consensus::Input input);
  void carry_out(consensus::Effects& effects);
  void write(consensus::Effects& effects);
  ClusterTime newest_stamp_before(Index from) const;
  void write_completed(consensus::WriteId id, Instant began);
  void send(const consensus::Message& message);
  void send_snapshot(NodeId to);
  void offer_snapshot(const consensus::SnapshotMark& mark);
  void install(const consensus::SnapshotMark& mark);
  Result<LoadedSnapshot> load(Index index, std::string_view content);
  bool take_arrived(Index index, std::string_view content);
  consensus::SnapshotMark replace_state(const consensus::SnapshotMark& mark);
  void installed(const consensus::SnapshotMark& mark);
  void on_role(const consensus::RoleChange& change);
  void lose_leadership();
  void tell_not_done(const Turn& turn, bool writes_too);
  void on_reads_refused(const std::vector<consensus::ReadTicket>& tickets);

  // ---- the leader's turns (replica.cc)
  bool gathers_on();
  void propose_gathered();
  bool propose(Turn turn);  // false: refused, and its commands were told so
  bool pulse_due() const;

  // ---- apply (replica_apply.cc)
  bool can_apply() const;
  std::size_t most_backlog() const;
  bool lets_others_begin();
  void apply_committed();
  // How many commands it had.
  std::size_t apply_entry(const consensus::Entry& entry);
  std::size_t apply_as_follower(std::string_view payload);
  void apply_one(std::size_t place);
  void apply_own(const Turn& turn);
  void look_ahead(const Turn& turn, std::size_t from);
  void run_ready_reads();
  void ask_for_early_reads();
  bool settle_early_reads(consensus::ReadTicket ticket, bool right, consensus::ReadMode mode);
  void run_reads_in_entry();
  bool run_turn_reads(Turn& turn);
  void deliver(const Origin& origin, std::string_view reply, Index index);
  void deliver_events() {
    if (machine.keyspace().anything_to_tell()) tell_events();
  }
  void tell_events();
  void deliver_notices(const consensus::Entry& entry);

  // ---- snapshots
  void maybe_begin_snapshot();
  bool must_mend() const;
  Index keep_from(const consensus::SnapshotMark& mark);
  void snapshot_stored(const storage::SnapshotHeader& header);
  // What the log holds in memory; what it holds since the last snapshot, and how much asks for one.
  std::uint64_t log_held() const;
  std::uint64_t log_since() const { return log_applied - log_covered; }
  std::uint64_t log_long() const;
  bool snapshot_hurries() const;
  // Entries that a snapshot made superfluous are still in memory.
  bool forgets() const;
  void forget_some();
  void trim_tail();
  Index others_have(const consensus::Status& status) const;

  // ---- membership (replica_membership.cc)
  void tend_membership();
  bool tend_roster(const commands::Roster& roster, const consensus::Status& status);
  std::vector<Presence> presences(const consensus::Status& status);
  bool may_change_to(const consensus::Membership& target, const consensus::Status& status);
  void on_membership(const consensus::Membership& membership);

  // ---- full disks (replica_room.cc)
  void note_room(const consensus::Message& message);
  bool quorum_has_room() const;
  NodeId heir_with_room() const;
  std::optional<Accepted> refusal_for_room() const;
  void tend_room();

  // ---- priorities (replica_priority.cc)
  void note_priority(const consensus::Message& message);
  NodeId better_leader() const;
  void tend_priority();

  // ---- sessions (replica_sessions.cc)
  void begin_sessions();
  void note_sessions();
  void walk_sessions();
  void tend_sessions();
  bool may_end_sessions() const;
  ClusterTime read_up_to() const;
  void session_ends_refused();
  Instant sessions_wake_at() const;

  // ---- divergence (replica_divergence.cc)
  Origin own_origin() const;
  bool compares() const;
  void maybe_check();
  void own_record_refused();
  void on_check(const Checked& checked);
  void note_stop();
  void judge_checks();
  void carry_out(const Divergence::Finding& finding);
  // `right`: one that is in the majority, if known.
  void begin_rebuild(Index check, NodeId right);
  void continue_rebuild();
  void rebuild_from(Index index, std::string_view content);
  void repeat_orders();
  void serve_snapshot_wishes();
  Instant divergence_wake_at() const;

  bool leading() const { return engine->role() == consensus::Role::leader; }
  bool leader_known() const { return !leading() && engine->leader() != NodeId(); }
  bool ours(const Origin& origin) const {
    return origin.node == options.protocol.self && origin.incarnation == options.incarnation;
  }
  std::size_t replicas_with(Index index) const override;

  ReplicaOptions options;
  env::Clock& clock;
  env::Disk& disk;
  storage::Log& log;
  Trace& trace;
  Outbox& outbox;
  Prng prng;
  std::unique_ptr<consensus::Protocol> engine;
  StateMachine machine;
  ClusterClock time;
  Proposals proposals;
  Snapshots snapshots;

  Instant now;              // of this turn
  Index applied;
  Epoch applied_epoch;      // of the newest applied entry
  ClusterTime applied_stamp;  // of the newest applied batch
  Index written;            // last index handed to the log on disk
  consensus::ReadTicket last_ticket = 0;
  EarlyReads early_reads;
  Company company;  // what is gathered waits for it
  Instant last_stamp_logged;
  Instant pulse_again;      // not before, after one was refused
  Instant snapshot_again;   // not before, after one could not be written
  std::set<NodeId> without_room;  // leader: whose disks take no entries, as they said last
  Instant hand_over_again;        // leader on a full disk: not before
  std::set<NodeId> last_to_lead;  // leader: who is to lead only if nobody else can, as they said last
  Instant yield_again;            // leader that is to lead last: not before
  std::uint64_t proposed = 0;
  consensus::ReadMode read_mode = consensus::ReadMode::quorum;
  Duration loading{};  // ReplicaStatus::loading
  std::uint64_t reads_by_lease = 0;
  std::uint64_t reads_by_quorum = 0;
  std::uint64_t reads_by_entry = 0;
  bool spoke = false;       // to another replica, in this turn
  bool put_off = false;     // applying, from the last turn to this one
  bool hold_apply = false;  // a peer's snapshot is being installed

  // Whether the replicas hold the same. The records that this replica writes by itself bear this
  // connection: nobody waits for their outcome.
  static constexpr ConnectionId kOwnConnection{UINT64_MAX - 1};
  // The same of those by which sessions end.
  static constexpr ConnectionId kSessionsConnection{UINT64_MAX - 2};
  static bool by_itself(const Origin& origin) {
    return origin.connection == kOwnConnection || origin.connection == kSessionsConnection;
  }
  struct Rebuild {
    Index at_least;  // of the snapshot that it waits for
    NodeId right;    // one that holds what the majority holds; 0: not known
    Instant again;   // when to ask (or, while this replica leads, to hand over) again
  };
  Divergence divergence;
  std::optional<Rebuild> rebuild;  // the state is wrong: nothing is applied or answered
  struct Order {
    Index check;
    Instant again;
  };
  std::map<NodeId, Order> orders;           // leader: to rebuild, until they ask for a snapshot
  std::map<NodeId, Index> snapshot_wishes;  // leader: a snapshot of at least this index
  bool snapshot_damaged = false;  // the newest on the disk
  Index log_damaged;              // on the disk, up to here; 0: it is not
  Index snapshot_wanted;         // for a backup, of at least this index; 0: none
  bool snapshot_failed = false;  // it could not be written
  std::set<NodeId> serving;                 // leader: whom one is on its way to
  // … and every other that is sent, with what it holds: the log behind it is wanted soon.
  std::map<NodeId, Index> sending;
  std::uint64_t log_applied = 0;   // bytes of the entries applied since start
  std::uint64_t log_covered = 0;   // of these by the newest snapshot
  std::uint64_t log_begun = 0;     // of these by the one that is being made
  Index making_at;                 // that one's index
  Index applied_before;            // up to the last turn
  consensus::SnapshotMark stored;  // of the newest own snapshot
  Index keep_wanted;               // the first entry that it leaves in memory
  // Who takes part: looked at now and then by the leader.
  Instant tend_at;
  Instant roster_again;               // when a record about it may be written again
  std::map<NodeId, Instant> out_since;  // who is to be forgotten, and since when he is no member
  // A change of voters that was decided on, and waits for answers to this round (steward.h).
  struct Intended {
    consensus::Membership target;
    std::uint64_t round = 0;
  };
  std::optional<Intended> intended;
  std::map<NodeId, Instant> there_at;  // when each member was last heard, or this replica led

  std::uint64_t own_records = 0;
  std::uint64_t rebuilds = 0;
  std::uint64_t snapshots_made = 0;
  std::uint64_t snapshots_installed = 0;
  bool has_others = false;           // leader: the group has other members
  std::optional<Index> stop_wanted;  // leader: a check without a majority
  bool stop_proposed = false;
  bool stopped_told = false;
  bool restoring_told = false;
  Index replaced_at;  // a peer's snapshot of this index took the place of the state

  // Leader: sessions.
  SessionKeeper keeper;
  std::optional<std::uint64_t> session_walk;  // how far the keeper was told of all; nothing: of all
  std::vector<std::uint64_t> ends_under_way;  // proposed, and not yet applied
  ClusterTime turn_before;                    // what had come in by then was read
  Instant turn_promised = Instant::never();   // when the next turn was asked for
  Instant settled_at;                         // before that no end is proposed

  // Writes issued and not yet durable, and the messages that wait for them.
  consensus::WriteId last_write = 0;
  consensus::WriteId durable_write = 0;
  std::deque<std::pair<consensus::WriteId, std::vector<consensus::Message>>> waiting_messages;

  // A snapshot from a peer: while it gets its name somebody else keeps it; then while the engine is
  // asked about it.
  std::weak_ptr<LoadedSnapshot> tried;
  LoadedSnapshot arrived;

  // Reused buffers.
  consensus::Effects effects_buffer;
  std::string reply;
  std::shared_ptr<int> alive = std::make_shared<int>(0);
};

}  // namespace holdfast::replica
