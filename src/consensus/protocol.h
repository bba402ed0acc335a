// The one interface of agreement. Read this first.
//
// A Protocol is a deterministic object for one replica of one group. It is told things, one at a
// time, with the time of the turn, and fills Effects. It does no I/O, reads no clock, draws only
// from the Prng it was given. Raft, Multi-Paxos and an asynchronous primary stand behind it; nobody
// outside consensus/ can tell which one runs, except by guarantees().
//
// The host carries out the Effects of a step in this order:
//
//     promise -> append -> send_now -> (durable) -> send_after_sync
//
// promise and append belong to one write, named by `write`. When it is durable the host says so
// with a WriteCompleted input; writes complete in the order in which they were issued. Messages in
// send_after_sync leave when every write issued up to then is durable (at once if none is under
// way). A failed write or sync is not an input: it ends the process.
//
// send_now holds what vouches for nothing on this disk: entries and heartbeats under an epoch whose
// promise is durable, their "I follow you" under the same condition, requests for a pre-vote, the
// order to campaign. Everything else that a crash could make untrue waits.
//
// What an engine cannot do it answers with `unsupported`, never silently.
// docs/decisions/0002-one-interface-of-agreement.md maps every member to the three engines.
//
// Threads: one. Owns: its log tail. Lifetime: the host keeps the Prng's seed and the options.
#pragma once

#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <variant>
#include <vector>

#include "base/bytes.h"
#include "base/ids.h"
#include "base/prng.h"
#include "base/time.h"
#include "consensus/entry.h"
#include "consensus/log_tail.h"
#include "consensus/membership.h"
#include "consensus/message.h"

namespace holdfast::consensus {

// Names one durable write of one run of the process; 1 and up, in order.
using WriteId = std::uint64_t;
// The host's name for a read request.
using ReadTicket = std::uint64_t;

// ---- Inputs -------------------------------------------------------------------------------------

// Time has passed. Hosts send one whenever wake_at has come, and may send more.
struct Tick {};

// A message for this replica, from any time, possibly twice, possibly out of order. The host has
// dropped what comes from an incarnation older than the newest seen.
struct Received {
  Message message;
};

// Append this payload and replicate it. Answered in the same step by effects.proposed.
struct Propose {
  EntryKind kind = EntryKind::batch;
  SharedBytes payload;
  // Somebody at another node waits for it, and may look there at once: the news of its commit does not wait
  // (ProtocolOptions::commit_notice).
  bool waited_for_elsewhere = false;
};

// The write of this name, and all before it, are durable.
struct WriteCompleted {
  WriteId write = 0;
};

// What a snapshot stands for: the state after `index` was applied.
struct SnapshotMark {
  Index index;
  Epoch epoch;  // of the entry at index
  Membership membership;
};

// A snapshot is durable here. If `installed`, it came from a peer, answers effects.install, and the
// replica's state and log have been replaced by it. If not, this replica made it, and entries up to
// keep_from (not included; <= mark.index) may be forgotten.
struct SnapshotStored {
  SnapshotMark mark;
  Index keep_from;
  bool installed = false;
};

// Entries up to `up_to` may be forgotten though no snapshot holds them: this replica's log on disk does, and
// starts from it. Who lacks one of them is sent a snapshot. REQUIRES: they are committed and durable here.
struct TailForgotten {
  Index up_to;
};

// The transfer that effects.send_snapshot asked for has ended.
struct SnapshotSent {
  NodeId to;
  bool delivered = false;
};

// How a leader makes sure that it still leads.
enum class ReadMode : std::uint8_t {
  quorum = 1,  // by a round to its peers that begins after the request; no clock is trusted
  lease = 2,   // by what a quorum has promised: to elect nobody else for a while (decision 0018)
};

// Tell me an index such that a state which includes it is fresh enough for a read that begins now.
// Answered, perhaps much later, by effects.readable or effects.reads_refused. Hosts do best to ask
// once for all reads of a turn; further requests of the turn share one more round, for which
// wake_at() asks at once.
// `mode` lease: a lease suffices, and the engine sees to having one while such requests come. Where it
// has none the read is confirmed by a round. REQUIRES then: `now` of this step was read after the
// reads had come in.
struct ReadRequest {
  ReadTicket ticket = 0;
  ReadMode mode = ReadMode::quorum;
  bool of_everybody = false;  // the round that it needs asks every peer, not as few as are a quorum
};

// Change the membership to this; `outgoing` is empty. Answered in the same step by
// effects.membership_change. New voters must have been learners that caught up, so that the group
// does not have to wait for them. (effects.unsupported in engines without membership changes.)
struct MembershipRequested {
  Membership target;
};

// Hand leadership to `to`, or to whoever is furthest if none is named.
struct TransferRequested {
  NodeId to;
};

// The catalog directs an asynchronous group: these members, this epoch. Others: unsupported.
struct Appointed {
  Epoch epoch;
  Membership membership;
};

// The host's view of a peer process has changed. Not alive: its process is known to be gone (its
// connection was reset or its incarnation has changed), so a group that it led has no leader.
// Advice only: safety never rests on it.
struct PeerLiveness {
  NodeId node;
  bool alive = false;
};

// Entries from `first` to `last` on this replica's disk cannot be read. (Unsupported by raft: such a
// replica begins again, see Recovered::recovering.)
struct LogFaultFound {
  Index first;
  Index last;
};

using Input =
    std::variant<Tick, Received, Propose, WriteCompleted, SnapshotStored, TailForgotten, SnapshotSent,
                 ReadRequest, MembershipRequested, TransferRequested, Appointed, PeerLiveness,
                 LogFaultFound>;

// ---- Effects ------------------------------------------------------------------------------------

enum class Role : std::uint8_t { follower, candidate, leader, learner };

// Who leads, as far as this replica knows.
struct RoleChange {
  Role role = Role::follower;
  Epoch epoch;
  NodeId leader;  // 0: nobody known
};

// Entries to write. Everything from `from` on is cut first; `entries` start there, contiguous.
// Empty entries: only the cut.
struct Append {
  Index from;
  std::vector<Entry> entries;
};

enum class ProposalRefusal : std::uint8_t {
  not_leader,        // not proposed: try the leader
  handing_over,      // not proposed: leadership is being transferred, try again soon
  too_much_pending,  // not proposed: the bound on uncommitted bytes is reached, try again
};

// Answers Propose: exactly one of the two.
struct Proposed {
  std::optional<ProposalRefusal> refusal;
  Index index;  // valid without refusal
  Epoch epoch;
};

enum class ChangeRefusal : std::uint8_t {
  not_leader,    // ask the leader
  handing_over,  // leadership is being transferred, try again soon
  too_early,     // this leader has not committed an entry of its own epoch yet, try again soon
  under_way,     // another change has not ended, try again soon
  behind,        // a new voter is not a learner that has caught up, or too many voters recover
  invalid,       // no voters, or not sorted, or a node in two roles
};

// Answers MembershipRequested. Without refusal: the index of the entry that begins the change, or
// of the membership in force if that is the target already. The change has ended when the
// membership in force is the target and is committed; a new leader ends what its predecessor began,
// or a cut takes it back.
struct MembershipChange {
  std::optional<ChangeRefusal> refusal;
  Index index;
};

struct Readable {
  ReadTicket ticket = 0;
  Index index;
  ReadMode mode = ReadMode::quorum;  // by which leadership was confirmed
};

// A peer needs a snapshot: it lacks entries that this replica no longer has. The host sends the
// newest it has stored, if the log goes on behind that, or makes one first; when all of it is on the
// receiver's disk, the receiver's engine is told by
// a Received `snapshot` message {from this replica, its epoch, the mark's index and epoch}, and
// this one by SnapshotSent.
struct SnapshotWish {
  NodeId to;
};

// Only an asynchronous engine may fill this: entries that had been acknowledged are gone.
struct LostSuffix {
  Index first;
  Index last;
};

struct Effects {
  std::optional<Epoch> promise;
  std::optional<Append> append;
  WriteId write = 0;  // set if promise or append is
  std::vector<Message> send_now;
  std::vector<Message> send_after_sync;

  std::optional<Index> committed_up_to;  // grew to this
  std::optional<Proposed> proposed;
  std::optional<MembershipChange> membership_change;
  // In force from now on: appended (committed or not), taken back by a cut, or of a snapshot.
  std::optional<Membership> membership;
  std::vector<Readable> readable;
  std::vector<ReadTicket> reads_refused;  // not leader (any more): route the read again
  std::vector<SnapshotWish> send_snapshot;
  // The snapshot announced by a `snapshot` message is to replace this replica's state and log.
  // The host loads it, resets the log on disk to the mark, then says SnapshotStored{installed}.
  // Until then the engine appends nothing and does not campaign. The mark's membership is empty
  // here: the snapshot itself knows it.
  std::optional<SnapshotMark> install;
  std::optional<RoleChange> role;
  // A replica that was recovering has everything that it may ever have vouched for, as soon as what
  // was issued up to now is durable: from then on it is like any other.
  bool recovered = false;
  std::optional<LostSuffix> lost_suffix;
  std::optional<std::string> unsupported;  // names the input that this engine cannot serve

  // Forgets everything; keeps capacity.
  void clear();
};

// ---- The object ---------------------------------------------------------------------------------

struct Guarantees {
  bool linearizable = false;
  bool may_lose_acknowledged = false;  // asynchronous engines, at failover
  bool membership_changes = false;
  bool leadership_transfer = false;
  bool lease_reads = false;
};

// A learner that lacks no more entries than these has caught up (Raft thesis 4.2.1): about what is
// under way to a follower at full load.
inline constexpr std::uint64_t kNearlyAll = 64;

// How far a peer is, from the leader's view; for INFO, WAIT and people.
struct PeerProgress {
  NodeId node;
  Index match;  // durable there, as acknowledged
  bool voter = true;
  bool recently_active = false;
  bool snapshotting = false;
  bool recovers = false;  // has lost what it had, and is part of no quorum until it has it again
  std::uint64_t round = 0;  // the newest of the leader's rounds that it has answered
};

struct Status {
  Role role = Role::follower;
  Epoch epoch;    // promised
  NodeId leader;  // 0: unknown
  Index commit;
  Index first;  // the first entry still in the log
  Index last;
  Index durable;  // of this replica's own log
  Membership membership;   // in force
  Index membership_index;  // of its entry; up to the start of the log if it is older
  std::vector<PeerProgress> peers;  // on a leader, without itself, sorted by node
  bool recovering = false;
  // Recovering: who has not yet said what he has promised, and who has said that he recovers too.
  std::vector<NodeId> unheard;
  std::vector<NodeId> recovering_too;
  // Rounds of messages, numbered: this is the newest one. A ReadRequest needs a later one.
  std::uint64_t round = 0;
  // On a leader: until then it answers reads without asking, on the host's clock; {}: it has no lease.
  Instant lease_until = {};
};

class Protocol {
 public:
  virtual ~Protocol() = default;

  virtual Guarantees guarantees() const = 0;
  // Appends to `effects`, which the caller has cleared. `now` never runs backwards, and is the
  // same for all steps of one turn of the host's loop.
  virtual void step(Instant now, Input input, Effects& effects) = 0;
  // When a Tick is due even if nothing happens.
  virtual Instant wake_at() const = 0;
  // Entries from status().first to status().last. Valid until the next step.
  virtual const LogTail& log() const = 0;
  virtual Status status() const = 0;
  // Cheap copies of what is asked for at every turn.
  virtual Role role() const = 0;
  virtual Epoch epoch() const = 0;
  virtual NodeId leader() const = 0;
  virtual Index commit() const = 0;
  virtual bool recovering() const { return status().recovering; }
  // Whether a read that comes in now may be answered from the state at commit() without a step: this
  // replica leads, knows how far its predecessors had committed, and nobody else can lead, as it is
  // alone or, if the mode allows that, by a lease. An engine need not know.
  virtual bool may_read(Instant /*now*/, ReadMode /*mode*/) const { return false; }
  // Whether the state at commit() answers a read that comes in now if a ReadRequest made after it is
  // answered by effects.readable, and only then: this replica leads, and knows how far its predecessors
  // had committed. An engine need not know.
  virtual bool may_read_early() const { return false; }
  virtual Index durable() const = 0;
  // In force at this entry: what a snapshot of that state has to keep. REQUIRES: the entry is in
  // the log, or the last one before it.
  virtual const Membership& membership_at(Index index) const = 0;
  // CHECKs what must hold between steps (invariants.cc). Tests call it after every step.
  virtual void check_invariants() const = 0;
};

// ---- Making one ---------------------------------------------------------------------------------

enum class Engine : std::uint8_t { raft = 1, paxos = 2, primary = 3 };

struct ProtocolOptions {
  Engine engine = Engine::raft;
  GroupId group;
  NodeId self;
  Duration heartbeat_interval = milliseconds(50);
  // A follower campaigns after a random time between this and twice this without a leader; one that
  // has just voted gives the disks time in addition (decision 0036).
  // It is also the longest time for which a voter promises a leader to elect nobody else.
  Duration election_timeout = milliseconds(300);
  // It is to lead only if nobody else can: it lets the others campaign first. It votes as always, and
  // campaigns as soon as any when it is ordered to.
  bool leads_last = false;
  // Per follower, sent and not acknowledged.
  std::uint32_t window_messages = 256;
  std::uint64_t window_bytes = 16 << 20;
  std::uint64_t message_bytes = 1 << 20;  // of entries in one append, unless one entry is larger
  std::uint64_t uncommitted_bytes = 64 << 20;  // beyond: too_much_pending
  // So long the news of a commit may wait for entries that it can travel with; 0: it never waits.
  Duration commit_notice = {};
  // While a read round is under way another one begins only so much later than it, unless the first has
  // been confirmed by then; 0: every turn with reads begins one.
  Duration read_round_pause = {};
  // A read round asks no more voters than it needs, those that were the first to confirm the last one;
  // if they are silent for so long, and after each heartbeat, everybody. 0: everybody at once.
  Duration read_round_patience = {};
};

// What was found on disk. An empty log of a new replica has mark {0, {}, membership}.
struct Recovered {
  Epoch promise;
  SnapshotMark mark;           // entries up to mark.index are in the snapshot or never were
  std::vector<Entry> entries;  // contiguous, the first at mark.index + 1, all durable
  // This replica had more, which its disk has lost: promises, acknowledgements and votes of which
  // nothing is known here. Until effects.recovered it votes for nobody, itself included, and
  // acknowledges nothing (decision 0010).
  bool recovering = false;
  // The election_timeout of this replica's last process, which may have promised a leader to elect
  // nobody else for so long: nor does this one, counted from its start. {}: there was no process.
  Duration may_have_promised = {};
};

// Null if the engine is not built in.
std::unique_ptr<Protocol> make_protocol(const ProtocolOptions& options, Recovered recovered,
                                        Instant now, Prng prng);

}  // namespace holdfast::consensus
