#include "server/audit_log.h"

#include <gtest/gtest.h>

#include <sstream>

#include "storage/test_disk.h"

namespace holdfast::server {
namespace {

using keyspace::Loss;
using keyspace::Notice;
using keyspace::NoticeKind;

constexpr std::uint64_t kCluster = 0x4711;
const std::string kFirst = "audit-0000000000004711-00000001.jsonl";
constexpr WallTime kWall{1'700'000'000'123};

Notice holding(NoticeKind kind, std::string name, std::uint64_t token, Loss loss = Loss::expired) {
  Notice notice;
  notice.kind = kind;
  notice.name = std::move(name);
  notice.owner = "me";
  notice.token = token;
  notice.loss = loss;
  notice.by = {NodeId(2), Incarnation(3), ConnectionId(4), 5};
  return notice;
}

replica::EntryNotices entry(std::uint64_t index, std::vector<Notice> notices) {
  return {Index(index), kWall, std::move(notices)};
}

std::vector<std::string> lines_of(const std::string& text) {
  std::vector<std::string> lines;
  std::istringstream in(text);
  for (std::string line; std::getline(in, line);) lines.push_back(line);
  return lines;
}

// A process of a node, as far as its audit log goes.
struct Process {
  Process(storage::TestDisk& disk, Config& config, std::uint64_t applied)
      : log(&disk, kCluster, config, trace) {
    EXPECT_TRUE(log.open().ok());
    log.begin(NodeId(2), Index(applied), kWall);
  }
  void turn() {
    now = now + milliseconds(10);
    log.on_turn_end(now);
  }

  NoTrace trace;
  Instant now = Instant{} + seconds(1);
  AuditLog log;
};

class AuditLogTest : public ::testing::Test {
 protected:
  AuditLogTest() { config.audit_level = "all"; }
  void write(Process& process) {
    do {
      process.turn();
      disk.run_all();
    } while (!process.log.idle() && !process.log.figures().failing);
  }
  std::vector<std::string> lines(int file = 1) {
    return lines_of(disk.content(fmt::format("audit-0000000000004711-{:08}.jsonl", file)));
  }
  // Of entries only.
  std::vector<std::string> agreed(int file = 1) {
    std::vector<std::string> all = lines(file);
    std::erase_if(all, [](const std::string& line) { return !line.starts_with("{\"index\""); });
    return all;
  }

  storage::TestDisk disk;
  Config config;
};

TEST_F(AuditLogTest, ALineSaysWhoDidWhatWhenWithWhichToken) {
  Process process(disk, config, 0);
  Notice granted = holding(NoticeKind::granted, "door", 7);
  granted.origin = granted.by;
  Notice members;
  members.kind = NoticeKind::membership;
  members.value = "1,2,3";
  process.log.on_entry(entry(12, {granted, holding(NoticeKind::lost, "d\"\n\xff", 8)}));
  process.log.on_entry({Index(13), {}, {members}});
  process.log.on_login_failed("10.1.2.3:1000", kWall);
  write(process);
  const std::string time = R"("time":"2023-11-14T22:13:20.123Z",)";
  const std::string by = R"("by":"2.3.4"})";
  EXPECT_EQ(lines(),
            (std::vector<std::string>{
                R"({"node":2,"applied":0,"n":0,)" + time + R"("event":"begun","after":0,"from":0})",
                R"({"index":12,"n":0,)" + time + R"("event":"granted","kind":"lock","name":"door",)" +
                    R"("owner":"me","token":7,"holder":"2.3.4",)" + by,
                R"({"index":12,"n":1,)" + time + R"("event":"lost","kind":"lock",)" +
                    R"("name":"d\"\u000a\u00ff","owner":"me","token":8,"reason":"expired",)" + by,
                R"({"index":13,"n":0,"event":"membership","voters":"1,2,3"})",
                R"({"node":2,"applied":13,"n":0,)" + time + R"("event":"login failed",)" +
                    R"("client":"10.1.2.3:1000"})"}));
  EXPECT_EQ(process.log.figures().lines, 5u);
}

TEST_F(AuditLogTest, LevelsLeaveLinesOutAndNumberTheOthersAlike) {
  const auto noted = [&](std::string_view level) {
    config.audit_level = level;
    storage::TestDisk own;
    Process process(own, config, 0);
    Notice setting;
    setting.kind = NoticeKind::setting;
    setting.name = "requirepass-hash";
    setting.value = "secret";
    process.log.on_entry(entry(1, {holding(NoticeKind::released, "a", 1), holding(NoticeKind::lost, "b", 2),
                                   holding(NoticeKind::lost, "c", 3, Loss::forced), setting}));
    process.turn();
    own.run_all();
    std::string text = own.content(kFirst);
    EXPECT_EQ(text.find("secret"), std::string::npos);
    std::string found;
    for (const std::string& line : lines_of(text)) {
      if (line.starts_with("{\"index\":1,\"n\":")) found += line[15];
    }
    return found;
  };
  EXPECT_EQ(noted("all"), "0123");
  EXPECT_EQ(noted("losses"), "123");
  EXPECT_EQ(noted("changes"), "23");
}

TEST_F(AuditLogTest, ARestartNeitherRepeatsNorLeavesOut) {
  std::vector<Notice> two = {holding(NoticeKind::granted, "a", 1),
                             holding(NoticeKind::granted, "b", 2)};
  {
    Process process(disk, config, 0);
    process.log.on_entry(entry(5, {two[0]}));
    process.log.on_entry(entry(6, two));
    write(process);
  }
  const std::vector<std::string> before = agreed();
  ASSERT_EQ(before.size(), 3u);
  // Its log holds the entries again from the newest snapshot on.
  Process process(disk, config, 4);
  process.log.on_entry(entry(5, {two[0]}));
  process.log.on_entry(entry(6, two));
  process.log.on_entry(entry(7, two));
  write(process);
  const std::vector<std::string> after = agreed();
  ASSERT_EQ(after.size(), 5u);
  EXPECT_TRUE(std::equal(before.begin(), before.end(), after.begin()));
  EXPECT_TRUE(after[3].starts_with("{\"index\":7,\"n\":0"));
  EXPECT_NE(lines()[4].find("\"event\":\"begun\",\"after\":6,\"from\":4"), std::string::npos);
}

TEST_F(AuditLogTest, ALineThatWasCutOffIsWrittenAgain) {
  const std::vector<Notice> two = {holding(NoticeKind::granted, "a", 1),
                                   holding(NoticeKind::granted, "b", 2)};
  std::string whole;
  {
    Process process(disk, config, 0);
    process.log.on_entry(entry(6, two));
    write(process);
    whole = disk.content(kFirst);
  }
  for (const std::string& end : {std::string("\"own"), std::string("\n"), std::string(600, '\0')}) {
    disk.put(kFirst, whole.substr(0, whole.size() - 20) + end);
    Process process(disk, config, 0);
    process.log.on_entry(entry(6, two));
    write(process);
    const auto after = agreed();
    ASSERT_EQ(after.size(), 2u) << disk.content(kFirst);
    EXPECT_EQ(disk.content(kFirst).find('\0'), std::string::npos);
    EXPECT_EQ(after[1] + "\n", whole.substr(whole.find("{\"index\":6,\"n\":1")));
  }
}

TEST_F(AuditLogTest, FilesAreRotatedAndTheOldestRemoved) {
  config.audit_max_bytes = 1000;
  config.audit_files = 3;
  std::uint64_t index = 0;
  {
    Process process(disk, config, 0);
    for (; index < 60; ++index) {
      process.log.on_entry(entry(index + 1, {holding(NoticeKind::granted, "door", index + 1)}));
      write(process);
    }
  }
  EXPECT_EQ(disk.files().size(), 3u);
  std::vector<std::string> names = disk.files();
  const std::string newest = names.back();
  EXPECT_LT(disk.content(newest).size(), 1300u);
  // The next process goes on where this one ended.
  Process process(disk, config, 0);
  process.log.on_entry(entry(60, {holding(NoticeKind::granted, "door", 60)}));
  process.log.on_entry(entry(61, {holding(NoticeKind::granted, "door", 61)}));
  write(process);
  std::string all;
  for (const std::string& name : disk.files()) all += disk.content(name);
  std::uint64_t expected = 0;
  for (const std::string& line : lines_of(all)) {
    if (!line.starts_with("{\"index\":")) continue;
    const std::uint64_t number = std::strtoull(line.c_str() + 9, nullptr, 10);
    EXPECT_TRUE(expected == 0 || number == expected) << number;
    expected = number + 1;
  }
  EXPECT_EQ(expected, 62u);
}

TEST_F(AuditLogTest, AFullDiskDropsAndCountsAndSaysSo) {
  Process process(disk, config, 0);
  write(process);
  disk.fault = [](const env::DiskOperation&) { return std::optional(Error{"no room", true}); };
  process.log.on_entry(entry(1, {holding(NoticeKind::granted, "a", 1)}));
  write(process);
  EXPECT_TRUE(process.log.figures().failing);
  EXPECT_EQ(process.log.figures().dropped, 1u);
  disk.fault = nullptr;
  process.log.on_entry(entry(2, {holding(NoticeKind::granted, "b", 2)}));
  process.turn();
  disk.run_all();
  EXPECT_EQ(agreed().size(), 0u) << "the disk is left in peace for a while";
  process.now = process.now + seconds(6);
  write(process);
  EXPECT_FALSE(process.log.figures().failing);
  ASSERT_EQ(agreed().size(), 1u);
  EXPECT_TRUE(agreed()[0].starts_with("{\"index\":2,"));
  EXPECT_NE(lines()[1].find("\"event\":\"dropped\",\"lines\":1"), std::string::npos);
}

TEST_F(AuditLogTest, ADiskThatHangsCostsABoundedQueueAndNothingElse) {
  Process process(disk, config, 0);
  process.turn();  // this write hangs
  std::uint64_t index = 0;
  const auto grant_next = [&] {
    ++index;
    process.log.on_entry(entry(index, {holding(NoticeKind::granted, "door", index)}));
  };
  while (process.log.figures().dropped < 1000) {
    grant_next();
    process.turn();
  }
  EXPECT_LE(index * 100, AuditLog::kQueueBytes + 1100 * 200);
  EXPECT_EQ(process.log.wake_at(), Instant::never());
  disk.run_all();
  grant_next();
  write(process);
  grant_next();
  write(process);
  const auto all = lines();
  EXPECT_NE(disk.content(kFirst).find("\"event\":\"dropped\",\"lines\":100"),
            std::string::npos);
  EXPECT_TRUE(all.back().starts_with(fmt::format("{{\"index\":{},", index)));
}

TEST_F(AuditLogTest, AnotherClusterCountsItsEntriesAnew) {
  {
    Process process(disk, config, 0);
    process.log.on_entry(entry(900, {holding(NoticeKind::granted, "a", 1)}));
    write(process);
  }
  NoTrace trace;
  AuditLog log(&disk, 0x4712, config, trace);
  ASSERT_TRUE(log.open().ok());
  log.begin(NodeId(2), Index(), kWall);
  log.on_entry(entry(1, {holding(NoticeKind::granted, "a", 1)}));
  log.on_turn_end(Instant{});
  disk.run_all();
  EXPECT_EQ(agreed().size(), 1u);
  EXPECT_EQ(lines_of(disk.content("audit-0000000000004712-00000001.jsonl")).size(), 2u);
}

TEST_F(AuditLogTest, WithoutADiskEverythingIsCounted) {
  NoTrace trace;
  AuditLog log(nullptr, kCluster, config, trace);
  EXPECT_TRUE(log.open().ok());
  log.begin(NodeId(2), Index(), kWall);
  log.on_entry(entry(1, {holding(NoticeKind::granted, "a", 1)}));
  log.on_turn_end(Instant{});
  EXPECT_TRUE(log.idle());
  EXPECT_TRUE(log.figures().failing);
  EXPECT_EQ(log.figures().dropped, 2u);
}

TEST_F(AuditLogTest, WhatASnapshotReplacedIsSaidToBeMissing) {
  Process process(disk, config, 0);
  process.log.on_missed(Index(4), Index(90), kWall);
  process.log.on_entry(entry(90, {holding(NoticeKind::granted, "a", 1)}));
  process.log.on_entry(entry(91, {holding(NoticeKind::granted, "b", 2)}));
  write(process);
  EXPECT_NE(lines()[1].find("\"event\":\"missed\",\"after\":4,\"to\":90"), std::string::npos);
  ASSERT_EQ(agreed().size(), 1u);
  EXPECT_TRUE(agreed()[0].starts_with("{\"index\":91,"));
}

}  // namespace
}  // namespace holdfast::server
