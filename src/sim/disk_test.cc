#include "sim/disk.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <set>

namespace holdfast::sim {
namespace {

constexpr std::uint64_t kSector = Disk::kSector;

std::string sectors(char letter, std::size_t count) { return std::string(count * kSector, letter); }

// A disk and somebody who waits for it.
class DiskTest : public testing::Test {
 protected:
  Result<void> run(std::vector<env::DiskOperation> operations) { return disk_.run(operations); }
  Result<void> write(const std::string& name, std::uint64_t offset, const std::string& bytes) {
    return run({env::WriteFile{name, offset, {SharedBytes(bytes)}}});
  }
  // Written, synced, and its name as well.
  void put(const std::string& name, const std::string& bytes) {
    ASSERT_TRUE(run(
        {env::WriteFile{name, 0, {SharedBytes(bytes)}}, env::SyncFile{name}, env::SyncFolder{}}));
  }
  std::string read(const std::string& name) {
    auto bytes = disk_.read(name, UINT64_MAX);
    return bytes ? *bytes : "error: " + bytes.error().message;
  }
  bool exists(const std::string& name) {
    const auto files = disk_.list();
    return std::any_of(files->begin(), files->end(),
                       [&name](const auto& file) { return file.name == name; });
  }
  // Runs the schedule until the job is done; how long that took.
  Duration time_of(std::vector<env::DiskOperation> operations, Result<void>* result = nullptr) {
    bool done = false;
    const Instant began = schedule_.now();
    disk_.submit(env::Lane::log, {std::move(operations), [&](Result<void> what) {
                                    done = true;
                                    if (result != nullptr) *result = what;
                                  }});
    while (!done && schedule_.step()) {
    }
    EXPECT_TRUE(done);
    return schedule_.now() - began;
  }

  Schedule schedule_;
  Disk disk_{schedule_, Prng(7), [](std::function<void()> done) { done(); }};
};

std::string message(const Result<void>& result) { return result ? "" : result.error().message; }

// ---- What any disk does ----

TEST_F(DiskTest, WhatWasSyncedSurvivesThePowerAndTheRestMayNot) {
  bool kept = false;
  bool torn = false;
  bool lost = false;
  for (std::uint64_t seed = 0; seed < 100; ++seed) {
    disk_.wipe();
    put("a", sectors('1', 4));
    ASSERT_TRUE(write("a", kSector, sectors('2', 3)));
    EXPECT_EQ(read("a"), sectors('1', 1) + sectors('2', 3));
    disk_.crash(true);
    const std::string now = read("a");
    ASSERT_EQ(now.size(), 4 * kSector);
    EXPECT_EQ(now.substr(0, kSector), sectors('1', 1));
    std::size_t written = 0;
    for (std::size_t sector = 1; sector < 4; ++sector) {
      const std::string bytes = now.substr(sector * kSector, kSector);
      ASSERT_TRUE(bytes == sectors('1', 1) || bytes == sectors('2', 1)) << "torn within a sector";
      written += bytes == sectors('2', 1);
    }
    kept = kept || written == 3;
    torn = torn || (written > 0 && written < 3);
    lost = lost || written == 0;
  }
  EXPECT_TRUE(kept && torn && lost);
}

TEST_F(DiskTest, AKilledProcessLosesNothingThatItHasWritten) {
  put("a", sectors('1', 2));
  ASSERT_TRUE(write("a", 0, sectors('2', 1)));
  ASSERT_TRUE(write("b", 0, "new"));
  disk_.crash(false);
  EXPECT_EQ(read("a"), sectors('2', 1) + sectors('1', 1));
  EXPECT_EQ(read("b"), "new");
}

TEST_F(DiskTest, NamesThatTheFolderWasNotSyncedForMayVanishTheNewestFirst) {
  std::set<std::pair<bool, bool>> seen;
  for (int i = 0; i < 100; ++i) {
    disk_.wipe();
    ASSERT_TRUE(run({env::WriteFile{"a", 0, {SharedBytes(std::string("x"))}}, env::SyncFile{"a"},
                     env::RenameFile{"a", "b"}}));
    disk_.crash(true);
    seen.insert({exists("a"), exists("b")});
    if (exists("b")) {
      EXPECT_EQ(read("b"), "x");
    }
  }
  EXPECT_EQ(seen, (std::set<std::pair<bool, bool>>{{false, false}, {true, false}, {false, true}}));
}

TEST_F(DiskTest, WhatWasCutOffAndWrittenAgainIsZeroBetween) {
  put("a", sectors('1', 3));
  ASSERT_TRUE(run(
      {env::ResizeFile{"a", kSector / 2}, env::ResizeFile{"a", 3 * kSector}, env::SyncFile{"a"}}));
  disk_.crash(true);
  EXPECT_EQ(read("a"),
            std::string(kSector / 2, '1') + std::string(3 * kSector - kSector / 2, '\0'));
}

TEST_F(DiskTest, ACutThatWasNotSyncedDoesNotUpsetACrash) {
  put("a", sectors('1', 3));
  ASSERT_TRUE(write("a", 2 * kSector, sectors('2', 1)));
  ASSERT_TRUE(run({env::ResizeFile{"a", kSector}}));
  disk_.crash(true);
  EXPECT_EQ(read("a").substr(0, kSector), sectors('1', 1));
}

// ---- Errors that are told, in the words of os/folder.cc ----

TEST_F(DiskTest, AWriteFailsSoOftenAsAskedAndOnlyWhereAsked) {
  disk_.fail_writes(1, "log-");
  EXPECT_TRUE(write("snapshot", 0, "x"));
  EXPECT_EQ(message(write("log-1", 8, "abc")),
            "cannot write 3 bytes at offset 8 of data/log-1: Input/output error");
  EXPECT_TRUE(write("log-1", 8, "abc"));
  disk_.fail_writes(Disk::kForGood);
  for (int i = 0; i < 3; ++i) EXPECT_FALSE(write("log-1", 0, "x"));
  EXPECT_FALSE(run({env::CreateFile{"new", 10}}));
  EXPECT_FALSE(exists("new"));
  disk_.heal();
  EXPECT_TRUE(write("log-1", 0, "x"));
  EXPECT_EQ(disk_.counts().failed_writes, 5U);
}

TEST_F(DiskTest, AReadFails) {
  put("a", "abc");
  std::string out;
  disk_.fail_reads(2);
  EXPECT_EQ(read("a"), "error: cannot read at offset 0 of data/a: Input/output error");
  EXPECT_EQ(message(run({env::ReadFile{"a", 1, 2, &out}})),
            "cannot read at offset 1 of data/a: Input/output error");
  EXPECT_EQ(out, "");
  EXPECT_EQ(read("a"), "abc");
}

TEST_F(DiskTest, AFailedSyncDropsWhatItShouldHaveSyncedForGood) {
  put("a", sectors('1', 2));
  ASSERT_TRUE(write("a", 0, sectors('2', 1)));
  disk_.fail_syncs(1);
  EXPECT_EQ(message(run({env::SyncFile{"a"}})), "cannot sync data/a: Input/output error");
  // A second sync that succeeds proves nothing.
  ASSERT_TRUE(run({env::SyncFile{"a"}}));
  EXPECT_EQ(read("a"), sectors('2', 1) + sectors('1', 1));
  disk_.crash(false);
  EXPECT_EQ(read("a"), sectors('2', 1) + sectors('1', 1));
  EXPECT_FALSE(disk_.hides_loss()) << "nobody was told that it is there";
  disk_.crash(true);
  EXPECT_EQ(read("a"), sectors('1', 2));
}

TEST_F(DiskTest, AFailedSyncOfTheFolderLeavesTheNamesToTheNextOne) {
  ASSERT_TRUE(run({env::WriteFile{"a", 0, {SharedBytes(std::string("x"))}}, env::SyncFile{"a"}}));
  disk_.fail_syncs(1);
  EXPECT_EQ(message(run({env::SyncFolder{}})), "cannot sync the folder data: Input/output error");
  ASSERT_TRUE(run({env::SyncFolder{}}));
  disk_.crash(true);
  EXPECT_EQ(read("a"), "x");
}

TEST_F(DiskTest, AJobEndsWithItsFirstError) {
  put("a", "1");
  disk_.fail_syncs(1);
  Result<void> result;
  time_of({env::WriteFile{"a", 0, {SharedBytes(std::string("2"))}}, env::SyncFile{"a"},
           env::RemoveFile{"a"}},
          &result);
  EXPECT_EQ(message(result), "cannot sync data/a: Input/output error");
  EXPECT_TRUE(exists("a"));
}

TEST_F(DiskTest, AFullDiskTakesNothingMoreButGoesOnWithWhatIsAllocated) {
  put("a", sectors('1', 2));
  disk_.limit_space(100);
  EXPECT_EQ(*disk_.free_space(), 100U);
  EXPECT_EQ(message(run({env::CreateFile{"b", 101}})),
            "cannot allocate 101 bytes for data/b: No space left on device");
  EXPECT_FALSE(exists("b"));
  EXPECT_TRUE(write("a", 0, sectors('2', 2))) << "no new space is needed";
  EXPECT_EQ(message(write("a", 2 * kSector, std::string(150, 'x'))),
            "cannot write 150 bytes at offset 1024 of data/a: No space left on device");
  EXPECT_EQ(read("a").size(), 2 * kSector + 100);
  EXPECT_EQ(*disk_.free_space(), 0U);
  EXPECT_FALSE(run({env::ResizeFile{"a", 4 * kSector}}));
  ASSERT_TRUE(run({env::RemoveFile{"a"}}));
  EXPECT_EQ(*disk_.free_space(), 2 * kSector + 100);
  EXPECT_TRUE(run({env::CreateFile{"b", 1000}}));
  disk_.heal();
  EXPECT_TRUE(run({env::CreateFile{"c", 1 << 20}}));
}

TEST_F(DiskTest, ASlowDiskTakesItsTime) {
  put("a", "1");
  const std::vector<env::DiskOperation> job{env::WriteFile{"a", 0, {SharedBytes(std::string("2"))}},
                                            env::SyncFile{"a"}};
  Duration usual;
  for (int i = 0; i < 100; ++i) usual = usual + time_of(job);
  disk_.slow_down(50);
  Duration slow;
  for (int i = 0; i < 100; ++i) slow = slow + time_of(job);
  EXPECT_GT(slow, usual * 20);
  disk_.slow_down(1, seconds(2), 1'000'000);
  EXPECT_GE(time_of(job), seconds(4)) << "each operation stalls";
  EXPECT_EQ(disk_.counts().stalls, 2U);
  disk_.heal();
  EXPECT_LT(time_of(job), milliseconds(100));
}

TEST_F(DiskTest, ADiskThatIsSlowByNatureStaysSoWhenItIsHealed) {
  disk_.set_speed({milliseconds(300), milliseconds(500)});
  put("a", "1");
  for (int i = 0; i < 100; ++i) {
    const Duration time = time_of({env::WriteFile{"a", 0, {SharedBytes(std::string("2"))}},
                                   env::SyncFile{"a"}});
    EXPECT_GE(time, milliseconds(300));
    EXPECT_LE(time, milliseconds(501));
    disk_.heal();
  }
}

TEST_F(DiskTest, WhatIsUnderWayWhenASlowDiskIsHealedIsSlowNoLonger) {
  put("a", "1");
  disk_.slow_down(1, seconds(1000), 1'000'000);
  schedule_.after(seconds(1), [this] { disk_.heal(); });
  EXPECT_LT(time_of({env::SyncFile{"a"}}), milliseconds(1100));
}

// ---- Silent ones ----

TEST_F(DiskTest, ALostWriteIsConfirmedSeenAndGoneWithThePower) {
  put("a", sectors('1', 4));
  disk_.lose_writes(1);
  ASSERT_TRUE(write("a", kSector, sectors('2', 2)));
  ASSERT_TRUE(run({env::SyncFile{"a"}}));
  EXPECT_EQ(disk_.counts().lost_writes, 1U);
  EXPECT_TRUE(disk_.hides_loss());
  disk_.crash(false);
  EXPECT_EQ(read("a"), sectors('1', 1) + sectors('2', 2) + sectors('1', 1));
  disk_.crash(true);
  const std::string lost = read("a");
  EXPECT_NE(lost, sectors('1', 1) + sectors('2', 2) + sectors('1', 1));
  EXPECT_FALSE(disk_.hides_loss()) << "it shows";
  EXPECT_EQ(lost.size(), 4 * kSector);
  // Whoever refused to go on with this finds it whole once the disk is mended.
  disk_.heal();
  EXPECT_EQ(read("a"), sectors('1', 1) + sectors('2', 2) + sectors('1', 1));
  disk_.crash(true);
  EXPECT_EQ(read("a"), sectors('1', 1) + sectors('2', 2) + sectors('1', 1));
}

TEST_F(DiskTest, WritingASectorAgainMakesUpForALostWrite) {
  put("a", sectors('1', 2));
  disk_.lose_writes(1);
  ASSERT_TRUE(write("a", 0, sectors('2', 1)));
  ASSERT_TRUE(run({env::SyncFile{"a"}}));
  ASSERT_TRUE(write("a", 10, "3"));
  ASSERT_TRUE(run({env::SyncFile{"a"}}));
  EXPECT_FALSE(disk_.hides_loss());
  disk_.crash(true);
  EXPECT_EQ(read("a"),
            std::string(10, '2') + "3" + std::string(kSector - 11, '2') + sectors('1', 1));
}

TEST_F(DiskTest, WhatWasWrittenOverALossIsNotUndoneByHealing) {
  put("a", sectors('1', 1));
  disk_.lose_writes(1);
  ASSERT_TRUE(write("a", 0, sectors('2', 1)));
  ASSERT_TRUE(run({env::SyncFile{"a"}}));
  disk_.crash(true);
  ASSERT_EQ(read("a"), sectors('1', 1));
  ASSERT_TRUE(write("a", 0, "333"));
  ASSERT_TRUE(run({env::SyncFile{"a"}}));
  disk_.heal();
  EXPECT_EQ(read("a"), "333" + std::string(kSector - 3, '2'));
}

TEST_F(DiskTest, PromisesAreKeptIfThePageCacheStillHasWhatWasLost) {
  put("a", sectors('1', 4));
  disk_.lose_writes(1);
  ASSERT_TRUE(write("a", kSector, sectors('2', 2)));
  ASSERT_TRUE(run({env::SyncFile{"a"}}));
  disk_.keep_promises();
  EXPECT_FALSE(disk_.hides_loss());
  disk_.crash(true);
  EXPECT_EQ(read("a"), sectors('1', 1) + sectors('2', 2) + sectors('1', 1));
}

TEST_F(DiskTest, AMisdirectedWriteLandsElsewhereAtASector) {
  bool elsewhere = false;
  for (int i = 0; i < 40; ++i) {
    disk_.wipe();
    put("a", sectors('1', 8));
    disk_.misdirect_writes(1);
    ASSERT_TRUE(write("a", 0, sectors('2', 1)));
    ASSERT_TRUE(run({env::SyncFile{"a"}}));
    const std::string right = sectors('2', 1) + sectors('1', 7);
    EXPECT_EQ(read("a"), right);
    disk_.crash(true);
    const std::string wrong = read("a");
    if (wrong != right) {
      const auto at = wrong.find('2');
      ASSERT_NE(at, std::string::npos);
      EXPECT_EQ(at % kSector, 0U);
      EXPECT_EQ(wrong,
                sectors('1', at / kSector) + sectors('2', 1) + sectors('1', 7 - at / kSector));
      elsewhere = elsewhere || at > 0;
    }
    disk_.heal();
    EXPECT_EQ(read("a"), right);
  }
  EXPECT_TRUE(elsewhere);
}

TEST_F(DiskTest, ACacheThatLiesForgetsConfirmedContentAndNamesWithThePower) {
  bool everything = false;
  bool some = false;
  for (int i = 0; i < 60; ++i) {
    disk_.wipe();
    put("a", sectors('1', 4));
    disk_.lie_about_syncs(true);
    put("a", sectors('2', 4));
    put("b", "x");
    EXPECT_TRUE(disk_.hides_loss());
    disk_.crash(false);
    EXPECT_EQ(read("a"), sectors('2', 4));
    EXPECT_TRUE(disk_.hides_loss()) << "the process was killed: the lie goes on";
    disk_.crash(true);
    everything = everything || (read("a") == sectors('1', 4) && !exists("b"));
    some = some || (read("a") != sectors('1', 4) && read("a") != sectors('2', 4));
    EXPECT_FALSE(disk_.hides_loss());
  }
  EXPECT_TRUE(everything && some);
}

TEST_F(DiskTest, ALieThatIsHealedInTimeCameTrue) {
  put("a", sectors('1', 4));
  disk_.lie_about_syncs(true);
  put("a", sectors('2', 4));
  put("b", "x");
  disk_.heal();
  disk_.crash(true);
  EXPECT_EQ(read("a"), sectors('2', 4));
  EXPECT_EQ(read("b"), "x");
}

TEST_F(DiskTest, AFlippedBitIsReadUntilTheDiskIsHealed) {
  put("log-1", sectors('1', 4));
  put("identity", "me");
  Prng prng(3);
  ASSERT_TRUE(disk_.flip_bit(prng, "log-"));
  EXPECT_EQ(read("identity"), "me");
  const std::string flipped = read("log-1");
  std::size_t different = 0;
  for (std::size_t i = 0; i < flipped.size(); ++i) {
    if (flipped[i] == '1') continue;
    ++different;
    const int bits = static_cast<unsigned char>(flipped[i]) ^ '1';
    EXPECT_EQ(bits & (bits - 1), 0) << "more than a bit";
  }
  EXPECT_EQ(different, 1U);
  EXPECT_FALSE(disk_.hides_loss());
  disk_.crash(true);
  EXPECT_EQ(read("log-1"), flipped);
  disk_.heal();
  EXPECT_EQ(read("log-1"), sectors('1', 4));
  EXPECT_FALSE(disk_.flip_bit(prng, "no such file"));
}

TEST_F(DiskTest, AFlippedBitDoesNotMakeASectorLookLost) {
  const std::string bytes = "\x01" + std::string(kSector - 2, '\0') + "\x80";
  put("a", bytes);
  Prng prng(3);
  bool met = false;
  for (int i = 0; i < 20'000; ++i) {
    ASSERT_TRUE(disk_.flip_bit(prng));
    const std::string flipped = read("a");
    ASSERT_NE(flipped.front(), '\0');
    ASSERT_NE(flipped.back(), '\0');
    met = met || flipped.back() == '\xc0';
    disk_.heal();
  }
  EXPECT_TRUE(met);
}

TEST_F(DiskTest, WhatIsNotSyncedIsNotFlipped) {
  ASSERT_TRUE(run({env::CreateFile{"a", 0}}));
  ASSERT_TRUE(write("a", 0, sectors('1', 2)));
  Prng prng(3);
  EXPECT_FALSE(disk_.flip_bit(prng));
  ASSERT_TRUE(run({env::SyncFile{"a"}}));
  EXPECT_TRUE(disk_.flip_bit(prng));
}

// ---- Whole disks ----

TEST_F(DiskTest, AnImageIsWhatAPowerLossWouldLeaveThen) {
  put("a", sectors('1', 2));
  ASSERT_TRUE(write("a", 0, sectors('2', 1)));
  EXPECT_FALSE(disk_.restore_image()) << "none was saved";
  disk_.save_image();
  put("a", sectors('3', 2));
  put("b", "x");
  disk_.crash(true);
  ASSERT_TRUE(disk_.restore_image());
  EXPECT_EQ(read("a"), sectors('1', 2));
  EXPECT_FALSE(exists("b"));
  EXPECT_EQ(disk_.in_image("a"), sectors('1', 2));
  EXPECT_EQ(disk_.in_image("b"), std::nullopt);
  put("a", sectors('4', 2));
  ASSERT_TRUE(disk_.restore_image()) << "as often as one likes";
  EXPECT_EQ(read("a"), sectors('1', 2));
}

TEST_F(DiskTest, AWipedDiskIsEmptyAndInOrder) {
  put("a", "x");
  disk_.fail_writes(Disk::kForGood);
  disk_.lie_about_syncs(true);
  disk_.wipe();
  EXPECT_TRUE(disk_.wiped());
  EXPECT_TRUE(disk_.list()->empty());
  put("b", "y");
  disk_.crash(true);
  EXPECT_EQ(read("b"), "y");
  EXPECT_FALSE(exists("a"));
}

TEST_F(DiskTest, AtEachOperationOfAJobThePowerCanGo) {
  for (std::uint64_t after = 1; after <= 4; ++after) {
    disk_.wipe();
    put("a", "1");
    bool called = false;
    bool told = false;
    disk_.stand_still_after(after, [&] {
      called = true;
      schedule_.after({}, [&] { disk_.crash(true); });
    });
    disk_.submit(env::Lane::log,
                 {{env::WriteFile{"t", 0, {SharedBytes(std::string("2"))}}, env::SyncFile{"t"},
                   env::RenameFile{"t", "a"}, env::SyncFolder{}},
                  [&](Result<void>) { told = true; }});
    while (schedule_.step()) {
    }
    EXPECT_TRUE(called);
    EXPECT_FALSE(told);
    const std::string now = read("a");
    EXPECT_TRUE((now == "1" && after < 4) || (now == "2" && after > 2)) << after << ": " << now;
  }
}

TEST_F(DiskTest, AStandstillEndsAStartWithAnError) {
  disk_.stand_still_after(2, [] {});
  const auto result = run({env::WriteFile{"a", 0, {SharedBytes(std::string("1"))}},
                           env::SyncFile{"a"}, env::SyncFolder{}});
  EXPECT_EQ(message(result), "cannot use data: the machine loses its power");
  EXPECT_TRUE(disk_.stands_still());
  EXPECT_FALSE(disk_.list());
  disk_.crash(true);
  EXPECT_FALSE(disk_.stands_still());
  EXPECT_TRUE(disk_.list());
}

}  // namespace
}  // namespace holdfast::sim
