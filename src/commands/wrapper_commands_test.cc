// What transcripts cannot say: EXEC under GUARD and ONCE, limits that take large data.
#include "commands/wrapper_commands.h"

#include <fmt/format.h>
#include <gtest/gtest.h>

#include <string>
#include <vector>

#include "commands/lock_commands.h"
#include "keyspace/once.h"

namespace holdfast::commands {
namespace {

using Called = std::vector<std::string_view>;

class WrapperTest : public ::testing::Test {
 protected:
  WriteContext context(resp::ReplyWriter& reply) {
    return {.keyspace = keyspace_,
            .now = {now_, {}},
            .reply = reply,
            .origin = {NodeId(1), Incarnation(1), ConnectionId(1), ++request_},
            .index = Index(request_),
            .resp3 = reply.resp3()};
  }
  std::string run(const Called& words) {
    std::string out;
    resp::ReplyWriter reply(out, version_);
    if (const auto refused = refuse_words(words)) {
      reply.error(*refused);
      return out;
    }
    WriteContext running = context(reply);
    run_in_entry(*find_command(words), running, words);
    return running.blocked ? "(waits)" : out;
  }
  // As the header says that EXEC does it.
  std::string exec(const std::vector<Called>& commands) {
    std::string out;
    resp::ReplyWriter reply(out, version_);
    WriteContext running = context(reply);
    const auto once = once_over_exec(commands);
    const std::size_t first = once ? 1 : 0;
    const auto run_all = [&](WriteContext& inner) {
      for (std::size_t i = first; i < commands.size(); ++i) {
        if (const auto refused = fenced(inner, commands[i])) return inner.reply.error(*refused);
      }
      inner.guards_checked = true;
      inner.may_wait = false;
      inner.reply.array(commands.size());
      if (once) inner.reply.ok();
      for (std::size_t i = first; i < commands.size(); ++i) {
        run_in_entry(*find_command(commands[i]), inner, commands[i]);
      }
    };
    if (once) {
      run_once(running, *once, run_all);
    } else {
      run_all(running);
    }
    return out;
  }
  std::string value_of(std::string_view key) {
    const auto* object = keyspace_.find(key_of(key));
    return object == nullptr ? "(none)" : object->value().to_string();
  }

  keyspace::Keyspace keyspace_{1};
  ClusterTime now_{1000};
  resp::Version version_ = resp::Version::resp2;
  std::uint64_t request_ = 0;
};

TEST_F(WrapperTest, AFailingGuardLetsNothingOfAnExecRun) {
  run({"LOCK.ACQUIRE", "l", "me", "TTL", "1000"});
  EXPECT_EQ(exec({{"SET", "a", "1"}, {"GUARD", "l", "1", "SET", "b", "2"}}),
            "*2\r\n+OK\r\n+OK\r\n");
  const std::uint64_t digest = keyspace_.digest();
  EXPECT_TRUE(
      exec({{"SET", "a", "9"}, {"GUARD", "l", "7", "SET", "b", "9"}}).starts_with("-FENCED"));
  EXPECT_TRUE(exec({{"SET", "a", "9"},
                    {"GUARD", "l", "1", "SET", "b", "9"},
                    {"ONCE", "x", "GUARD", "other", "1", "SET", "b", "9"}})
                  .starts_with("-FENCED"));
  EXPECT_EQ(keyspace_.digest(), digest);
}

TEST_F(WrapperTest, AFailingIfrevLetsNothingOfAnExecRun) {
  run({"SET", "a", "1"});
  const std::uint64_t digest = keyspace_.digest();
  EXPECT_TRUE(exec({{"SET", "b", "9"}, {"IFREV", "a", "7", "SET", "a", "9"}}).starts_with("-CHANGED"));
  EXPECT_TRUE(exec({{"SET", "b", "9"}, {"ONCE", "x", "IFREV", "a", "0", "SET", "a", "9"}})
                  .starts_with("-CHANGED"));
  EXPECT_EQ(keyspace_.digest(), digest);
}

TEST_F(WrapperTest, AllRevisionsAreComparedBeforeAnExecRuns) {
  run({"SET", "a", "1"});
  // The first changes what the second has compared.
  EXPECT_EQ(exec({{"IFREV", "a", "1", "SET", "a", "2"}, {"IFREV", "a", "1", "INCR", "a"}}),
            "*2\r\n+OK\r\n:3\r\n");
  EXPECT_EQ(exec({{"ONCE", "x"}, {"IFREV", "a", "3", "SET", "a", "4"}}), "*2\r\n+OK\r\n+OK\r\n");
  EXPECT_EQ(exec({{"ONCE", "x"}, {"IFREV", "a", "3", "SET", "a", "4"}}), "*2\r\n+OK\r\n+OK\r\n");
  EXPECT_EQ(value_of("a"), "4");
}

TEST_F(WrapperTest, AGuardIsAskedOnceForTheWholeExec) {
  run({"LOCK.ACQUIRE", "l", "me", "TTL", "1000"});
  EXPECT_EQ(exec({{"LOCK.RELEASE", "l", "1"}, {"GUARD", "l", "1", "INCR", "n"}}),
            "*2\r\n:1\r\n:1\r\n");
}

TEST_F(WrapperTest, OnceAsTheFirstWordCoversTheWholeExec) {
  const std::vector<Called> commands = {
      {"ONCE", "id"}, {"INCR", "n"}, {"GET", "missing"}, {"REV", "n"}, {"INCRBY", "n", "2"}};
  const std::string first = exec(commands);
  EXPECT_EQ(first, "*5\r\n+OK\r\n:1\r\n$-1\r\n*2\r\n:1\r\n:1\r\n:3\r\n");
  EXPECT_EQ(exec(commands), first);
  EXPECT_EQ(value_of("n"), "3");
  version_ = resp::Version::resp3;
  EXPECT_EQ(exec(commands),
            "*5\r\n+OK\r\n:1\r\n_\r\n%2\r\n$7\r\ncreated\r\n:1\r\n$8\r\nmodified\r\n:1\r\n:3\r\n");
  EXPECT_TRUE(exec({{"ONCE", "id"}, {"INCR", "n"}}).starts_with("-MISMATCH"));
  EXPECT_EQ(value_of("n"), "3");
}

TEST_F(WrapperTest, OnceOverAnExecThatWasFencedRepeatsThat) {
  const std::vector<Called> commands = {{"ONCE", "id"}, {"GUARD", "l", "1", "INCR", "n"}};
  EXPECT_TRUE(exec(commands).starts_with("-FENCED"));
  run({"LOCK.ACQUIRE", "l", "me", "TTL", "1000"});
  EXPECT_TRUE(exec(commands).starts_with("-FENCED"));
  EXPECT_EQ(value_of("n"), "(none)");
}

TEST_F(WrapperTest, ARepeatInsideAnExecIsNotFenced) {
  run({"LOCK.ACQUIRE", "l", "me", "TTL", "1000"});
  const Called words = {"ONCE", "id", "GUARD", "l", "1", "INCR", "n"};
  EXPECT_EQ(run(words), ":1\r\n");
  run({"LOCK.RELEASE", "l", "1"});
  EXPECT_EQ(exec({words, {"SET", "a", "1"}}), "*2\r\n:1\r\n+OK\r\n");
}

TEST_F(WrapperTest, NothingWaitsInsideAnExec) {
  run({"LOCK.ACQUIRE", "l", "me", "TTL", "1000"});
  EXPECT_EQ(exec({{"LOCK.ACQUIRE", "l", "you", "TTL", "1000", "WAIT", "500"},
                  {"ONCE", "id", "LOCK.ACQUIRE", "l", "you", "TTL", "1000", "WAIT", "500"}}),
            "*2\r\n*-1\r\n*-1\r\n");
  EXPECT_EQ(keyspace_.locks().waiting(), 0u);
}

TEST_F(WrapperTest, AGuardMayStandAroundAWait) {
  run({"LOCK.ACQUIRE", "l", "me", "TTL", "1000"});
  run({"LOCK.ACQUIRE", "m", "you", "TTL", "1000"});
  const Called words = {"ONCE", "id", "GUARD", "l",    "1",    "LOCK.ACQUIRE",
                       "m",    "me", "TTL",   "1000", "WAIT", "500"};
  EXPECT_EQ(run(words), "(waits)");
  run({"LOCK.RELEASE", "l", "1"});
  EXPECT_EQ(run(words), "(waits)") << "the guard let the first one pass";
  run({"LOCK.RELEASE", "m", "2"});
  EXPECT_TRUE(run(words).starts_with("*4\r\n"));
}

TEST_F(WrapperTest, AnAnswerThatOnceCouldNotKeepIsRefusedBefore) {
  const std::string large(70'000, 'x');
  run({"SET", "k", large});
  for (const Called& words : std::vector<Called>{{"ONCE", "id", "GETDEL", "k"},
                                               {"ONCE", "id", "GETSET", "k", "v"},
                                               {"ONCE", "id", "GETEX", "k", "PERSIST"},
                                               {"ONCE", "id", "SET", "k", "v", "get"}}) {
    EXPECT_TRUE(run(words).starts_with("-LIMIT")) << words[2];
    EXPECT_EQ(value_of("k"), large);
  }
  EXPECT_EQ(run({"ONCE", "id", "SET", "k", "v"}), "+OK\r\n");
}

TEST_F(WrapperTest, AnAnswerThatIsTooLargeAllTheSameIsGivenOnce) {
  const std::string large(70'000, 'x');
  run({"SET", "k", large});
  const std::vector<Called> commands = {{"ONCE", "id"}, {"INCR", "n"}, {"GET", "k"}};
  EXPECT_GT(exec(commands).size(), 70'000u);
  EXPECT_TRUE(exec(commands).starts_with("-LIMIT the command was done once"));
  EXPECT_EQ(value_of("n"), "1");
}

TEST_F(WrapperTest, IdsBeyondTheLimitAreRefusedAndNoneIsForgottenEarly) {
  for (std::size_t i = 0; i < keyspace::OnceTable::kLimit; ++i) {
    const Slot slot(static_cast<std::uint16_t>(i % kSlotCount));
    keyspace_.once().store(slot, fmt::to_string(i), {}, now_.plus_ms(5));
  }
  EXPECT_TRUE(run({"ONCE", "id", "INCR", "n"}).starts_with("-LIMIT nothing was done"));
  EXPECT_EQ(value_of("n"), "(none)");
  now_ = now_.plus_ms(6);
  keyspace_.expire_due(now_, 1);
  EXPECT_EQ(run({"ONCE", "id", "INCR", "n"}), ":1\r\n");
}

TEST_F(WrapperTest, LongNamesAreRefusedByTheLimitTheyPass) {
  const std::string name(64 * 1024, 'n');
  EXPECT_TRUE(run({"LOCK.ACQUIRE", name, "me", "TTL", "1000"}).starts_with("*4\r\n"));
  EXPECT_TRUE(run({"LOCK.ACQUIRE", name + "n", "me", "TTL", "1000"}).starts_with("-LIMIT"));
  const std::string owner(1024, 'o');
  EXPECT_TRUE(run({"LOCK.ACQUIRE", "l", owner, "TTL", "1000"}).starts_with("*4\r\n"));
  EXPECT_TRUE(run({"LOCK.ACQUIRE", "m", owner + "o", "TTL", "1000"}).starts_with("-LIMIT"));
  EXPECT_TRUE(
      run({"LOCK.ACQUIRE", "m", "me", "TTL", "1000", "VALUE", owner + "o"}).starts_with("-LIMIT"));
  EXPECT_TRUE(run({"ONCE", owner + "o", "INCR", "n"}).starts_with("-LIMIT"));
  EXPECT_TRUE(run({"GUARD", name + "n", "1", "INCR", "n"}).starts_with("-"));
  const std::string lost = run({"LOCK.RELEASE", name, "77"});
  EXPECT_LT(lost.size(), 300u) << "an error is no place for a long name";
}

TEST_F(WrapperTest, ManyWrappersAreRefusedWithoutGoingDeep) {
  Called words;
  for (int i = 0; i < 300'000; ++i) words.insert(words.end(), {"GUARD", "l", "1"});
  words.insert(words.end(), {"SET", "k", "v"});
  EXPECT_TRUE(run(words).starts_with("-LIMIT"));
}

}  // namespace
}  // namespace holdfast::commands
