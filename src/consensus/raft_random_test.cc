// Many seeds of a hostile world, the engine alone: messages are lost, repeated and reordered, links
// are cut one way, clocks run apart, processes crash and lose the writes that were under way, news
// about peers is false. Safety is checked after every step (testing/cluster.h); at the end the
// world heals and the group has to agree again.
#include <gtest/gtest.h>

#include <algorithm>
#include <csignal>
#include <cstdio>
#include <cstdlib>
#include <map>
#include <vector>

#include "base/check.h"
#include "base/test_rounds.h"
#include "consensus/testing/cluster.h"
#include "consensus/testing/printing.h"

namespace holdfast::consensus {
namespace {

using testing::Cluster;
using testing::ClusterOptions;

class World {
 public:
  explicit World(std::uint64_t seed) : random_(seed), cluster_(options(seed)) {}

  void live(int steps) {
    for (int i = 0; i < steps; ++i) act();
  }

  // Faults end for good; then everything proposed must commit everywhere.
  void heal() {
    cluster_.heal();
    for (const auto node : nodes_) {
      if (!cluster_.up(node)) cluster_.restart(node);
    }
    run_until([&] { return cluster_.leader() != 0; });
    ASSERT_NE(cluster_.leader(), 0u) << description();
    for (int i = 0; i < 3; ++i) {
      propose(cluster_.leader());
      run(milliseconds(200));
    }
    run_until([&] { return same_everywhere(); });
    // What it does instead of agreeing.
    std::string story;
    cluster_.transcript = &story;
    if (!same_everywhere()) run(milliseconds(200));
    cluster_.transcript = nullptr;
    EXPECT_TRUE(same_everywhere()) << description() << story;
    cluster_.check_log_matching();
  }

  std::uint64_t commits() const { return cluster_.newest_commit().value; }
  std::uint64_t reads() const { return reads_; }
  std::uint64_t changes() const { return changes_; }
  std::uint64_t losses() const { return losses_; }

 private:
  static ClusterOptions options(std::uint64_t seed) {
    Prng random(seed * 7919);
    ClusterOptions options;
    options.seed = seed;
    if (random.below(3) == 0) options.voters = {1, 2, 3, 4, 5};
    if (random.below(4) == 0) options.voters = {1, 2};
    if (random.below(3) == 0) options.learners = {7};
    if (random.below(2) == 0) options.spare = {8, 9};
    // Small bounds, so that they are met.
    options.protocol.window_messages = static_cast<std::uint32_t>(1 + random.below(4));
    options.protocol.window_bytes = 1 + random.below(200);
    options.protocol.message_bytes = 1 + random.below(100);
    options.protocol.uncommitted_bytes = 50 + random.below(500);
    const auto pause = [&random] { return milliseconds(static_cast<std::int64_t>(random.below(60))); };
    if (random.below(2) == 0) options.protocol.commit_notice = pause();
    if (random.below(2) == 0) options.protocol.read_round_pause = pause();
    if (random.below(2) == 0) options.protocol.read_round_patience = pause();
    return options;
  }

  std::uint64_t any_node() {
    return nodes_[random_.below(nodes_.size())];
  }

  // Of several, also one that has been deposed and does not know it.
  std::uint64_t any_leader() {
    std::vector<std::uint64_t> leaders;
    for (const auto node : nodes_) {
      if (cluster_.up(node) && cluster_.role(node) == Role::leader) leaders.push_back(node);
    }
    return leaders.empty() ? 0 : leaders[random_.below(leaders.size())];
  }

  void act() {
    // Good and bad times take turns: without the good ones hardly anything is ever committed.
    if (random_.below(150) == 0) calm_ = !calm_;
    const std::uint64_t node = any_node();
    const std::uint64_t what = random_.below(calm_ ? 920 : 1000);
    if (what < 500) {
      deliver();
    } else if (what < 700) {
      if (cluster_.up(node)) cluster_.sync(node, 1 + random_.below(2));
    } else if (what < 750) {
      if (cluster_.up(node)) pass_time(node);
    } else if (what < 860) {
      propose(random_.below(10) == 0 ? node : any_leader());
    } else if (what < 920) {
      read(random_.below(10) == 0 ? node : any_leader());
    } else {
      disturb(node, what);
    }
    serve_snapshots();
    collect_reads();
  }

  void disturb(std::uint64_t node, std::uint64_t what) {
    if (random_.below(8) == 0) {
      change(random_.below(10) == 0 ? node : any_leader());
    } else if (what < 935) {
      if (cluster_.up(node)) {
        cluster_.crash(node, random_.below(cluster_.writes_under_way(node) + 1));
        if (random_.below(3) == 0) lose_log(node);
      } else {
        cluster_.restart(node);
      }
    } else if (what < 940) {
      cluster_.cut_link(node, any_node());
    } else if (what < 945) {
      cluster_.isolate(node);
    } else if (what < 953) {
      cluster_.heal();
    } else if (what < 965) {
      if (cluster_.up(node)) coup(node);
    } else if (what < 973) {
      if (cluster_.up(node)) random_.below(2) == 0 ? compact(node) : forget_tail(node);
    } else if (what < 980) {
      const auto leader = cluster_.leader();
      if (leader != 0) cluster_.input(leader, TransferRequested{NodeId(random_.below(6))});
    } else if (cluster_.up(node)) {
      cluster_.input(node, PeerLiveness{NodeId(any_node()), random_.below(2) == 0});
    }
  }

  // Whether a quorum of these has its logs, `node` left out.
  bool others_suffice(const std::vector<NodeId>& voters, std::uint64_t node) const {
    const auto lost = [&](NodeId voter) {
      return voter.value == node || cluster_.disk(voter.value).lost;
    };
    const auto gone = std::count_if(voters.begin(), voters.end(), lost);
    return voters.empty() || static_cast<std::size_t>(gone) * 2 < voters.size();
  }

  // Within what can recover again: the others are a quorum of every membership.
  void lose_log(std::uint64_t node) {
    std::vector<Membership> in_force;
    for (const auto other : nodes_) {
      if (cluster_.up(other)) {
        in_force.push_back(cluster_.status(other).membership);
      } else if (other != node) {
        return;  // it may know of another one
      }
    }
    for (const Message& message : cluster_.network()) {
      for (const Entry& entry : message.entries) {
        if (entry.kind != EntryKind::config) continue;
        in_force.push_back(*Membership::decode(entry.payload.view()));
      }
    }
    for (const Membership& one : in_force) {
      if (!others_suffice(one.voters, node) || !others_suffice(one.outgoing, node)) return;
    }
    cluster_.lose_log(node);
    ++losses_;
  }

  // Somebody campaigns while the leader is at work, and others believe that there is none. Half of
  // the time by an order that no leader gave: without pre-vote, whatever its log.
  void coup(std::uint64_t node) {
    const Epoch epoch = cluster_.epoch(node);
    if (random_.below(2) == 0 && epoch && epoch.node != NodeId(node)) {
      Message order;
      order.kind = MessageKind::campaign_now;
      order.from = epoch.node;
      order.to = NodeId(node);
      order.epoch = epoch;
      cluster_.input(node, Received{order});
      return;
    }
    for (const auto other : nodes_) {
      if (cluster_.up(other) && (other == node || random_.below(3) != 0)) {
        cluster_.input(other, PeerLiveness{cluster_.protocol(other).leader(), false});
      }
    }
    cluster_.elapse(node, milliseconds(51));
  }

  void deliver() {
    if (cluster_.network().empty()) return;
    // Mostly in order; sometimes any; sometimes twice; sometimes never.
    const std::size_t size = cluster_.network().size();
    const std::size_t n = random_.below(calm_ ? 20 : 3) == 0 ? random_.below(size) : 0;
    if (random_.below(calm_ ? 200 : 12) == 0) {
      std::size_t i = 0;
      cluster_.drop([&](const Message&) { return i++ == n; });
    } else {
      cluster_.deliver_nth(n, random_.below(15) == 0);
    }
  }

  void pass_time(std::uint64_t node) {
    const auto duration = milliseconds(static_cast<std::int64_t>(random_.below(calm_ ? 40 : 250)));
    if (random_.below(20) == 0) {
      cluster_.jump(node, duration * 50);
    } else {
      cluster_.elapse(node, duration);
    }
  }

  void propose(std::uint64_t node) {
    if (node == 0 || !cluster_.up(node)) return;
    cluster_.propose(node, fmt::format("{}{}", ++proposals_, std::string(random_.below(60), 'x')));
  }

  // Somebody enters, leaves, or changes role.
  void change(std::uint64_t node) {
    if (node == 0 || !cluster_.up(node)) return;
    Membership target = cluster_.status(node).membership;
    target.outgoing.clear();
    const NodeId who(any_node());
    const std::uint64_t role = random_.below(3);
    std::erase(target.voters, who);
    std::erase(target.learners, who);
    if (role < 2) {
      auto& list = role == 0 ? target.voters : target.learners;
      list.insert(std::upper_bound(list.begin(), list.end(), who), who);
    }
    if (!others_suffice(target.voters, 0)) return;  // the leader may not know yet
    if (!target.voters.empty() && !cluster_.change(node, target).refusal) ++changes_;
  }

  void read(std::uint64_t node) {
    if (node == 0 || !cluster_.up(node)) return;
    // Whatever anyone has committed by now, a client may have been told.
    expected_[{node, ++ticket_}] = cluster_.newest_commit();
    cluster_.read(node, ticket_);
  }

  void collect_reads() {
    for (const auto node : nodes_) {
      if (!cluster_.has_news(node)) continue;
      for (const Readable& one : cluster_.take_readable(node)) {
        const auto expected = expected_.find({node, one.ticket});
        CHECK(expected != expected_.end(), "read {} was answered twice", one.ticket);
        CHECK(one.index >= expected->second, "stale read: {} < {}", one.index, expected->second);
        expected_.erase(expected);
        ++reads_;
      }
      for (const ReadTicket ticket : cluster_.take_refused(node)) expected_.erase({node, ticket});
    }
  }

  void compact(std::uint64_t node) {
    const std::uint64_t commit = cluster_.commit(node);
    if (commit <= cluster_.disk(node).mark.index.value || cluster_.installing(node)) return;
    const std::uint64_t kept = commit > 3 ? commit - random_.below(3) : commit + 1;
    cluster_.compact(node, commit, kept);
  }

  // What the disk keeps leaves memory.
  void forget_tail(std::uint64_t node) {
    const Index most = std::min(Index(cluster_.commit(node)), cluster_.protocol(node).durable());
    if (!cluster_.installing(node)) cluster_.input(node, TailForgotten{most});
  }

  void serve_snapshots() {
    for (const auto node : nodes_) {
      if (!cluster_.has_news(node)) continue;
      for (const NodeId to : cluster_.take_snapshot_wishes(node)) {
        const bool delivered = random_.below(4) != 0;
        if (cluster_.disk(node).mark.index < cluster_.protocol(node).log().before()) compact(node);
        if (delivered) cluster_.send_snapshot(node, to.value);
        if (cluster_.up(node)) cluster_.input(node, SnapshotSent{to, delivered});
      }
      if (cluster_.installing(node) && random_.below(5) == 0) cluster_.install(node);
    }
  }

  void run(Duration duration) {
    for (Duration passed{}; passed < duration; passed = passed + milliseconds(25)) {
      cluster_.run(milliseconds(25));
      serve_snapshots();
      collect_reads();
      cluster_.stabilize();
    }
  }

  void run_until(const std::function<bool()>& done) {
    for (int i = 0; i < 200 && !done(); ++i) run(milliseconds(50));
  }

  bool same_everywhere() const {
    if (cluster_.leader() == 0) return false;
    const Status leader = cluster_.status(cluster_.leader());
    if (!leader.membership.outgoing.empty()) return false;
    for (const auto node : nodes_) {
      if (!leader.membership.contains(NodeId(node))) continue;
      if (cluster_.commit(node) != cluster_.newest_commit().value) return false;
      if (cluster_.committed(node) != cluster_.committed(cluster_.leader())) return false;
    }
    return true;
  }

  std::string description() const {
    std::string text;
    for (const auto node : nodes_) {
      const Status status = cluster_.status(node);
      text += fmt::format("{}: {}, members {} since {}\n", node, testing::to_text(status),
                          testing::to_text(status.membership), status.membership_index);
    }
    return text;
  }

  Prng random_;
  Cluster cluster_;
  const std::vector<std::uint64_t> nodes_ = cluster_.nodes();  // asked for after every step
  bool calm_ = false;
  std::uint64_t proposals_ = 0;
  ReadTicket ticket_ = 0;
  std::uint64_t reads_ = 0;
  std::uint64_t changes_ = 0;
  std::uint64_t losses_ = 0;
  std::map<std::pair<std::uint64_t, ReadTicket>, Index> expected_;
};

// A failed CHECK ends the process; the seed that brought it about must be known.
std::uint64_t g_seed = 0;

void say_seed(int) { std::fprintf(stderr, "seed %llu\n", static_cast<unsigned long long>(g_seed)); }

TEST(RaftRandom, three_hundred_seeds_keep_every_promise) {
  // HOLDFAST_RAFT_SEEDS=first:count looks at others, or at one again.
  std::uint64_t first = 1;
  std::uint64_t count = rounds(300);
  if (const char* wish = std::getenv("HOLDFAST_RAFT_SEEDS")) {
    char* rest = nullptr;
    first = std::strtoull(wish, &rest, 10);
    count = *rest == ':' ? std::strtoull(rest + 1, nullptr, 10) : 1;
  }
  std::uint64_t commits = 0;
  std::uint64_t reads = 0;
  std::uint64_t changes = 0;
  std::uint64_t losses = 0;
  std::signal(SIGABRT, say_seed);
  for (std::uint64_t seed = first; seed < first + count; ++seed) {
    SCOPED_TRACE(fmt::format("seed {}", seed));
    g_seed = seed;
    World world(seed);
    world.live(2000);
    world.heal();
    if (HasFailure()) break;
    commits += world.commits();
    reads += world.reads();
    changes += world.changes();
    losses += world.losses();
  }
  RecordProperty("commits", static_cast<int>(commits));
  RecordProperty("reads", static_cast<int>(reads));
  std::printf("%llu seeds: %llu entries committed, %llu reads, %llu changes of membership, "
              "%llu logs lost\n",
              static_cast<unsigned long long>(count), static_cast<unsigned long long>(commits),
              static_cast<unsigned long long>(reads), static_cast<unsigned long long>(changes),
              static_cast<unsigned long long>(losses));
}

}  // namespace
}  // namespace holdfast::consensus
