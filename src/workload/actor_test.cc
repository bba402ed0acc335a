#include "workload/actor.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <array>
#include <map>
#include <set>

#include "base/test_rounds.h"
#include "workload/fake_store.h"
#include "workload/fake_world.h"

namespace holdfast::workload {
namespace {

std::string complaints(const FakeOutcome& outcome, bool faults) {
  std::string text;
  for (const auto& problem : outcome.problems) text += problem + "\n";
  for (const auto& verdict : check_all(outcome.history, {outcome.finals}, fake_options(faults))) {
    text += verdict.explanation + "\n";
  }
  return text;
}

TEST(Actor, DoesEverythingAndIsJudgedRight) {
  std::array<std::array<std::size_t, 3>, kOps> seen{};
  constexpr std::uint64_t kSeeds = 160;
  const std::uint64_t seeds = rounds(kSeeds);
  for (std::uint64_t seed = 1; seed <= seeds; ++seed) {
    const bool faults = seed % 3 != 0;
    Mix mix = mix_of_all();
    if (seed % 4 == 0) mix.session *= 8;  // so that even what hardly ever fails is seen to
    if (seed % 4 == 1) {
      mix.hold *= 8;
      mix.locks = 1;
    }
    const auto outcome = run_fake_world({.seed = seed, .mix = mix, .faults = faults});
    EXPECT_EQ(complaints(outcome, faults), "") << "seed " << seed;
    for (const auto& operation : outcome.history) {
      ++seen[static_cast<std::size_t>(operation.op)][static_cast<std::size_t>(operation.ended)];
    }
  }
  for (std::size_t op = 0; op < kOps; ++op) {
    for (std::size_t ended = 0; ended < 3; ++ended) {
      // A look has no effect, and ONCE is asked again until it is answered.
      const bool never =
          (only_looks(static_cast<Op>(op)) && static_cast<Ended>(ended) == Ended::unknown) ||
          (static_cast<Op>(op) == Op::once_add && static_cast<Ended>(ended) != Ended::ok);
      // Some ends are so rare that it takes all seeds to see one.
      if (seeds < kSeeds && !never) continue;
      EXPECT_EQ(seen[op][ended] == 0, never)
          << name_of(static_cast<Op>(op)) << " " << name_of(static_cast<Ended>(ended)) << ": "
          << seen[op][ended] << " of " << seen[op][0];
    }
  }
}

TEST(Actor, DeepPipelinesAreJudgedRight) {
  std::map<std::pair<std::uint32_t, std::int64_t>, std::size_t> together;  // of a client, at a time
  for (std::uint64_t seed = 1; seed <= rounds(12); ++seed) {
    const bool faults = seed % 3 != 0;
    Mix mix = mix_of_all();
    mix.pipeline = 24;
    const auto outcome = run_fake_world({.seed = seed, .mix = mix, .faults = faults});
    EXPECT_EQ(complaints(outcome, faults), "") << "seed " << seed;
    if (seed != 1) continue;
    for (const auto& one : outcome.history) ++together[{one.client, one.call_ns}];
  }
  const auto deep = std::count_if(together.begin(), together.end(),
                                  [](const auto& pipeline) { return pipeline.second >= 16; });
  EXPECT_GT(deep, static_cast<std::ptrdiff_t>(together.size() / 10));
}

TEST(Actor, TheSameSeedDoesTheSame) {
  const FakeRun run{.seed = 5, .mix = mix_of_all()};
  EXPECT_TRUE(run_fake_world(run).history == run_fake_world(run).history);
  EXPECT_FALSE(run_fake_world(run).history ==
               run_fake_world({.seed = 6, .mix = mix_of_all()}).history);
}

TEST(Actor, ValuesAreUnique) {
  const auto outcome = run_fake_world({.seed = 9, .mix = mix_of_all()});
  std::set<std::string> values;
  for (const auto& operation : outcome.history) {
    if (operation.op != Op::write && operation.op != Op::insert) continue;
    EXPECT_TRUE(values.insert(operation.arg).second) << operation.arg;
  }
}

// ---- one actor, answered by hand

struct Alone {
  explicit Alone(const Mix& mix) : actor(mix, 0, Prng(1), history) {}
  // Asks until the first word of a pipeline is this one, and answers everything else.
  std::vector<Command> ask() {
    now = now + milliseconds(5000);
    return actor.next(now);
  }
  void answer(const resp::Reply& reply) {
    now = now + milliseconds(1);
    actor.answered(reply, now);
  }
  History history;
  Actor actor;
  Instant now;
};

resp::Reply reply_of(resp::Reply::Kind kind, std::string text = {}, std::int64_t number = 0) {
  resp::Reply reply;
  reply.kind = kind;
  reply.text = std::move(text);
  reply.number = number;
  return reply;
}
using Kind = resp::Reply::Kind;

TEST(Actor, APipelineHoldsAsMuchAsTheMixSaysAndFewLocks) {
  Alone alone({.write = 3, .lock = 1, .pipeline = 64});
  std::size_t longest = 0;
  for (int i = 0; i < 50; ++i) {
    const auto commands = alone.ask();
    longest = std::max(longest, commands.size());
    std::ptrdiff_t acquires = 0;
    for (const auto& command : commands) acquires += command.words[0] == "LOCK.ACQUIRE";
    EXPECT_LE(acquires, 4);
    alone.actor.broken(true, alone.now);
  }
  EXPECT_GE(longest, 60U);
  EXPECT_LE(longest, 64U);
}

TEST(Actor, AnAnswerThatNobodyPromisedIsAProblem) {
  const std::pair<Mix, std::vector<resp::Reply>> cases[] = {
      {{.write = 1},
       {reply_of(Kind::bulk, "OK"), fake_error("WRONGTYPE"), fake_error("ERR syntax"),
        fake_error("FENCED"), reply_of(Kind::null)}},
      {{.read = 1}, {reply_of(Kind::integer, "", 1), fake_error("UNKNOWN"), fake_error("ERR")}},
      {{.add = 1}, {reply_of(Kind::bulk, "1"), fake_error("LOST"), fake_error("MISMATCH")}},
      {{.once_add = 1}, {reply_of(Kind::null), fake_error("MISMATCH")}},
      {{.erase = 1}, {reply_of(Kind::integer, "", 2)}},
      {{.insert = 1}, {reply_of(Kind::simple, "OK")}},
      {{.read_all = 1}, {reply_of(Kind::array)}},
      {{.write_ttl = 1}, {reply_of(Kind::null)}},
      {{.cas = 1}, {reply_of(Kind::null), fake_error("UNKNOWN")}},
      {{.lock = 1},
       {reply_of(Kind::array), reply_of(Kind::bulk, "5"), fake_error("ERR"), fake_error("LOST")}}};
  for (const auto& [mix, replies] : cases) {
    for (const auto& reply : replies) {
      Alone alone(mix);
      alone.ask();
      alone.answer(reply);
      EXPECT_EQ(alone.actor.problems().size(), 1U)
          << reply.text << " to " << name_of(alone.history[0].op);
      EXPECT_NE(alone.history[0].ended, Ended::ok);
    }
  }
}

TEST(Actor, WhatWasRefusedFailedAndWhatIsUnknownStaysOpen) {
  for (const char* word : {"NOLEADER x", "NOSPACE x", "LIMIT x", "DIVERGED x", "BUSY", "LOADING",
                           "OOM", "ERR max number of clients reached"}) {
    Alone alone({.write = 1});
    alone.ask();
    alone.answer(fake_error(word));
    EXPECT_EQ(alone.history[0].ended, Ended::failed) << word;
    EXPECT_TRUE(alone.actor.problems().empty()) << word;
  }
  Alone alone({.write = 1});
  alone.ask();
  EXPECT_EQ(alone.history[0].ended, Ended::unknown);  // it may be done at any time from now on
  alone.answer(fake_error("UNKNOWN x"));
  EXPECT_EQ(alone.history[0].ended, Ended::unknown);
  alone.ask();
  alone.actor.broken(true, alone.now);
  EXPECT_EQ(alone.history[1].ended, Ended::unknown);
  alone.ask();
  alone.actor.broken(false, alone.now);
  EXPECT_EQ(alone.history[2].ended, Ended::failed);
  alone.ask();
  alone.answer(reply_of(Kind::simple, "OK"));
  EXPECT_EQ(alone.history[3].ended, Ended::ok);
  EXPECT_EQ(alone.history[3].connection, 2U);
  EXPECT_EQ(alone.actor.acknowledged(), 1U);
}

TEST(Actor, OnceIsAskedUnderTheSameIdUntilItIsAnswered) {
  Alone alone({.once_add = 1});
  const auto first = alone.ask()[0].words;
  alone.answer(fake_error("UNKNOWN x"));
  EXPECT_FALSE(alone.actor.wind_down());
  EXPECT_EQ(alone.ask()[0].words, first);
  alone.actor.broken(true, alone.now);
  EXPECT_EQ(alone.ask()[0].words, first);
  alone.answer(fake_error("NOLEADER x"));
  EXPECT_EQ(alone.history[0].ended, Ended::unknown);
  EXPECT_EQ(alone.ask()[0].words, first);
  alone.answer(reply_of(Kind::integer, "", 7));
  ASSERT_EQ(alone.history.size(), 1U);
  EXPECT_EQ(alone.history[0].ended, Ended::ok);
  EXPECT_EQ(alone.history[0].ret, "7");
  EXPECT_EQ(alone.history[0].place, kNoPlace);
  EXPECT_TRUE(alone.actor.wind_down());
}

TEST(Actor, CompareAndSetIsOneOperationAtItsDecidingCommand) {
  const auto set = [](resp::Reply outcome) {
    Alone alone({.cas = 1});
    EXPECT_EQ(alone.ask().size(), 2U);
    alone.answer(reply_of(Kind::simple, "OK"));
    alone.answer(reply_of(Kind::bulk, "old"));
    EXPECT_EQ(alone.history[0].ended, Ended::failed);  // nothing has been asked to be written
    EXPECT_EQ(alone.ask().size(), 3U);
    EXPECT_EQ(alone.history[0].ended, Ended::unknown);
    alone.answer(reply_of(Kind::simple, "OK"));
    alone.answer(reply_of(Kind::simple, "QUEUED"));
    alone.answer(outcome);
    EXPECT_EQ(alone.history.size(), 1U);
    return alone.history[0];
  };
  resp::Reply ok = reply_of(Kind::array);
  ok.items = {reply_of(Kind::simple, "OK")};
  const Operation done = set(ok);
  EXPECT_EQ(done.arg, "old 0.1");
  EXPECT_EQ(done.ret, "1");
  EXPECT_EQ(done.place, 4U);
  EXPECT_EQ(done.call_ns, milliseconds(10'002).ns);
  const Operation changed = set(reply_of(Kind::null));
  EXPECT_EQ(changed.ret, "0");
  EXPECT_EQ(changed.place, 1U);
  EXPECT_EQ(changed.call_ns, milliseconds(5000).ns);
  EXPECT_EQ(changed.return_ns, milliseconds(5002).ns);
  EXPECT_EQ(set(fake_error("UNKNOWN x")).ended, Ended::unknown);
  EXPECT_EQ(set(fake_error("NOLEADER x")).ended, Ended::failed);
}

TEST(Actor, CompareAndSetEndsWithTheConnectionThatWatched) {
  Alone alone({.cas = 1});
  alone.ask();
  alone.answer(reply_of(Kind::simple, "OK"));
  alone.answer(reply_of(Kind::bulk, "old"));
  alone.actor.broken(false, alone.now);
  EXPECT_EQ(alone.history[0].ended, Ended::failed);
  EXPECT_EQ(alone.ask()[0].words[0], "WATCH");
}

TEST(Actor, WindingDownGivesBackWhatIsHeld) {
  resp::Reply grant = reply_of(Kind::array);
  grant.items = {reply_of(Kind::integer, "", 5), reply_of(Kind::integer, "", 100),
                 reply_of(Kind::integer, "", 5), reply_of(Kind::bulk, "exclusive")};
  Alone alone({.lock = 1, .locks = 1});
  EXPECT_EQ(alone.ask()[0].words[0], "LOCK.ACQUIRE");
  EXPECT_FALSE(alone.actor.wind_down());
  alone.answer(grant);
  EXPECT_FALSE(alone.actor.wind_down());
  EXPECT_EQ(alone.ask()[0].words, (std::vector<std::string>{"LOCK.RELEASE", "l0", "5"}));
  alone.answer(reply_of(Kind::integer, "", 1));
  while (!alone.actor.wind_down()) {  // it may show that a repeat is answered alike
    alone.ask();
    alone.answer(reply_of(Kind::integer, "", 1));
  }
  EXPECT_EQ(alone.history.front().ret, "5 5 100");
  EXPECT_TRUE(alone.actor.problems().empty());
}

TEST(Actor, TheEndLeavesWhatIsOpenUnknown) {
  Alone alone({.write = 1, .pipeline = 4});
  const auto count = alone.ask().size();
  alone.actor.finish(alone.now + milliseconds(3));
  EXPECT_EQ(alone.actor.outstanding(), 0U);
  ASSERT_EQ(alone.history.size(), count);
  EXPECT_EQ(alone.history[0].ended, Ended::unknown);
  EXPECT_EQ(alone.history[0].return_ns, alone.history[0].call_ns + milliseconds(3).ns);
}

TEST(Names, PadValuesAndNothingElse) {
  Mix mix;
  mix.value_bytes = 8;
  Names names(mix, 3);
  EXPECT_EQ(names.fresh_value(), "3.1_____");
  EXPECT_EQ(names.fresh_name(), "3.2");
  Names plain(Mix{}, 3);
  EXPECT_EQ(plain.fresh_value(), "3.1");
}

}  // namespace
}  // namespace holdfast::workload
