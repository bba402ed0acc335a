// N replicas of one group without a world: nothing happens unless a test says so.
//
// Messages wait until they are delivered or dropped, writes until they are completed, clocks stand
// until they are moved. A crash loses the writes that were not completed. After every step the
// engine's invariants, the step checker and the safety properties of the whole group are checked:
// one leader in an epoch, a leader has every committed entry, committed entries never differ, and
// what a leader commits is on the disks of a quorum.
#pragma once

#include <deque>
#include <functional>
#include <map>
#include <memory>
#include <optional>
#include <set>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "consensus/invariants.h"
#include "consensus/protocol.h"

namespace holdfast::consensus::testing {

NodeId node_id(std::uint64_t number);
Membership voters(const std::vector<std::uint64_t>& nodes);

// What a replica's disk would give back after a crash.
struct Disk {
  Epoch promise;
  SnapshotMark mark;
  std::vector<Entry> entries;  // after the mark
  bool lost = false;           // more was there, and nobody knows how much

  bool holds(Index index, Epoch epoch) const;
};

// What a node finds on its disk at the start: entries from 1 on, some of them memberships.
struct Found {
  Epoch promise;
  std::vector<std::pair<Epoch, std::optional<Membership>>> entries;
};

using Words = std::vector<std::string>;

Epoch epoch(std::uint64_t round, std::uint64_t node);
// Entries of these epochs, none of them a membership.
Found found(Epoch promise, const std::vector<Epoch>& epochs);

struct ClusterOptions {
  std::vector<std::uint64_t> voters = {1, 2, 3};
  std::vector<std::uint64_t> learners = {};
  std::vector<std::uint64_t> spare = {};  // empty, and not members yet
  ProtocolOptions protocol = {};  // group and self are filled in
  // Whether an earlier process may have promised a leader to elect nobody else: then who restarts
  // elects nobody before its clock has moved on.
  bool lease_reads = false;
  std::set<std::uint64_t> last_to_lead = {};
  std::uint64_t seed = 1;
  // What nodes find on their disks at the start, where that is not nothing.
  std::map<std::uint64_t, Found> found = {};
  // Raft's entries keep their epoch; a new Paxos leader gives them its own.
  bool epochs_are_fixed = true;
  // Makes the engine of a node; make_protocol if empty.
  std::function<std::unique_ptr<Protocol>(const ProtocolOptions&, Recovered, Instant, Prng)> make =
      nullptr;
};

class Cluster {
 public:
  explicit Cluster(ClusterOptions options);

  // ---- One replica at a time ----
  // Feeds one input; its effects are queued as a host would. Returns them.
  const Effects& input(std::uint64_t node, Input input);
  // Moves the node's clock on, with a Tick whenever it asks for one. Stops early, if `until` says.
  void elapse(std::uint64_t node, Duration duration, const std::function<bool()>& until = nullptr);
  // Moves the node's clock on and steps once, as a process does that was stopped.
  void jump(std::uint64_t node, Duration duration);
  // Moves the node's clock on until it campaigns.
  void campaign(std::uint64_t node);
  Proposed propose(std::uint64_t node, std::string_view payload);
  void read(std::uint64_t node, ReadTicket ticket, ReadMode mode = ReadMode::quorum);
  MembershipChange change(std::uint64_t node, const Membership& target);
  // Completes the oldest `count` writes under way.
  void sync(std::uint64_t node, std::size_t count = SIZE_MAX);
  // Loses the writes under way but for the oldest `kept`, which had reached the disk.
  void crash(std::uint64_t node, std::size_t kept = 0);
  void restart(std::uint64_t node);
  // The node is down, and of its disk nothing is left but the newest snapshot: it will recover.
  void lose_log(std::uint64_t node);
  // Compacts the node's log up to `index`, which it has committed; keeps entries from `keep_from`.
  void compact(std::uint64_t node, std::uint64_t index, std::uint64_t keep_from = 0);
  // Takes the newest snapshot of `from` to `to`; the message that announces it is on its way.
  void send_snapshot(std::uint64_t from, std::uint64_t to);
  // Completes an installation that the node asked for.
  void install(std::uint64_t node);

  // ---- The network ----
  using Filter = std::function<bool(const Message&)>;
  // Delivers the oldest message that passes; false if there is none.
  bool deliver_one(const Filter& filter = nullptr);
  // Delivers what is there now and passes; not what that brings about.
  std::size_t deliver(const Filter& filter = nullptr);
  // Delivers the n-th message waiting; `keep`: a copy waits on.
  void deliver_nth(std::size_t n, bool keep);
  std::size_t drop(const Filter& filter = nullptr);
  // Delivers and completes everything until nothing moves any more. Clocks stand still.
  void stabilize(const std::vector<std::uint64_t>& nodes = {});
  // All clocks move on together by `duration`, and everything is delivered and completed at once.
  void run(Duration duration, const std::function<bool()>& until = nullptr);
  // Messages of the link are lost from now on, or pass again.
  void cut_link(std::uint64_t from, std::uint64_t to);
  void isolate(std::uint64_t node);
  void heal();

  // ---- Short cuts ----
  // Campaign, and everything delivered until it leads.
  void elect(std::uint64_t node);
  // The leader that most believe in; 0 if none.
  std::uint64_t leader() const;

  // ---- Looking ----
  bool up(std::uint64_t node) const { return at(node).engine != nullptr; }
  const Protocol& protocol(std::uint64_t node) const;
  Status status(std::uint64_t node) const { return protocol(node).status(); }
  Role role(std::uint64_t node) const { return protocol(node).role(); }
  Epoch epoch(std::uint64_t node) const { return protocol(node).epoch(); }
  std::uint64_t commit(std::uint64_t node) const { return protocol(node).commit().value; }
  std::uint64_t last(std::uint64_t node) const { return status(node).last.value; }
  const Disk& disk(std::uint64_t node) const { return at(node).disk; }
  std::size_t writes_under_way(std::uint64_t node) const { return at(node).writes.size(); }
  // index:epoch of the log, with payloads.
  std::string log_text(std::uint64_t node) const;
  // The payloads that the node has committed, in order, without no-ops.
  std::vector<std::string> committed(std::uint64_t node) const;
  const std::deque<Message>& network() const { return network_; }
  std::size_t count(MessageKind kind) const;
  // The last entry that any replica has committed.
  Index newest_commit() const;
  std::vector<std::uint64_t> nodes() const;

  // What happened, since the test last took it; and whether anything of this did.
  bool has_news(std::uint64_t node) const;
  std::vector<Readable> take_readable(std::uint64_t node);
  std::vector<ReadTicket> take_refused(std::uint64_t node);
  std::vector<NodeId> take_snapshot_wishes(std::uint64_t node);
  bool installing(std::uint64_t node) const { return at(node).install.has_value(); }

  // Compares all logs in pairs. Checked by tests where they like; the rest after every step.
  void check_log_matching() const;

  // Where steps are written as text; null: nowhere.
  std::string* transcript = nullptr;
  // May change or drop (false) what is put on the network.
  std::function<bool(Message&)> tamper;

 private:
  struct Write {
    WriteId id = 0;
    std::optional<Epoch> promise;
    std::optional<Append> append;
  };
  struct Replica {
    std::uint64_t number = 0;
    std::unique_ptr<Protocol> engine;  // null: crashed
    StepChecker checker;
    Instant now;
    Prng prng{0};
    Disk disk;
    Disk before_loss;
    std::deque<Write> writes;
    bool whole = false;  // has recovered, and the disk does not know yet
    std::deque<std::pair<WriteId, Message>> after_sync;
    Index applied;
    std::optional<SnapshotMark> install;
    SnapshotMark snapshot;  // the newest stored
    std::vector<Readable> readable;
    std::vector<ReadTicket> refused;
    std::vector<NodeId> wishes;
    std::vector<std::string> committed;
    Effects effects;
  };

  Replica& at(std::uint64_t node);
  const Replica& at(std::uint64_t node) const;
  void fill(Disk& disk, const Found& found) const;
  void add(std::uint64_t node, const Membership& membership, Prng prng);
  void start(Replica& replica, bool first);
  void take_effects(Replica& replica);
  static void note_whole(Replica& replica);
  void post(Message message);
  void apply_write(Disk& disk, const Write& write);
  void load_state(Replica& replica, Index index);
  void complete_oldest(Replica& replica);
  void check_step(Replica& replica, Role role_before);
  void check_commit(Replica& replica);
  void say(const std::string& line);

  ClusterOptions options_;
  Membership membership_;
  std::map<std::uint64_t, Replica> replicas_;
  std::deque<Message> network_;
  std::set<std::pair<std::uint64_t, std::uint64_t>> cut_links_;
  std::map<Index, Entry> history_;           // everything that any replica has committed
  std::map<Index, SnapshotMark> snapshots_;  // every one that was ever made
  std::map<Epoch, std::uint64_t> leaders_;
};

}  // namespace holdfast::consensus::testing
