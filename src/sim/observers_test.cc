#include "sim/observers.h"

#include <fmt/format.h>
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <memory>
#include <string>
#include <vector>

#include "sim/fault.h"
#include "sim/raw_client.h"
#include "sim/timeline.h"
#include "sim/world.h"

namespace holdfast::sim {
namespace {

using ::testing::HasSubstr;
using ::testing::IsEmpty;

class Blind final : public HostObserver {
 public:
  void on_turn(MachineId) override {}
  void on_death(MachineId, const std::string&) override {}
};

struct Watching {
  bool observers = true;
  bool timeline = false;
};

// A cluster with one client, which goes on with the next node when one does not answer.
class Story {
 public:
  explicit Story(std::uint64_t seed, Watching watching = {})
      : timeline(3, watching.timeline),
        world({.seed = seed}, watching.observers ? static_cast<HostObserver&>(observers) : blind,
              [this](MachineId node) -> Trace& { return timeline.trace_of(node); }),
        client(world.schedule(), world.network(), kFirstClient) {
    timeline.attach(world.schedule());
    observers.attach(world);
    observers.also_tell(&timeline);
    for (MachineId id = 1; id <= 3; ++id) world.host(id).start();
    while (world.leader() == 0 && world.now() < Instant{} + seconds(20)) run_for(milliseconds(10));
  }

  void run_for(Duration length) { world.run_until(world.now() + length); }

  void write(int count) {
    for (int i = 0; i < count; ++i) {
      const std::vector<std::string> words = {"SET", fmt::format("k{}", written_ % 20),
                                              fmt::format("v{}", written_)};
      ++written_;
      if (client.ask(fmt::format("{}", fmt::join(words, " "))) == "+OK\r\n") {
        ++acknowledged;
        observers.acknowledged(world.now(), words);
      } else {
        at_ = at_ % 3 + 1;
        client.dial(world.host(at_).address());
        run_for(milliseconds(20));
      }
    }
  }
  void suffer(FaultKind kind, MachineId node) {
    Fault fault;
    fault.kind = kind;
    fault.nodes = {node};
    timeline.fault(fault);
    inflict(fault, world);
  }
  // What all of the tests below watch: a leader dies, a node loses its power, both come back.
  void trouble() {
    write(60);
    const MachineId leader = world.leader();
    suffer(FaultKind::kill, leader);
    write(30);
    suffer(FaultKind::power_off, leader % 3 + 1);
    world.host(leader).start();
    write(30);
    world.host(leader % 3 + 1).start();
    write(60);
    run_for(seconds(2));
  }
  std::vector<std::string> objections() const {
    std::vector<std::string> texts;
    for (const Problem& problem : observers.problems()) texts.push_back(problem.text());
    return texts;
  }

  Observers observers{3};
  Blind blind;
  Timeline timeline;
  World world;
  RawClient client;
  int acknowledged = 0;

 private:
  MachineId at_ = 3;
  int written_ = 0;
};

TEST(Observers, HaveNothingToObjectToInTheRealThing) {
  for (std::uint64_t seed = 1; seed <= 3; ++seed) {
    Story story(seed);
    story.trouble();
    story.observers.finish();
    EXPECT_THAT(story.objections(), IsEmpty()) << seed;
    const auto& counts = story.observers.counts();
    EXPECT_GT(story.acknowledged, 150);
    EXPECT_GE(counts.committed, static_cast<std::uint64_t>(story.acknowledged));
    EXPECT_GE(counts.elections, 2u);
    EXPECT_GT(counts.digests, 3u);
    EXPECT_LT(counts.changes, counts.looks);
    EXPECT_EQ(counts.deaths, 0u);
  }
}

TEST(Observers, DoNotChangeWhatTheyWatch) {
  const auto hash = [](Watching watching) {
    Story story(5, watching);
    story.trouble();
    return story.world.hash();
  };
  const std::uint64_t unwatched = hash({.observers = false, .timeline = false});
  EXPECT_EQ(hash({.observers = true, .timeline = false}), unwatched);
  EXPECT_EQ(hash({.observers = true, .timeline = true}), unwatched);
}

TEST(Observers, FindDataThatDiffers) {
  Story story(7);
  story.trouble();
  const auto* replica = story.world.host(2).node()->replica();
  // A bit that flips in memory does not ask whether a thing is const.
  auto& data = const_cast<keyspace::Keyspace&>(replica->keyspace());
  data.set_setting("flipped", "1");
  story.observers.finish();
  ASSERT_EQ(story.objections().size(), 1u);
  EXPECT_THAT(story.objections().front(), HasSubstr("replica equality: "));
}

TEST(Observers, FindAnAcknowledgementOfNothing) {
  Story story(7);
  story.write(10);
  story.observers.acknowledged(story.world.now(), std::vector<std::string>{"SET", "k1", "never"});
  ASSERT_EQ(story.objections().size(), 1u);
  EXPECT_THAT(story.objections().front(), HasSubstr("SET k1 never"));
}

TEST(Observers, FindADiskThatHasForgottenUnlessItIsKnownTo) {
  for (const bool known : {false, true}) {
    Story story(9);
    story.write(60);
    Host& host = story.world.host(2);
    host.disk().save_image();
    story.write(60);
    if (known) story.observers.distrust_disk(2);
    host.power_off();
    ASSERT_TRUE(host.disk().restore_image());
    host.start();
    story.run_for(seconds(1));
    const auto objections = story.objections();
    if (known) {
      EXPECT_THAT(objections, IsEmpty());
    } else {
      ASSERT_FALSE(objections.empty());
      EXPECT_THAT(objections.front(), HasSubstr("durability: node "));
    }
  }
}

TEST(Observers, TellTheTimelineWhoDiedAndWhy) {
  Story story(11, {.timeline = true});
  story.write(20);
  story.suffer(FaultKind::io_error, 2);
  story.write(20);
  EXPECT_EQ(story.observers.counts().deaths, 1u);
  EXPECT_THAT(story.timeline.text(), HasSubstr("leads "));
  EXPECT_THAT(story.timeline.text(), HasSubstr("-- 0ms io-error 2"));
  EXPECT_THAT(story.timeline.text(), HasSubstr("DIED: "));
}

}  // namespace
}  // namespace holdfast::sim
