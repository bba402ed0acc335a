#include "load/talk.h"

#include <gtest/gtest.h>

#include <memory>
#include <stdexcept>
#include <string>
#include <utility>

namespace holdfast::load {
namespace {

// One connection, and what it says.
class Conversation {
 public:
  explicit Conversation(TalkOptions options) : talk_(make_talk(options, 3, Prng(1))) {
    talk_->begin(said_);
  }

  Step answer(const std::string& bytes) { return talk_->on_answer(*scan(bytes), said_); }
  void resume() { talk_->begin(said_); }
  std::string take_said() { return std::exchange(said_, {}); }

 private:
  std::unique_ptr<Talk> talk_;
  std::string said_;
};

TEST(Talk, LockIsReleasedWithTheTokenOfItsGrant) {
  Conversation one({.kind = "lock", .keys = 1, .run = "r"});
  EXPECT_EQ(one.take_said(), command({"LOCK.ACQUIRE", "lock:r:0", "owner-3", "TTL", "30000"}));
  EXPECT_EQ(one.answer("*4\r\n:42\r\n:30000\r\n:42\r\n$9\r\nexclusive\r\n").units, 0U);
  EXPECT_EQ(one.take_said(), command({"LOCK.RELEASE", "lock:r:0", "42"}));
  EXPECT_EQ(one.answer(":1\r\n").units, 1U) << "a pair";
  EXPECT_NE(one.take_said(), "") << "and the next begins";
}

TEST(Talk, LockThatAnotherHoldsIsNoPair) {
  Conversation one({.kind = "lock", .keys = 1});
  one.take_said();
  EXPECT_EQ(one.answer("*-1\r\n").units, 0U);
  EXPECT_EQ(one.take_said().substr(0, 4), "*5\r\n") << "another is tried";
}

TEST(Talk, ReleaseThatReleasedNothingEndsTheLoad) {
  Conversation one({.kind = "lock", .keys = 1});
  one.answer("*2\r\n:42\r\n:30000\r\n");
  EXPECT_THROW(one.answer(":0\r\n"), std::runtime_error);
}

TEST(Talk, PollingWaitsTenMillisecondsOrSo) {
  Conversation one({.kind = "redis-poll"});
  one.take_said();
  for (int i = 0; i < 100; ++i) {
    const Step step = one.answer("$-1\r\n");
    EXPECT_EQ(one.take_said(), "") << "nothing before the pause is over";
    EXPECT_GE(step.pause, milliseconds(5));
    EXPECT_LE(step.pause, milliseconds(15));
    one.resume();
    EXPECT_NE(one.take_said(), "");
  }
}

TEST(Talk, WaitComesAfterTheAnswerOrWithTheWrite) {
  const std::string wait = command({"WAIT", "1", "10000"});
  Conversation one({.kind = "wait", .pipeline = 1});
  EXPECT_EQ(one.take_said().find(wait), std::string::npos);
  EXPECT_EQ(one.answer("+OK\r\n").units, 0U);
  EXPECT_EQ(one.take_said(), wait);
  EXPECT_EQ(one.answer(":1\r\n").units, 1U);

  Conversation both({.kind = "wait", .pipeline = 2});
  EXPECT_NE(both.take_said().find(wait), std::string::npos);
  EXPECT_EQ(both.answer("+OK\r\n").units, 0U);
  EXPECT_EQ(both.take_said(), "");
  EXPECT_THROW(both.answer(":0\r\n"), std::runtime_error) << "no replica has it";
}

TEST(Talk, FillWritesItsShareOfTheKeysOnce) {
  // Of ten keys behind those of others, connection 3 of 4 writes 3 and 7.
  Conversation one({.kind = "fill", .keys = 100, .total = 10, .connections = 4, .pipeline = 8});
  EXPECT_EQ(one.take_said(), command({"SET", key_name(103), std::string(16, 'v')}) +
                                 command({"SET", key_name(107), std::string(16, 'v')}));
  EXPECT_FALSE(one.answer("+OK\r\n").ended);
  EXPECT_TRUE(one.answer("+OK\r\n").ended);
  EXPECT_EQ(one.take_said(), "");
}

TEST(Talk, ErrorsAreNotCounted) {
  Conversation one({.kind = "set"});
  EXPECT_THROW(one.answer("-NOLEADER none\r\n"), std::runtime_error);
}

}  // namespace
}  // namespace holdfast::load
