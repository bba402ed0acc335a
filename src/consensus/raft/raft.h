// Raft behind consensus/protocol.h.
//
// One class, one header, and one .cc for each part of the paper (Ongaro, "Consensus: Bridging
// Theory and Practice", 2014):
//
//   raft.cc         the step: inputs to handlers, time, what a higher epoch does (3.3)
//   election.cc     pre-vote, votes, becoming and ceasing to be leader (3.4, 3.6, 9.6, 4.2.3)
//   replication.cc  proposals, appends, acknowledgements, commit (3.5, 3.6.2, 10.2.1)
//   heartbeat.cc    heartbeats, check-quorum, reads (3.4, 6.2, 6.4)
//   lease.cc        promises to elect nobody else for a while, and reads on their strength (6.4.1)
//   snapshot.cc     compaction and installation (5)
//   recovery.cc     a replica whose disk has lost something becomes a member again
//   transfer.cc     handing over leadership (3.10)
//   membership.cc   the membership in force, as the log tells it (4)
//
// A term is an Epoch: (round, node), where node is the candidate's. So an epoch has one possible
// leader, a promise is term and vote in one, and there is nothing to split a vote over: of two
// candidates of one round the greater node wins the voters that both ask. Promising e refuses every
// e' < e. Logs are compared by (epoch of the last entry, last index).
//
// Invariants: raft_invariants.cc.
#pragma once

#include <map>
#include <memory>
#include <optional>
#include <set>
#include <utility>
#include <vector>

#include "base/prng.h"
#include "consensus/leases.h"
#include "consensus/log_tail.h"
#include "consensus/progress.h"
#include "consensus/protocol.h"
#include "consensus/reads.h"
#include "consensus/writes.h"

namespace holdfast::consensus {

class Raft final : public Protocol {
 public:
  Raft(const ProtocolOptions& options, Recovered recovered, Instant now, Prng prng);

  Guarantees guarantees() const override;
  void step(Instant now, Input input, Effects& effects) override;
  Instant wake_at() const override;
  const LogTail& log() const override { return log_; }
  Status status() const override;
  Role role() const override { return role_; }
  Epoch epoch() const override { return promise_; }
  NodeId leader() const override { return leader_; }
  Index commit() const override { return commit_; }
  bool recovering() const override { return recovery_.has_value(); }
  bool may_read(Instant now, ReadMode mode) const override;
  bool may_read_early() const override;
  Index durable() const override { return writes_.durable_last(); }
  const Membership& membership_at(Index index) const override;
  void check_invariants() const override;

 private:
  // Inputs (raft.cc unless another file is named).
  void on(Tick);
  void on(Received&& input);
  void on(Propose&& input);  // replication.cc
  void on(WriteCompleted input);
  void on(SnapshotStored&& input);       // snapshot.cc
  void on(TailForgotten input);          // snapshot.cc
  void on(SnapshotSent input);           // snapshot.cc
  void on(ReadRequest input);            // heartbeat.cc
  void on(MembershipRequested&& input);  // membership.cc
  void on(TransferRequested input);      // transfer.cc
  void on(Appointed&& input);
  void on(PeerLiveness input);  // election.cc
  void on(LogFaultFound input);

  // raft.cc
  void advance_time(Instant now);
  void finish_step();
  bool plausible(const Message& message) const;
  bool raises_promise(const Message& message) const;
  void answer_older(const Message& message);
  void dispatch(Message&& message);
  void set_promise(Epoch epoch);
  bool promise_under_way() const { return writes_.durable_promise() != promise_; }
  // A promise more would be written behind one that is under way.
  Instant campaign_at() const { return promise_under_way() ? Instant::never() : election_deadline_; }
  Message message_to(NodeId to, MessageKind kind) const;
  void send_now(Message&& message);
  void send_after_sync(Message&& message);

  // election.cc
  void campaign();
  void start_pre_vote();
  // `order`: of the leader that handed over; {}: of its own accord.
  void start_election(Epoch order);
  void ask_for_votes(MessageKind kind, Epoch epoch, Epoch order);
  void record_vote(NodeId from, bool granted);
  void become_leader();
  void become_follower(Epoch epoch, NodeId leader);
  void follow(NodeId leader);
  void reset_election_timer();
  void give_disks_time();
  Duration others_first() const;
  void campaign_soon();
  bool may_campaign() const;
  bool hears_leader() const;
  bool as_complete_as_ours(const Message& message) const;
  void on_pre_vote_request(const Message& message);
  void on_pre_vote_reply(const Message& message);
  void on_vote_request(const Message& message);
  void on_vote_reply(const Message& message);

  // replication.cc
  void append_own(EntryKind kind, SharedBytes payload);
  void replicate_to_all();
  void replicate_to(Progress& peer, bool even_empty);
  void send_append(Progress& peer, Epoch previous_epoch, std::vector<Entry>&& entries);
  void update_commit();
  void tell_commit();
  void commit_to(Index index);
  const Progress* find_peer(NodeId node) const;
  Progress* find_peer(NodeId node);
  void on_append(Message&& message);
  bool verify_entries(const Message& message) const;
  void refuse_append(const Message& message);
  void accept_entries(std::vector<Entry>&& entries);
  void acknowledge(Index index, std::uint64_t read_round);
  void on_append_reply(const Message& message);
  void on_refused(Progress& peer, const Message& message);

  // heartbeat.cc
  void send_heartbeats();
  void send_heartbeat(const Progress& peer);
  bool quorum_is_active() const;
  void start_read_round();
  Instant next_read_round() const;
  bool few_suffice() const;
  static bool is_asked_first(const Progress& peer) { return peer.voter() && peer.prompt; }
  Instant end_of_patience() const;
  void confirm_reads();
  void on_heartbeat(const Message& message);
  void on_heartbeat_reply(const Message& message);
  void note_answer(Progress& peer, const Message& message);

  // lease.cc
  bool lease_wanted() const { return elapsed_ < lease_wanted_until_; }
  bool has_lease(Instant now) const;
  void note_lease(Progress& peer, const Message& reply);
  void count_leases();
  void void_leases();
  std::uint32_t promise_to_elect_nobody(std::uint32_t asked_ms);
  bool elects_nobody() const { return elapsed_ < elects_nobody_until_; }
  bool freed_by(const Message& vote_request) const;
  Instant lease_clock() const;
  void hold_pre_vote(const Message& message);
  void answer_held_pre_vote();

  // snapshot.cc
  void ask_for_snapshot(Progress& peer);
  void on_snapshot(const Message& message);

  // recovery.cc
  void answer_question(const Message& question);
  void ask_for_promises();
  void learn_promise(const Message& message);
  std::set<NodeId> asked() const;
  bool quorums_remembered() const;
  std::vector<NodeId> unheard() const;
  bool may_recover(Index matched) const;
  void answer_uncounted(const Message& append);

  // transfer.cc
  NodeId furthest_voter() const;
  void hand_over_if_ready(const Progress& peer);
  void on_campaign_now(const Message& message);
  Duration patience_for_writes_of(Duration time) const;
  void note_disk_moved();
  bool disk_hangs() const;
  void give_up_for_disk();

  // membership.cc
  const Membership& membership() const { return memberships_.back().second; }
  bool is_voter() const { return membership().is_voter(options_.self); }
  Role idle_role() const { return is_voter() ? Role::follower : Role::learner; }
  bool leaving() const;
  std::optional<ChangeRefusal> objection(const Membership& target) const;
  bool caught_up(NodeId node) const;
  void append_membership(Membership&& next);
  void update_peers();
  void forget_departed();
  void continue_change();
  void membership_changed();
  void adopt_memberships(const std::vector<Entry>& entries);
  void cut_memberships(Index from);
  void forget_memberships();

  // raft_invariants.cc
  void check_leader() const;

  // Constant.
  const ProtocolOptions options_;

  // Durable, or on its way to the disk.
  Epoch promise_;
  LogTail log_;
  Writes writes_;
  // The membership in force is the last one in the log, committed or not (thesis 4.1); the first
  // stands for everything before the log. By index.
  std::vector<std::pair<Index, Membership>> memberships_;

  // Every replica.
  Role role_ = Role::follower;
  NodeId leader_;
  Index commit_;
  Prng prng_;
  Effects* out_ = nullptr;  // of the step under way
  RoleChange reported_;
  // A snapshot that the host is loading in place of state and log. Until it is done nothing may
  // be appended, and this replica does not campaign.
  std::optional<SnapshotMark> installing_;

  // Set: this replica does not know what it has promised, acknowledged and voted for.
  struct Answer {
    Epoch promise;
    Index last;  // of the log, then
  };
  struct Recovery {
    explicit Recovery(std::uint64_t asked) : question(asked) {}

    std::uint64_t question;  // what answers must repeat: none is older than this process
    std::map<NodeId, Answer> heard;
    std::set<NodeId> alike;  // who has answered that he recovers as well
    Instant ask_at;          // whoever is not in `heard`
  };
  std::optional<Recovery> recovery_;

  // Time. `elapsed_` is this replica's own: it advances with the host's, but by at most
  // max_advance() a step (see advance_time). All deadlines below are on it.
  Instant now_;
  Instant elapsed_;
  Instant election_deadline_;
  Instant heard_leader_at_;
  // When the oldest write under way was issued, or the newest one that is durable completed.
  Instant disk_moved_at_;
  // Of the writes of late, and the wait for those before it not counted.
  Duration slowest_write_;
  Instant slowest_write_at_;
  // This replica has promised a leader to elect nobody else until then, or an earlier process of it
  // may have. Does not rest on whom it follows: it outlives the connection, and the epoch.
  Instant elects_nobody_until_;
  std::optional<Message> held_pre_vote_;  // the newest that came meanwhile, answered then

  // Whoever has voted under `promise_`, for itself or for another.
  Instant promised_at_;      // when that promise was put out
  bool vote_given_ = false;  // under it

  // Candidate.
  bool pre_vote_ = false;
  std::map<NodeId, bool> votes_;

  // Leader.
  Index own_first_;              // the no-op of this epoch
  std::vector<Progress> peers_;  // by node, without self
  std::uint64_t uncommitted_bytes_ = 0;
  Instant heartbeat_deadline_;
  Instant commit_notice_at_ = Instant::never();  // when everybody is to know of a commit up to …
  Index untold_commit_;                          // … this
  Index waited_for_;  // the newest entry that somebody at another node waits for
  Reads reads_;
  Instant read_round_began_at_;  // on the host's clock
  // Whom a round asks (decision 0035): everybody the next time; or everybody about the newest once nobody
  // has confirmed anything until then, on the host's clock. Never: it has been asked of everybody, or
  // there is none.
  bool everybody_next_ = true;
  Instant ask_everybody_at_ = Instant::never();
  NodeId transfer_to_;  // 0: none under way
  Instant transfer_deadline_;
  // Leases (lease.cc).
  Instant lease_wanted_until_;  // they are asked for until then
  RoundTimes round_times_;
  Instant lease_until_;       // on the host's clock; {}: none
  bool leases_void_ = false;  // for the rest of this epoch
};

}  // namespace holdfast::consensus
