// One copy of a shard: the only place where agreement, durability and data meet.
//
// A command goes down once and up once:
//
//   submit -> this turn's batch -> (end_turn) propose -> consensus -> log ‖ peers -> committed
//          -> state machine -> outcome
//
// Everything the leader accepts is run in one order: a turn's writes become one log entry, and the
// reads of that turn ride with it or, if the turn had no write, wait for one round of confirmation.
// So the commands of a connection take effect in the order in which they were submitted.
//
// The replica is told time and randomness; it never asks for them. Its owner calls end_turn() once
// per turn of the loop, after everything that was ready has been handed in.
//
// Threads: one (the loop's). Owns: engine, keyspace, snapshots. Does not own disk, log, outbox.
#pragma once

#include <cstdint>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "base/bytes.h"
#include "base/ids.h"
#include "base/result.h"
#include "base/time.h"
#include "base/trace.h"
#include "commands/command_table.h"
#include "consensus/protocol.h"
#include "env/clock.h"
#include "env/disk.h"
#include "keyspace/keyspace.h"
#include "replica/outbox.h"
#include "resp/reply_writer.h"
#include "storage/log.h"
#include "storage/snapshot_file.h"

namespace holdfast::replica {

struct ReplicaOptions {
  consensus::ProtocolOptions protocol;
  Incarnation incarnation;
  // One entry holds at most this many bytes of commands, unless a single command is larger.
  std::uint64_t batch_bytes = 1 << 20;
  // A snapshot is made when the log since the last one holds this much, and as much as that one, up to
  // snapshot_after_most_bytes: it writes all of the data, however little of that has changed.
  std::uint64_t snapshot_after_bytes = 64 << 20;
  std::uint64_t snapshot_after_most_bytes = 1 << 30;
  // Of the log in memory, once it is applied and on the disk.
  std::uint64_t tail_bytes = 64 << 20;
  // Entries kept behind a snapshot for followers that are a little late, in bytes.
  std::uint64_t keep_tail_bytes = 8 << 20;
  std::uint32_t expire_bound = 1000;  // deadlines that one entry ends at most
  // The replicas compare all that they hold within this time, part by part.
  Duration check_walk = seconds(600);
  // The founding nodes, as an encoded commands::Roster; "" on a node that joined later.
  std::string founders = {};
  // A voter that is silent for so long is replaced, if another node can take its place; 0: never.
  Duration replace_after = seconds(300);
  std::size_t check_bytes = 256 << 10;  // one part
  // The disk has lost a part of what this replica had: consensus::Recovered::recovering.
  bool recovering = false;
  Duration may_have_promised = {};  // consensus::Recovered::may_have_promised
};

// Whether this replica's data can be trusted; divergence.h.
enum class Agreement : std::uint8_t {
  agreed = 1,      // as far as the checks have come
  rebuilding = 2,  // it differs from the majority: it answers nothing until it has a copy of theirs
  stopped = 3,     // the replicas differ and there is no majority: -DIVERGED
};

struct ReplicaStatus {
  consensus::Status protocol;
  Index applied;
  Index snapshot;             // of the newest stored snapshot
  ClusterTime cluster_time;   // estimated now
  std::uint64_t keys = 0;
  std::uint64_t log_bytes = 0;      // applied since the last snapshot
  std::uint64_t syncs = 0;
  std::uint64_t proposals = 0;      // entries proposed by this replica since start
  std::uint64_t commands = 0;       // commands applied since start
  bool snapshotting = false;
  std::uint32_t snapshot_slots = 0;  // that the one being made has passed, of kSlotCount
  Duration loading = {};             // how long it took to load the snapshot that this replica began with
  bool disk_full = false;           // this replica's disk takes no entries at present
  std::uint64_t snapshots_made = 0;       // stored since start
  std::uint64_t snapshots_installed = 0;  // of peers, since start
  Agreement agreement = Agreement::agreed;
  std::uint64_t checks = 0;         // applied since start
  std::uint64_t rebuilds = 0;       // begun since start
  // Reads that this replica answered as leader since start, by what showed that it led: a lease, a
  // round to the others, or the commit of the entry with which they rode.
  std::uint64_t reads_by_lease = 0;
  std::uint64_t reads_by_quorum = 0;
  std::uint64_t reads_by_entry = 0;
};

// Whether a submitted command was taken.
enum class Accepted : std::uint8_t {
  yes,           // exactly one outcome() will follow, or more if it blocks
  not_leader,    // not done: ask the leader
  busy,          // not done: too much is pending, or leadership is being handed over; try again
  no_space,      // not done: no majority of the disks has room for it
};

// What became of a read that was tried at once.
struct EarlyAnswer {
  bool given = false;  // if not, nothing was written, and the command is to be submitted
  // Not 0: the answer is right if the outbox says so of this ticket (Outbox::reads_settled), which it
  // does after the turn; else the read is to be asked again.
  consensus::ReadTicket ticket = 0;
};

class Replica {
 public:
  // Loads the newest snapshot of the group and continues with what the log recovered.
  static Result<std::unique_ptr<Replica>> open(const ReplicaOptions& options, env::Clock& clock,
                                               env::Disk& disk, storage::Log& log, Trace& trace,
                                               Outbox& outbox,
                                               const storage::GroupRecovery& recovered,
                                               const consensus::Membership& founding,
                                               std::uint64_t seed);
  ~Replica();

  // ---- from clients, by way of server/
  // A write (goes into the log) or a read (does not). `record` is an encoded CommandRecord; its
  // bytes are copied. `under`: the epoch under which the sender believes this replica leads; if
  // that is not (or no longer) so the answer is not_leader. An Epoch of 0 means "whatever". `own`: this
  // node has encoded it, for a client or for itself, so that nothing in it needs to be looked at.
  Accepted submit(std::string_view record, bool write, Epoch under, bool own = false);
  // Answers a command that only reads keys (commands::reads_keys) from memory: for good, if this
  // replica leads for sure and has applied all that is committed; else, if that `may_be_withheld`, under
  // a ticket. The answer is put to the end of `reply`. Its order among what was submitted and not
  // answered yet is open: whoever cares for that submits it.
  EarlyAnswer read_at_once(const commands::CommandSpec& spec, commands::Args words,
                           resp::Version version, bool may_be_withheld, std::string& reply);
  // Other replicas on whose disk the entry is known to be; for WAIT. Leader only, else 0.
  std::size_t replicas_with(Index index) const;

  // ---- from peers
  // `stamp`: the sender's cluster time if it leads, else 0.
  void receive(consensus::Message message, ClusterTime stamp);
  void peer_liveness(NodeId node, bool alive);
  void snapshot_sent(NodeId to, bool delivered);
  // A snapshot of this group has arrived from a peer, and is to get its final name: whether its state
  // can be loaded. What comes back holds the loaded state until snapshot_arrived() takes it.
  Result<std::shared_ptr<void>> try_snapshot(Index index, std::string_view content);
  // It is durable under its final name, with this content. Ignored if it is of no use any more, while
  // no leader is known, or if it cannot be loaded.
  void snapshot_arrived(Index index, std::string_view content);

  // What `from` found at the check at `index`; for the leader.
  void digest_told(NodeId from, Index index, std::uint64_t hash);
  // The leader says that this replica's state is wrong.
  void rebuild_ordered(NodeId from, Epoch under, Index index);
  // `by` needs a snapshot of this index or a later one; ignored unless this replica leads.
  void snapshot_wanted(NodeId by, Index at_least);

  // ---- from the node
  // Hands leadership over, to the voter that is furthest if none is named.
  void hand_over(NodeId to = {});
  // Topics (bits of keyspace::Topic) of which Outbox::noticed is to tell from now on; 0: of none.
  void want_notices(std::uint8_t topics);
  // How reads are confirmed from now on, while this replica leads.
  void confirm_reads_by(consensus::ReadMode mode);
  // Ends the turn: proposes, reads, ticks, applies, flushes the log.
  void end_turn(Instant now);
  Instant wake_at() const;

  ReplicaStatus status() const;
  consensus::Role role() const;
  Epoch epoch() const;
  NodeId leader() const;
  // The last change that a feed tells of (keyspace/feed.h), likewise.
  std::uint64_t newest_of_feeds() const;
  // The semantics version in force, as far as this replica has applied the log.
  std::uint16_t level() const;
  // Whether that is what the present leader goes by: something of its epoch has been applied here. A
  // replica that has just started knows an older one until then.
  bool level_known() const;
  Index applied() const;
  // Of the status, for whoever looks often.
  Agreement agreement() const;
  std::uint64_t rebuilds() const;
  // The engine, to look at: its log and how far it is.
  const consensus::Protocol& protocol() const;
  // The newest of the engine's writes that was given to the log, and the newest that is durable.
  consensus::WriteId issued_write() const;
  consensus::WriteId durable_write() const;
  // For reads that need no agreement (INFO, DBSIZE of this replica) and for checkers.
  const keyspace::Keyspace& keyspace() const;
  // A setting that is in force here, "" if unset.
  std::string_view setting(std::string_view name) const;
  // Newest stored snapshot, for sending it; nothing if none.
  const std::optional<storage::SnapshotFile>& stored_snapshot() const;
  bool making_snapshot() const;
  bool has_room() const;  // its disk, for more entries
  // For checkers, after a turn: how long what was gathered has waited for the log to end a sync; whether
  // applying was left to the next turn.
  Duration gathers_for() const;
  bool puts_off() const;
  // A snapshot of at least this index is wanted on this node's disk, for a backup. It is made when
  // the state has come so far; see take_snapshot_failure().
  void want_snapshot(Index at_least);
  // Whether what was wanted could not be written; it is not tried again unless it is wanted again.
  bool take_snapshot_failure();
  // The newest stored snapshot stays on the disk as long as somebody has what is returned (or until
  // a peer's replaces state and all). REQUIRES: stored_snapshot().
  std::shared_ptr<void> hold_snapshot();

  // ---- what the disk has lost and memory still has
  // The stored snapshots, the newest first.
  std::vector<storage::SnapshotFile> snapshot_files() const;
  // This stored snapshot is damaged: the newest is made anew, another one is removed.
  void replace_snapshot(const storage::SnapshotFile& file);
  // What the log on disk holds up to this entry is damaged: a snapshot is made, as soon as the entry is
  // applied, and the log forgets it without keeping a tail for followers.
  void outgrow_log(Index up_to);
  void check_invariants() const;

 private:
  struct State;
  explicit Replica(std::unique_ptr<State> state);
  std::unique_ptr<State> state_;
};

}  // namespace holdfast::replica
