#include "server/bootstrap.h"

#include <gtest/gtest.h>

#include <map>
#include <memory>
#include <set>

#include "base/prng.h"

namespace holdfast::server {
namespace {

using Kind = FoundingAnswer::Kind;

// Nodes as pure states, and a network that loses nothing unless told to. What a node stores is what
// survives crash(); a wiped node forgets everything.
class World {
 public:
  explicit World(std::uint64_t seed = 1) : prng_(seed) {}

  struct Node {
    std::vector<Place> list;
    env::Address listen;
    storage::Identity stored;  // on its disk
    std::optional<Bootstrap> bootstrap;
    bool running = false;
    std::string refusal;

    bool member() const { return running && stored.cluster_id != 0; }
  };

  static Place place(std::uint16_t port) { return Place(env::Address{"127.0.0.1", port}); }
  static std::vector<Place> places(const std::vector<std::uint16_t>& ports) {
    std::vector<Place> list;
    for (const std::uint16_t port : ports) list.push_back(place(port));
    return list;
  }

  Node& start(std::uint16_t port, const std::vector<std::uint16_t>& list) {
    Node& node = nodes_[port];
    node.running = true;
    node.list = places(list);
    node.listen = place(port).client;
    if (node.stored.folder_uid == 0) node.stored.folder_uid = prng_.next();
    node.stored.incarnation = Incarnation(node.stored.incarnation.value + 1);
    node.bootstrap.reset();
    if (node.stored.cluster_id == 0) {
      node.bootstrap = *Bootstrap::make(node.stored, node.listen, 17000, node.list, prng_.next());
    }
    return node;
  }
  void stop(std::uint16_t port) { nodes_[port].running = false; }
  void wipe(std::uint16_t port) {
    stop(port);
    nodes_[port].stored = {};
  }
  Node& node(std::uint16_t port) { return nodes_[port]; }

  // Everyone reports to everyone listed, and everyone's clock ticks.
  void round(Duration passed = milliseconds(200)) {
    now_ = now_ + passed;
    for (auto& [port, node] : nodes_) {
      if (!node.running || !node.bootstrap) continue;
      if (const auto identity = node.bootstrap->on_tick(now_)) become(node, *identity);
      for (std::uint32_t at = 0; at < node.list.size() && node.bootstrap; ++at) {
        if (at != node.bootstrap->place()) report(node, at);
      }
    }
  }
  void rounds(int count) {
    for (int i = 0; i < count; ++i) round();
  }

  std::set<std::uint64_t> clusters() const {
    std::set<std::uint64_t> found;
    for (const auto& [port, node] : nodes_) {
      if (node.stored.cluster_id != 0) found.insert(node.stored.cluster_id);
    }
    return found;
  }

  // One report and its answer, through the bytes; the next may be lost on either way.
  bool lose_report = false;
  bool lose_answer = false;
  bool crash_before_storing = false;
  std::set<std::pair<std::uint16_t, std::uint16_t>> cut;

  void report(Node& node, std::uint32_t at) {
    const std::uint16_t to = node.list[at].client.port;
    const auto target = nodes_.find(to);
    if (target == nodes_.end() || !target->second.running || cut.contains({node.listen.port, to})) {
      return;
    }
    const auto report = decode_report(encode_report(node.bootstrap->report()));
    ASSERT_TRUE(report);
    if (std::exchange(lose_report, false)) return;
    const auto answered = hear(target->second, *report);
    if (!answered || std::exchange(lose_answer, false)) return;
    const auto answer = decode_answer(encode_answer(*answered));
    ASSERT_TRUE(answer);
    ASSERT_EQ(*answer, *answered);
    node.refusal = answer->reason;
    if (const auto identity = node.bootstrap->on_answer(at, *answer)) become(node, *identity);
  }

 private:
  std::optional<FoundingAnswer> hear(Node& node, const FoundingReport& report) {
    FoundingReaction reaction = node.bootstrap ? node.bootstrap->on_report(report, now_)
                                               : answer_report(node.stored, report);
    if (reaction.store) {
      if (std::exchange(crash_before_storing, false)) {
        node.running = false;
        return std::nullopt;
      }
      become(node, *reaction.store);
    }
    return reaction.answer;
  }

  static void become(Node& node, const storage::Identity& identity) {
    ASSERT_EQ(identity.folder_uid, node.stored.folder_uid);
    node.stored = identity;
    node.bootstrap.reset();
  }

  std::map<std::uint16_t, Node> nodes_;
  Prng prng_;
  Instant now_{1};
};

const std::vector<std::uint16_t> kThree = {1, 2, 3};

void expect_one_cluster_of_three(World& world) {
  EXPECT_EQ(world.clusters().size(), 1U);
  for (const std::uint16_t port : kThree) {
    EXPECT_TRUE(world.node(port).member()) << port;
    EXPECT_EQ(world.node(port).stored.node, NodeId(port));
    ASSERT_EQ(world.node(port).stored.members.size(), 3U);
    EXPECT_EQ(world.node(port).stored.members[port - 1U].uid, world.node(port).stored.folder_uid);
  }
}

TEST(Bootstrap, AllAtOnceNeedNoPatience) {
  World world;
  for (const std::uint16_t port : kThree) world.start(port, kThree);
  world.round(milliseconds(1));
  world.round(milliseconds(1));
  expect_one_cluster_of_three(world);
  for (const std::uint16_t port : kThree) {
    for (const auto& member : world.node(port).stored.members) EXPECT_NE(member.uid, 0U);
  }
}

TEST(Bootstrap, NobodyFoundsBeforeTheFounder) {
  World world;
  world.start(2, kThree);
  world.start(3, kThree);
  world.rounds(100);
  EXPECT_TRUE(world.clusters().empty());
  EXPECT_NE(world.node(2).bootstrap->waiting_for().find("127.0.0.1:1"), std::string::npos);
  world.start(1, kThree);
  world.rounds(2);
  expect_one_cluster_of_three(world);
}

TEST(Bootstrap, TheFounderAloneIsNoMajority) {
  World world;
  world.start(1, kThree);
  world.rounds(100);
  EXPECT_TRUE(world.clusters().empty());
  EXPECT_NE(world.node(1).bootstrap->waiting_for().find("1 of 3"), std::string::npos);
}

TEST(Bootstrap, AMajorityWaitsAMomentForObjectionsThenFounds) {
  World world;
  world.start(1, kThree);
  world.start(2, kThree);
  world.rounds(5);
  EXPECT_TRUE(world.clusters().empty());
  world.rounds(10);
  EXPECT_EQ(world.clusters().size(), 1U);
  EXPECT_EQ(world.node(2).stored.members[2].uid, 0U) << "nobody has claimed the third place yet";
}

TEST(Bootstrap, ALateNodeGetsItsPlaceFromTheFounderOnly) {
  World world;
  world.start(1, kThree);
  world.start(2, kThree);
  world.rounds(20);
  world.stop(1);
  world.start(3, kThree);
  world.rounds(20);
  EXPECT_FALSE(world.node(3).member()) << "node 2 cannot know whether the place was given away";
  EXPECT_NE(world.node(3).bootstrap->waiting_for().find("founder 127.0.0.1:1"), std::string::npos);
  world.start(1, kThree);
  world.rounds(2);
  expect_one_cluster_of_three(world);
}

TEST(Bootstrap, FounderCrashesBeforeStoring) {
  World world;
  for (const std::uint16_t port : kThree) world.start(port, kThree);
  world.crash_before_storing = true;
  world.rounds(5);
  EXPECT_FALSE(world.crash_before_storing);
  EXPECT_TRUE(world.clusters().empty()) << "nobody was adopted into what does not exist";
  world.start(1, kThree);
  world.rounds(3);
  expect_one_cluster_of_three(world);
}

TEST(Bootstrap, FounderCrashesAfterStoring) {
  World world;
  for (const std::uint16_t port : kThree) world.start(port, kThree);
  for (int i = 0; i < 10 && world.clusters().empty(); ++i) {
    world.lose_answer = true;  // the crash: what was stored is not told
    world.round(milliseconds(1));
  }
  world.stop(1);
  const auto before = world.clusters();
  world.rounds(20);
  world.start(1, {1, 2, 3, 4});
  EXPECT_FALSE(world.node(1).bootstrap) << "--join is ignored once there is a cluster";
  world.rounds(3);
  EXPECT_EQ(world.clusters(), before);
  expect_one_cluster_of_three(world);
}

TEST(Bootstrap, AWipedNodeIsANewNode) {
  World world;
  for (const std::uint16_t port : kThree) world.start(port, kThree);
  world.rounds(3);
  world.wipe(3);
  world.start(3, kThree);
  world.rounds(20);
  EXPECT_FALSE(world.node(3).member());
  EXPECT_NE(world.node(3).refusal.find("the place of 127.0.0.1:3 belongs to another data folder"),
            std::string::npos)
      << world.node(3).refusal;
  EXPECT_EQ(world.clusters().size(), 1U);
}

TEST(Bootstrap, AWipedFounderNeverFoundsAgain) {
  World world;
  world.start(1, kThree);
  world.start(2, kThree);
  world.rounds(20);
  world.wipe(1);
  // The third is empty as well: with the founder that would be a majority of empty folders.
  world.start(3, kThree);
  world.start(1, kThree);
  world.rounds(100);
  EXPECT_EQ(world.clusters().size(), 1U);
  EXPECT_FALSE(world.node(1).member());
  EXPECT_FALSE(world.node(3).member());
}

TEST(Bootstrap, AWipedFounderHearsTheObjectionInTime) {
  World world;
  world.start(1, kThree);
  world.start(2, kThree);
  world.rounds(20);
  world.stop(2);
  world.wipe(1);
  world.start(3, kThree);
  world.start(1, kThree);
  world.rounds(5);  // the third has reported; the second comes back within the founder's patience
  world.start(2, kThree);
  world.rounds(100);
  EXPECT_EQ(world.clusters().size(), 1U);
}

TEST(Bootstrap, DisjointListsAreTwoClusters) {
  World world;
  const std::vector<std::uint16_t> others = {4, 5, 6};
  for (const std::uint16_t port : kThree) world.start(port, kThree);
  for (const std::uint16_t port : others) world.start(port, others);
  world.rounds(5);
  EXPECT_EQ(world.clusters().size(), 2U);
  EXPECT_EQ(world.node(1).stored.cluster_id, world.node(3).stored.cluster_id);
  EXPECT_EQ(world.node(4).stored.cluster_id, world.node(6).stored.cluster_id);
}

TEST(Bootstrap, ListsThatDifferFoundNothing) {
  World world;
  world.start(1, {1, 2, 3});
  world.start(2, {2, 1, 3});
  world.start(3, {3, 2, 1});
  world.rounds(100);
  EXPECT_TRUE(world.clusters().empty());
  EXPECT_NE(world.node(1).bootstrap->waiting_for().find("lists differ"), std::string::npos);
}

TEST(Bootstrap, TwoFoldersThatClaimOnePlace) {
  World world;
  World::Node& founder = world.start(1, kThree);
  World::Node& second = world.start(2, kThree);
  storage::Identity copy = second.stored;
  copy.folder_uid = 4711;
  auto twin = *Bootstrap::make(copy, second.listen, 17000, second.list, 5);
  // The twin reports after the second: it is the one that is told.
  founder.bootstrap->on_report(second.bootstrap->report(), Instant{1});
  founder.bootstrap->on_report(twin.report(), Instant{2});
  const auto founded = founder.bootstrap->on_tick(Instant{1} + kHearEveryone);
  ASSERT_TRUE(founded);
  EXPECT_EQ(answer_report(*founded, twin.report()).answer.kind, Kind::adopted);
  EXPECT_EQ(answer_report(*founded, second.bootstrap->report()).answer.kind, Kind::refused);
}

TEST(Bootstrap, OneClusterWhateverIsLostOrCrashes) {
  for (std::uint64_t seed = 1; seed <= 300; ++seed) {
    World world(seed);
    Prng prng(seed);
    for (const std::uint16_t port : kThree) world.start(port, kThree);
    for (int step = 0; step < 60; ++step) {
      const auto port = static_cast<std::uint16_t>(1 + prng.below(3));
      switch (prng.below(8)) {
        case 0:
          world.stop(port);
          break;
        case 1:
        case 2:
          world.start(port, kThree);
          break;
        case 3:
          world.lose_report = true;
          break;
        case 4:
          world.lose_answer = true;
          break;
        case 5:
          world.crash_before_storing = true;
          break;
        default:
          world.round(milliseconds(static_cast<std::int64_t>(prng.below(1500))));
      }
      ASSERT_LE(world.clusters().size(), 1U) << "seed " << seed;
    }
    world.lose_report = world.lose_answer = world.crash_before_storing = false;
    for (const std::uint16_t port : kThree) world.start(port, kThree);
    world.rounds(5);
    expect_one_cluster_of_three(world);
    ASSERT_FALSE(HasFailure()) << "seed " << seed;
  }
}

TEST(Bootstrap, AListOfOneFoundsAtOnce) {
  World world;
  world.start(1, {1});
  world.round();
  EXPECT_TRUE(world.node(1).member());
}

TEST(Bootstrap, AListMustMakeSense) {
  storage::Identity empty;
  empty.folder_uid = 1;
  const env::Address listen{"localhost", 2};
  const auto error = [&](const std::vector<std::uint16_t>& list) {
    const auto made = Bootstrap::make(empty, listen, 17000, World::places(list), 1);
    return made ? std::string() : made.error().message;
  };
  EXPECT_EQ(error({1, 2, 3}), "") << "localhost is 127.0.0.1";
  EXPECT_EQ(error({1, 3}), "") << "it joins the cluster of these, and founds none";
  EXPECT_NE(error({1, 2, 1}).find("twice"), std::string::npos);
}

TEST(Bootstrap, AnAnswerIsBelievedOnlyAsFarAsItFits) {
  World world;
  World::Node& node = world.start(2, kThree);
  const std::uint64_t uid = node.stored.folder_uid;
  FoundingAnswer answer{Kind::adopted, 9, NodeId(2), {}, {}};
  EXPECT_FALSE(node.bootstrap->on_answer(0, answer)) << "no members";
  answer.members = {{NodeId(1), "127.0.0.1:1", "127.0.0.1:10001", 5},
                    {NodeId(2), "127.0.0.1:2", "127.0.0.1:10002", uid + 1}};
  EXPECT_FALSE(node.bootstrap->on_answer(0, answer)) << "another folder";
  answer.members[1] = {NodeId(2), "127.0.0.1:3", "127.0.0.1:10003", uid};
  EXPECT_FALSE(node.bootstrap->on_answer(0, answer)) << "another address";
  answer.members[1] = {NodeId(2), "127.0.0.1:2", "127.0.0.1:10002", uid};
  EXPECT_FALSE(node.bootstrap->on_answer(7, answer)) << "from no place of the list";
  const auto identity = node.bootstrap->on_answer(0, answer);
  ASSERT_TRUE(identity);
  EXPECT_EQ(identity->node, NodeId(2));
}

TEST(Bootstrap, GarbageIsNoReportAndNoAnswer) {
  Prng prng(3);
  World world;
  const std::string report = encode_report(world.start(1, kThree).bootstrap->report());
  const std::string answer =
      encode_answer({Kind::adopted, 9, NodeId(1), {{NodeId(1), "a:1", "a:2", 5}}, "why"});
  EXPECT_TRUE(decode_report(report) && decode_answer(answer));
  for (int i = 0; i < 5000; ++i) {
    for (std::string bytes : {report, answer}) {
      bytes[prng.below(bytes.size())] = static_cast<char>(prng.below(256));
      if (prng.chance_ppm(300'000)) bytes.resize(prng.below(bytes.size()));
      const auto decoded = decode_report(bytes);
      EXPECT_TRUE(!decoded || decoded->place < decoded->list.size());
      static_cast<void>(decode_answer(bytes));
    }
  }
}

}  // namespace
}  // namespace holdfast::server
