#include "commands/restore.h"

#include <gtest/gtest.h>

#include "base/checksum.h"
#include "commands/command_table.h"
#include "keyspace/guard.h"
#include "keyspace/once.h"

namespace holdfast::commands {
namespace {

constexpr std::int64_t kWall = 1'700'000'000'000;

// One shard, and the words that are applied to it.
struct Shard {
  keyspace::Keyspace keyspace{1};
  std::int64_t now = 1000;
  std::int64_t wall = kWall;
  std::uint64_t index = 0;

  std::string run(const std::vector<std::string>& words) {
    const std::vector<std::string_view> args(words.begin(), words.end());
    std::string reply;
    resp::ReplyWriter writer(reply, resp::Version::resp2);
    WriteContext context{.keyspace = keyspace,
                         .now = {{now}, {wall}},
                         .reply = writer,
                         .origin = {},
                         .index = Index(++index)};
    run_in_entry(*find_command(args), context, args);
    return reply;
  }
  std::string begin(std::string_view mode, std::size_t pieces, std::uint64_t id = 7) {
    return run({"HOLDFAST", "RESTORE", "BEGIN", std::to_string(id), std::to_string(pieces), "900",
                "400", std::to_string(kWall - 50), std::string(mode)});
  }
  std::string clear() { return run({"HOLDFAST", "RESTORE", "CLEAR", "7"}); }
  std::string piece(std::size_t number, const std::string& bytes) {
    return run({"HOLDFAST", "RESTORE", "PIECE", "7", std::to_string(number),
                std::to_string(checksum(bytes)), bytes});
  }
  std::string end() { return run({"HOLDFAST", "RESTORE", "END", "7"}); }
  Restore state() const { return *Restore::decode(*keyspace.setting(Restore::kSetting)); }
};

std::vector<std::string> pieces_of(keyspace::Keyspace& keyspace, std::size_t target) {
  std::vector<std::string> pieces;
  keyspace.begin_snapshot();
  for (std::string chunk; !(chunk = keyspace.next_chunk(target)).empty();) pieces.push_back(chunk);
  return pieces;
}

std::vector<std::string> sample() {
  Shard source;
  for (int i = 0; i < 50; ++i) source.run({"SET", "k" + std::to_string(i), "v"});
  source.run({"SET", "ends", "v", "PX", "300"});
  source.run({"LOCK.ACQUIRE", "l", "owner", "TTL", "5000"});
  return pieces_of(source.keyspace, 100);
}

bool says(const std::string& reply, std::string_view text) {
  return reply.find(text) != std::string::npos;
}

}  // namespace

TEST(Restore, FromTheFirstPieceToTheLast) {
  const auto pieces = sample();
  ASSERT_GT(pieces.size(), 3u);
  Shard shard;
  EXPECT_EQ(shard.begin("EMPTY", pieces.size()), ":0\r\n");
  EXPECT_EQ(shard.clear(), ":1\r\n");
  for (std::size_t i = 0; i < pieces.size(); ++i) {
    EXPECT_EQ(shard.piece(i, pieces[i]), ":" + std::to_string(i + 1) + "\r\n");
  }
  EXPECT_TRUE(shard.state().under_way());
  EXPECT_EQ(shard.end(), "+OK\r\n");
  EXPECT_FALSE(shard.state().under_way());
  EXPECT_EQ(shard.keyspace.size(), 51u);
  EXPECT_EQ(shard.run({"GET", "k7"}), "$1\r\nv\r\n");
  // 1300 in a cluster that was at 400 is 900 later here, which is at 1000.
  EXPECT_EQ(shard.run({"PTTL", "ends"}), ":900\r\n");
  EXPECT_EQ(shard.keyspace.locks().held(), 1u);
  EXPECT_GE(shard.keyspace.revision(), static_cast<std::uint64_t>(kWall) * 1000);
}

TEST(Restore, EachStepMayBeRepeated) {
  const auto pieces = sample();
  Shard shard;
  const auto count = pieces.size();
  for (int i = 0; i < 2; ++i) EXPECT_EQ(shard.begin("EMPTY", count), ":0\r\n");
  for (int i = 0; i < 2; ++i) EXPECT_EQ(shard.clear(), ":1\r\n");
  for (std::size_t i = 0; i < count; ++i) {
    for (int twice = 0; twice < 2; ++twice) {
      EXPECT_EQ(shard.piece(i, pieces[i]), ":" + std::to_string(i + 1) + "\r\n");
    }
    EXPECT_EQ(shard.begin("EMPTY", count), ":" + std::to_string(i + 1) + "\r\n") << "goes on";
    EXPECT_EQ(shard.piece(0, pieces[0]), ":" + std::to_string(i + 1) + "\r\n");
  }
  for (int i = 0; i < 2; ++i) EXPECT_EQ(shard.end(), "+OK\r\n");
  EXPECT_EQ(shard.keyspace.size(), 51u);
}

TEST(Restore, NeedsAnEmptyClusterOrTheWordForIt) {
  const auto pieces = sample();
  Shard shard;
  shard.run({"SET", "a", "1"});
  EXPECT_TRUE(says(shard.begin("EMPTY", 1), "NOTEMPTY this cluster holds 1 keys"));
  EXPECT_EQ(shard.keyspace.setting(Restore::kSetting), nullptr);
  shard.run({"DEL", "a"});
  shard.run({"LOCK.ACQUIRE", "held", "me", "TTL", "5000"});
  EXPECT_TRUE(says(shard.begin("EMPTY", 1), "1 held locks"));
  shard.run({"SET", "a", "1"});
  shard.keyspace.guards().raise(Slot(5), "g", 77);

  EXPECT_EQ(shard.begin("REPLACE", pieces.size()), ":0\r\n");
  EXPECT_EQ(shard.clear(), ":1\r\n");
  for (std::size_t i = 0; i < pieces.size(); ++i) shard.piece(i, pieces[i]);
  EXPECT_EQ(shard.end(), "+OK\r\n");
  EXPECT_EQ(shard.run({"GET", "a"}), "$-1\r\n");
  EXPECT_FALSE(shard.keyspace.locks().info(key_of("held"), {shard.now}).has_value());
  EXPECT_EQ(shard.keyspace.guards().floor(Slot(5), "g"), 77u);
}

TEST(Restore, PiecesOutOfTheirPlaceAreRefused) {
  const auto pieces = sample();
  Shard shard;
  EXPECT_TRUE(says(shard.piece(0, pieces[0]), "no such restore"));
  shard.begin("EMPTY", pieces.size());
  EXPECT_TRUE(says(shard.piece(0, pieces[0]), "not the one that is wanted")) << "not cleared yet";
  shard.clear();
  EXPECT_TRUE(says(shard.piece(1, pieces[1]), "not the one that is wanted"));
  EXPECT_TRUE(says(shard.end(), "not all pieces"));
  EXPECT_TRUE(says(shard.run({"HOLDFAST", "RESTORE", "PIECE", "7", "0", "1", pieces[0]}),
                   "fails its checksum"));
  EXPECT_EQ(shard.state().next, 0u);
  EXPECT_TRUE(says(shard.run({"HOLDFAST", "RESTORE", "CLEAR", "8"}), "no such restore"));
}

TEST(Restore, APieceThatMakesNoSenseLeavesItUnfinished) {
  const auto pieces = sample();
  Shard shard;
  shard.begin("EMPTY", 2);
  shard.clear();
  EXPECT_TRUE(says(shard.piece(0, "\x02nonsense"), "Use another backup"));
  EXPECT_TRUE(shard.state().under_way());
  EXPECT_TRUE(says(shard.piece(1, pieces[0]), "not the one that is wanted"));
  EXPECT_TRUE(says(shard.begin("EMPTY", 2), "NOTEMPTY another restore"));
  EXPECT_EQ(shard.begin("REPLACE", 0), ":0\r\n");
  EXPECT_EQ(shard.clear(), ":1\r\n");
  EXPECT_EQ(shard.end(), "+OK\r\n");
}

TEST(Restore, GivingUpIsForRestoresOnly) {
  Shard shard;
  shard.run({"SET", "a", "1"});
  EXPECT_TRUE(says(shard.begin("ABANDON", 0), "no restore is under way"));
  EXPECT_EQ(shard.run({"GET", "a"}), "$1\r\n1\r\n");
  shard.begin("REPLACE", 5, 9);
  EXPECT_EQ(shard.begin("ABANDON", 0), ":0\r\n");
  EXPECT_EQ(shard.clear(), ":1\r\n");
  EXPECT_EQ(shard.end(), "+OK\r\n");
}

TEST(Restore, AClockThatIsBehindIsRefused) {
  Shard shard;
  shard.wall = kWall - 120'000;
  EXPECT_TRUE(says(shard.begin("EMPTY", 0), "clock is behind"));
  shard.wall = kWall - 1000;
  EXPECT_EQ(shard.begin("EMPTY", 0), ":0\r\n");
  EXPECT_GE(shard.keyspace.revision(), static_cast<std::uint64_t>(kWall - 50) * 1000);
}

TEST(Restore, NothingIsBackedUpWhileItRuns) {
  Shard shard;
  EXPECT_EQ(shard.run({"HOLDFAST", "BACKUP"}), ":1\r\n") << "the entry's index";
  shard.begin("EMPTY", 3);
  EXPECT_TRUE(says(shard.run({"HOLDFAST", "BACKUP"}), "not finished"));
}

TEST(Restore, WordsThatMakeNoSenseChangeNothing) {
  Shard shard;
  const auto before = shard.keyspace.digest();
  const std::vector<std::string> good = {"HOLDFAST", "RESTORE", "BEGIN", "7",    "3",
                                         "900",      "400",     "5",     "EMPTY"};
  for (std::size_t at = 3; at < good.size(); ++at) {
    auto words = good;
    words[at] = "x";
    EXPECT_TRUE(says(shard.run(words), "ERR syntax error")) << at;
  }
  auto words = good;
  words[3] = "0";
  EXPECT_TRUE(says(shard.run(words), "syntax"));
  words = good;
  words[5] = std::to_string(std::uint64_t{1} << 53);
  EXPECT_TRUE(says(shard.run(words), "syntax"));
  words = good;
  words[5] = std::to_string((std::uint64_t{1} << 53) - 1);
  EXPECT_TRUE(says(shard.run(words), "too far in the future"));
  EXPECT_TRUE(says(shard.run({"HOLDFAST", "RESTORE", "STOP", "7"}), "syntax"));
  EXPECT_EQ(shard.keyspace.digest(), before);
}

TEST(Restore, ItsStateReadsWhatItHasWritten) {
  Restore restore;
  restore.id = 99;
  restore.state = Restore::State::loading;
  restore.next = 3;
  restore.pieces = 400;
  restore.shift = {-5, 6};
  const std::string good = restore.encode();
  const auto read = Restore::decode(good);
  ASSERT_TRUE(read.ok());
  EXPECT_EQ(read->encode(), good);
  EXPECT_FALSE(Restore::decode("")->under_way());
  for (std::size_t size = 1; size < good.size(); ++size) {
    EXPECT_FALSE(Restore::decode(std::string_view(good).substr(0, size)).ok()) << size;
  }
  EXPECT_FALSE(Restore::decode(good + "x").ok());
}

}  // namespace holdfast::commands
