// A throw-away sketch of Multi-Paxos behind the unchanged protocol.h: phase 1 and the normal case,
// no more, to show that the interface of agreement is not Raft's alone. The engine itself comes
// later, in consensus/paxos; see docs/decisions/0002-one-interface-of-agreement.md.
//
// An epoch is a ballot. A promise carries back what its sender has accepted after the proposer's
// commit index; the proposer adopts the log of the promise that is furthest, closes it with a no-op
// of its own ballot, and goes on from there: anyone can lead, whatever its log. How far an acceptor
// is, is the epoch of its last entry: that entry is the closing no-op or follows it, so the log
// before it is the whole log of that ballot's leader, and a part of it never claims more.
#include <gtest/gtest.h>

#include <algorithm>
#include <map>

#include "base/check.h"
#include "consensus/invariants.h"
#include "consensus/quorum.h"
#include "consensus/reads.h"
#include "consensus/testing/transcripts.h"
#include "consensus/writes.h"

namespace holdfast::consensus {
namespace {

class PaxosSketch final : public Protocol {
 public:
  PaxosSketch(const ProtocolOptions& options, Recovered found, Instant now, Prng prng)
      : options_(options),
        promise_(found.promise),
        log_(found.mark.index, found.mark.epoch),
        writes_(promise_, found.mark.index + found.entries.size()),
        commit_(found.mark.index),
        membership_(found.mark.membership),
        prng_(prng),
        now_(now) {
    for (Entry& entry : found.entries) log_.append(std::move(entry));
    reset_timer();
  }

  Guarantees guarantees() const override { return {.linearizable = true}; }

  void step(Instant now, Input input, Effects& effects) override {
    now_ = now;
    out_ = &effects;
    const RoleChange before{role_, promise_, leader_};
    std::visit([this](auto&& one) { on(std::move(one)); }, std::move(input));
    if (out_->promise || out_->append) {
      std::optional<Index> last;
      if (out_->append) last = log_.last();
      out_->write = writes_.issue(out_->promise, last);
    }
    const RoleChange after{role_, promise_, leader_};
    if (before.role != after.role || before.epoch != after.epoch || before.leader != after.leader) {
      out_->role = after;
    }
    out_ = nullptr;
  }

  Instant wake_at() const override { return deadline_; }
  const LogTail& log() const override { return log_; }
  Role role() const override { return role_; }
  Epoch epoch() const override { return promise_; }
  NodeId leader() const override { return leader_; }
  Index commit() const override { return commit_; }
  Index durable() const override { return writes_.durable_last(); }
  const Membership& membership_at(Index) const override { return membership_; }
  void check_invariants() const override { check_state(status(), log_); }

  Status status() const override {
    Status status;
    status.role = role_;
    status.epoch = promise_;
    status.leader = leader_;
    status.commit = commit_;
    status.first = log_.first();
    status.last = log_.last();
    status.durable = writes_.durable_last();
    status.membership = membership_;
    for (const auto& [node, match] : match_) status.peers.push_back({node, match, true, true});
    return status;
  }

 private:
  struct Promise {
    Epoch how_far;
    Index last;
    std::vector<Entry> entries;  // after the proposer's commit
  };

  // ---- Inputs ----

  void on(Tick) {
    if (now_ < deadline_) return;
    if (role_ == Role::leader) return beat();
    prepare();
  }

  void on(WriteCompleted input) {
    writes_.complete(input.write);
    if (role_ == Role::candidate && writes_.durable_promise() == promise_) {
      promises_[options_.self] = own_promise();
      lead_if_promised();
    } else if (role_ == Role::leader) {
      learn();
    }
  }

  void on(Propose&& input) {
    Proposed& answer = out_->proposed.emplace();
    if (role_ != Role::leader) {
      answer.refusal = ProposalRefusal::not_leader;
      return;
    }
    accept_own({make_entry(log_.last().next(), input.kind, std::move(input.payload))});
    answer.index = log_.last();
    answer.epoch = promise_;
  }

  void on(ReadRequest input) {
    if (role_ != Role::leader) {
      out_->reads_refused.push_back(input.ticket);
    } else if (commit_ < own_first_) {
      reads_.postpone(input.ticket);
    } else {
      reads_.gather(input.ticket, commit_);
      beat();
    }
  }

  void on(Received&& input) {
    const Message& message = input.message;
    if (message.epoch < promise_) return refuse(message);
    if (message.epoch > promise_) obey(message.epoch);
    switch (message.kind) {
      case MessageKind::vote_request:
        return on_prepare(message);
      case MessageKind::vote_reply:
        return on_promise(message);
      case MessageKind::append:
        return on_accept(message);
      case MessageKind::append_reply:
        return on_accepted(message);
      case MessageKind::heartbeat:
        return on_beat(message);
      case MessageKind::heartbeat_reply:
        return on_beat_reply(message);
      default:
        return;
    }
  }

  template <class Other>
  void on(Other&&) {
    out_->unsupported = "the sketch knows phase 1 and the normal case";
  }

  // ---- Phase 1 ----

  void prepare() {
    role_ = Role::candidate;
    leader_ = {};
    promises_.clear();
    obey_promise({promise_.round + 1, options_.self});
    for (const NodeId node : others()) {
      Message request = message_to(node, MessageKind::vote_request);
      request.index = commit_;  // what comes after it is asked for
      out_->send_after_sync.push_back(std::move(request));
    }
    reset_timer();
  }

  void on_prepare(const Message& message) {
    // Whatever the proposer's log: a promise says what it has to adopt.
    Message reply = message_to(message.from, MessageKind::vote_reply);
    reply.index = log_.last();
    reply.index_epoch = log_.last_epoch();
    if (message.index < log_.last() && message.index >= log_.before()) {
      reply.entries = log_.slice(message.index.next(), UINT64_MAX);
    }
    out_->send_after_sync.push_back(std::move(reply));
    reset_timer();
  }

  void on_promise(const Message& message) {
    if (role_ != Role::candidate || message.refused) return;
    promises_[message.from] = {message.index_epoch, message.index, message.entries};
    lead_if_promised();
  }

  Promise own_promise() const {
    return {log_.last_epoch(), log_.last(), log_.slice(commit_.next(), UINT64_MAX)};
  }

  void lead_if_promised() {
    const auto vote_of = [this](NodeId node) -> std::optional<bool> {
      return promises_.count(node) != 0 ? std::optional(true) : std::nullopt;
    };
    if (writes_.durable_promise() != promise_) return;
    if (count_votes(membership_, vote_of) != VoteResult::won) return;

    const Promise* best = nullptr;
    for (const auto& [node, one] : promises_) {
      const bool further = best == nullptr ||
                           std::pair(one.how_far, one.last) > std::pair(best->how_far, best->last);
      if (further) best = &one;
    }
    std::vector<Entry> adopted = best->entries;
    role_ = Role::leader;
    leader_ = options_.self;
    for (const NodeId node : others()) match_[node] = Index();
    own_first_ = commit_ + (adopted.size() + 1);
    adopted.push_back(make_entry(own_first_, EntryKind::noop, SharedBytes()));
    promises_.clear();
    accept_own(std::move(adopted));
    beat();
  }

  // ---- Phase 2 ----

  // Replaces what differs from the first of `entries` on.
  void write(std::vector<Entry> entries) {
    auto one = entries.begin();
    while (one != entries.end() && log_.epoch_at(one->index) == one->epoch) ++one;
    entries.erase(entries.begin(), one);
    if (entries.empty()) return;
    const Index from = entries.front().index;
    CHECK(from > commit_);
    if (from <= log_.last()) {
      log_.cut(from);
      writes_.cut(from);
    }
    for (const Entry& entry : entries) log_.append(entry);
    out_->append = Append{from, std::move(entries)};
  }

  void accept_own(std::vector<Entry> entries) {
    const Index from = entries.front().index;
    write(std::move(entries));
    for (const NodeId node : others()) send_from(node, from);
  }

  void send_from(NodeId node, Index from) {
    Message message = message_to(node, MessageKind::append);
    message.index = from.previous();
    message.index_epoch = log_.epoch_at(message.index).value_or(Epoch{});
    message.commit = commit_;
    message.entries = log_.slice(from, UINT64_MAX);
    out_->send_now.push_back(std::move(message));
  }

  void on_accept(const Message& message) {
    follow(message.from);
    Message reply = message_to(message.from, MessageKind::append_reply);
    reply.index = message.index;
    if (log_.epoch_at(message.index) != message.index_epoch) {
      reply.refused = true;
      reply.hint = commit_;  // chosen, hence known to the leader
    } else {
      write(message.entries);
      reply.index = message.index + message.entries.size();
      commit_to(std::min(message.commit, reply.index));
    }
    out_->send_after_sync.push_back(std::move(reply));
  }

  void on_accepted(const Message& message) {
    if (role_ != Role::leader) return;
    if (message.refused) return send_from(message.from, message.hint.next());
    match_[message.from] = std::max(match_[message.from], message.index);
    learn();
  }

  void learn() {
    const auto reached_by = [this](NodeId node) -> std::uint64_t {
      return node == options_.self ? writes_.durable_last().value : match_.at(node).value;
    };
    const Index chosen(quorum_reached(membership_, reached_by));
    if (chosen < own_first_ || chosen <= commit_) return;
    const bool first = commit_ < own_first_;
    commit_to(chosen);
    if (first) reads_.gather_postponed(commit_);
    beat();
  }

  // ---- The leader's presence, and reads ----

  void beat() {
    const std::uint64_t round = reads_.begin_round();
    for (const NodeId node : others()) {
      Message message = message_to(node, MessageKind::heartbeat);
      message.commit = std::min(commit_, match_[node]);
      message.read_round = round;
      out_->send_now.push_back(std::move(message));
    }
    deadline_ = now_ + options_.heartbeat_interval;
  }

  void on_beat(const Message& message) {
    follow(message.from);
    commit_to(std::min(message.commit, log_.last()));
    Message reply = message_to(message.from, MessageKind::heartbeat_reply);
    reply.read_round = message.read_round;
    out_->send_after_sync.push_back(std::move(reply));
  }

  void on_beat_reply(const Message& message) {
    if (role_ != Role::leader) return;
    rounds_[message.from] = std::max(rounds_[message.from], message.read_round);
    const auto round_of = [this](NodeId node) {
      return node == options_.self ? reads_.newest_round() : rounds_[node];
    };
    reads_.confirm(quorum_reached(membership_, round_of), out_->readable);
    if (match_[message.from] < log_.last()) send_from(message.from, log_.last());
  }

  // ---- Both ----

  void refuse(const Message& message) {
    if (message.kind != MessageKind::vote_request && message.kind != MessageKind::append) return;
    const bool prepared = message.kind == MessageKind::vote_request;
    Message reply =
        message_to(message.from, prepared ? MessageKind::vote_reply : MessageKind::append_reply);
    reply.refused = true;
    out_->send_after_sync.push_back(std::move(reply));
  }

  void obey(Epoch epoch) {
    if (role_ == Role::leader) reads_.refuse_all(out_->reads_refused);
    role_ = Role::follower;
    leader_ = {};
    match_.clear();
    rounds_.clear();
    obey_promise(epoch);
  }

  void obey_promise(Epoch epoch) {
    promise_ = epoch;
    out_->promise = epoch;
  }

  void follow(NodeId leader) {
    leader_ = leader;
    role_ = Role::follower;
    reset_timer();
  }

  void commit_to(Index index) {
    if (index <= commit_) return;
    commit_ = index;
    out_->committed_up_to = index;
  }

  void reset_timer() {
    const std::int64_t timeout = options_.election_timeout.ns;
    deadline_ = now_ + nanoseconds(prng_.between(timeout, 2 * timeout));
  }

  std::vector<NodeId> others() const {
    std::vector<NodeId> nodes = membership_.everyone();
    std::erase(nodes, options_.self);
    return nodes;
  }

  Message message_to(NodeId to, MessageKind kind) const {
    Message message;
    message.kind = kind;
    message.group = options_.group;
    message.from = options_.self;
    message.to = to;
    message.epoch = promise_;
    return message;
  }

  Entry make_entry(Index index, EntryKind kind, SharedBytes payload) const {
    Entry entry;
    entry.index = index;
    entry.epoch = promise_;
    entry.kind = kind;
    entry.content = content_checksum(options_.group, index, kind, payload.view());
    entry.payload = std::move(payload);
    return entry;
  }

  ProtocolOptions options_;
  Epoch promise_;
  LogTail log_;
  Writes writes_;
  Index commit_;
  Membership membership_;
  Prng prng_;
  Instant now_;
  Instant deadline_;
  Effects* out_ = nullptr;
  Role role_ = Role::follower;
  NodeId leader_;
  Index own_first_;
  std::map<NodeId, Promise> promises_;
  std::map<NodeId, Index> match_;
  std::map<NodeId, std::uint64_t> rounds_;
  Reads reads_;
};

testing::ClusterOptions paxos() {
  testing::ClusterOptions options;
  options.make = [](const ProtocolOptions& protocol, Recovered recovered, Instant now, Prng prng) {
    return std::make_unique<PaxosSketch>(protocol, std::move(recovered), now, prng);
  };
  return options;
}

class PaxosTranscript : public ::testing::TestWithParam<std::string> {};

TEST_P(PaxosTranscript, happens_as_told) { testing::run_transcript(GetParam(), paxos()); }

INSTANTIATE_TEST_SUITE_P(Consensus, PaxosTranscript,
                         ::testing::ValuesIn(testing::transcripts("paxos_", true)),
                         [](const auto& one) { return one.param; });

TEST(PaxosSketch, survives_what_a_crash_takes) {
  testing::Cluster cluster(paxos());
  cluster.elect(1);
  for (int i = 0; i < 5; ++i) {
    cluster.propose(1, "x");
    cluster.stabilize();
  }
  cluster.crash(1);
  cluster.run(seconds(3), [&] { return cluster.leader() != 0; });
  cluster.run(milliseconds(200));
  ASSERT_NE(cluster.leader(), 0u);
  EXPECT_EQ(cluster.committed(cluster.leader()).size(), 5u);
}

}  // namespace
}  // namespace holdfast::consensus
