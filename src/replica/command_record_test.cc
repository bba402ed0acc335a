#include "replica/command_record.h"

#include <gtest/gtest.h>

#include "base/prng.h"

namespace holdfast::replica {
namespace {

const Origin kOrigin{NodeId(2), Incarnation(7), ConnectionId(99), 12345};

TEST(CommandRecord, GivesBackACommand) {
  std::string bytes;
  encode_command(kResp3, kOrigin, {"SET", "k", std::string_view("a\0b", 3)}, bytes);
  CommandRecord record;
  ASSERT_TRUE(decode_record(bytes, record).ok());
  EXPECT_TRUE(record.resp3());
  EXPECT_FALSE(record.transaction());
  EXPECT_EQ(record.origin, kOrigin);
  ASSERT_EQ(record.commands.size(), 1u);
  EXPECT_EQ(record.commands[0][2], std::string_view("a\0b", 3));
  EXPECT_EQ(*decode_origin(bytes), kOrigin);
}

TEST(CommandRecord, OneCommandIsTheSameRecordWhateverItsLength) {
  const Origin longest{NodeId(UINT64_MAX), Incarnation(UINT64_MAX), ConnectionId(UINT64_MAX), UINT64_MAX};
  for (std::size_t length = 0; length < 400; ++length) {
    const std::string value(length, 'v');
    CommandRecord record;
    record.flags = kResp3;
    record.origin = longest;
    record.commands = {{"SET", "k", value}};
    std::string whole;
    encode_record(record, whole);
    std::string bytes = "before";
    encode_command(kResp3, longest, record.commands.front(), bytes);
    ASSERT_EQ(bytes, "before" + whole) << length;
  }
}

TEST(CommandRecord, GivesBackATransactionAndForgetsTheOneBefore) {
  CommandRecord in;
  in.flags = kTransaction;
  in.origin = kOrigin;
  in.watched = {{"w", 17}, {"gone", 0}};
  in.commands = {{"GET", "a"}, {"INCR", "b"}};
  std::string bytes;
  encode_record(in, bytes);
  CommandRecord out;
  out.commands = {{"x"}, {"y"}, {"z"}};
  out.watched = {{"old", 1}, {"old", 2}, {"old", 3}};
  ASSERT_TRUE(decode_record(bytes, out).ok());
  ASSERT_EQ(out.watched.size(), 2u);
  EXPECT_EQ(out.watched[0].revision, 17u);
  ASSERT_EQ(out.commands.size(), 2u);
  EXPECT_EQ(out.commands[1], (std::vector<std::string_view>{"INCR", "b"}));
}

TEST(CommandRecord, RefusesWhatIsDamaged) {
  std::string bytes;
  encode_command(0, kOrigin, {"SET", "key", "value"}, bytes);
  CommandRecord record;
  for (std::size_t length = 0; length < bytes.size(); ++length) {
    EXPECT_FALSE(decode_record(std::string_view(bytes).substr(0, length), record).ok());
  }
  EXPECT_FALSE(decode_record(bytes + "x", record).ok());
  Prng prng(1);
  for (int i = 0; i < 20000; ++i) {
    std::string noise = bytes;
    noise[prng.below(noise.size())] = static_cast<char>(prng.next());
    (void)decode_record(noise, record);  // any answer will do; the sanitizers watch
  }
}

TEST(CommandRecord, GivesBackTheMemoryOfALongCommandWithTheNext) {
  CommandRecord record;
  std::string bytes;
  encode_command(0, kOrigin, std::vector<std::string_view>(100'000, "word"), bytes);
  ASSERT_TRUE(decode_record(bytes, record).ok());
  bytes.clear();
  encode_command(0, kOrigin, {"SET", "key", "value"}, bytes);
  ASSERT_TRUE(decode_record(bytes, record).ok());
  EXPECT_LT(record.commands[0].capacity(), 10'000u);

  CommandRecord long_queue;
  long_queue.flags = kTransaction;
  long_queue.watched.resize(100'000);
  long_queue.commands.assign(100'000, {"INCR", "key"});
  std::string of_queue;
  encode_record(long_queue, of_queue);
  ASSERT_TRUE(decode_record(of_queue, record).ok());
  ASSERT_TRUE(decode_record(bytes, record).ok());
  EXPECT_LT(record.watched.capacity(), 10'000u);
  EXPECT_LT(record.commands.capacity(), 10'000u);
}

}  // namespace
}  // namespace holdfast::replica
