#include "os/file_disk.h"

#include <fcntl.h>
#include <gtest/gtest.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <chrono>
#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <optional>
#include <vector>

#include "os/test_loop.h"

namespace holdfast::os {
namespace {

using env::Lane;

class FileDiskTest : public testing::Test {
 protected:
  FileDiskTest() {
    std::string pattern = testing::TempDir() + "/holdfast-disk-XXXXXX";
    CHECK(::mkdtemp(pattern.data()) != nullptr);
    root = pattern;
    disk = opened(root + "/data");
  }
  ~FileDiskTest() override {
    disk.reset();
    std::filesystem::remove_all(root);
  }

  std::unique_ptr<FileDisk> opened(const std::string& path) {
    auto result = FileDisk::open(path, test.loop());
    CHECK(result.ok(), "{}", result.error().message);
    return std::move(*result);
  }
  std::string refusal(const std::string& path) {
    auto result = FileDisk::open(path, test.loop());
    return result.ok() ? "" : result.error().message;
  }
  std::string content(std::string_view name) {
    auto bytes = disk->read(name, 1 << 30);
    return bytes.ok() ? *bytes : bytes.error().message;
  }
  Result<void> run(std::vector<env::DiskOperation> operations) { return disk->run(operations); }
  bool roomy(std::uint64_t size) {
    return *disk->free_space() > std::max(std::uint64_t{2} << 30, 4 * size);
  }
  static SharedBytes bytes(std::string text) { return SharedBytes(std::move(text)); }

  TestLoop test;
  std::string root;
  std::unique_ptr<FileDisk> disk;
};

TEST_F(FileDiskTest, WritesPartsInOrderAndReadsThemBack) {
  ASSERT_TRUE(run({env::CreateFile{"a", 10000}}).ok());
  EXPECT_EQ(content("a"), std::string(10000, '\0'));
  std::vector<SharedBytes> parts;
  std::string expected;
  for (int i = 0; i < 3000; ++i) {  // more than one system call takes
    parts.push_back(bytes(std::to_string(i)));
    expected += std::to_string(i);
  }
  ASSERT_TRUE(run({env::WriteFile{"a", 100, parts}, env::SyncFile{"a"}, env::SyncFolder{}}).ok());
  EXPECT_EQ(content("a").substr(100, expected.size()), expected);
  std::string part;
  ASSERT_TRUE(run({env::ReadFile{"a", 100, 5, &part}}).ok());
  EXPECT_EQ(part, "01234");
  ASSERT_TRUE(run({env::ReadFile{"a", 50000, 5, &part}}).ok());
  EXPECT_EQ(part, "") << "behind the end";
  ASSERT_TRUE(run({env::WriteFile{"a", 7, {bytes("let "), bytes("go")}, true}}).ok());
  ASSERT_TRUE(run({env::ReadFile{"a", 7, 6, &part}}).ok());
  EXPECT_EQ(part, "let go");
}

TEST_F(FileDiskTest, RenamesResizesRemovesAndLists) {
  ASSERT_TRUE(run({env::WriteFile{"one", 0, {bytes("1")}}, env::WriteFile{"two", 0, {bytes("22")}},
                   env::RenameFile{"one", "two"}, env::WriteFile{"one", 0, {bytes("new")}},
                   env::ResizeFile{"one", 5}})
                  .ok());
  EXPECT_EQ(content("two"), "1") << "replaced";
  EXPECT_EQ(content("one"), std::string("new\0\0", 5));
  auto files = disk->list();
  ASSERT_TRUE(files.ok());
  ASSERT_EQ(files->size(), 2u) << "the lock is not one of them";
  EXPECT_EQ((*files)[0].name, "one");
  EXPECT_EQ((*files)[0].size, 5u);
  ASSERT_TRUE(run({env::RemoveFile{"one"}, env::RemoveFile{"one"}}).ok());
  EXPECT_FALSE(disk->read("one", 100).ok());
}

// Its removal as a whole would hold up the log's syncs.
TEST_F(FileDiskTest, ALargeFileIsGivenBackLittleByLittle) {
  constexpr std::uint64_t kSize = 64 << 20;
  if (!roomy(kSize)) GTEST_SKIP() << "too little room on the disk for files to be given back slowly";
  ASSERT_TRUE(run({env::CreateFile{"large", kSize}, env::SyncFile{"large"}}).ok());
  const int watch = ::open((root + "/data/large").c_str(), O_RDONLY | O_CLOEXEC);
  ASSERT_GE(watch, 0);
  const auto size = [watch] {
    struct stat status {};
    EXPECT_EQ(::fstat(watch, &status), 0);
    return static_cast<std::uint64_t>(status.st_size);
  };
  ASSERT_TRUE(run({env::RemoveFile{"large"}}).ok());
  EXPECT_FALSE(disk->read("large", kSize).ok()) << "its name goes at once";
  ASSERT_TRUE(disk->list().ok());
  EXPECT_TRUE(disk->list()->empty());
  std::size_t sizes = 0;
  for (std::uint64_t last = kSize; last > 0;) {
    const std::uint64_t now = size();
    ASSERT_LE(now, last);
    if (now != last) ++sizes;
    last = now;
  }
  EXPECT_GT(sizes, 8U);
  ::close(watch);
}

TEST_F(FileDiskTest, AFileWithAnotherNameIsNotTouchedByItsRemoval) {
  const std::string text(8 << 20, 'x');
  if (!roomy(text.size())) GTEST_SKIP() << "too little room on the disk for files to be given back slowly";
  ASSERT_TRUE(run({env::WriteFile{"large", 0, {bytes(text)}}}).ok());
  std::filesystem::create_hard_link(root + "/data/large", root + "/kept");
  ASSERT_TRUE(run({env::RemoveFile{"large"}}).ok());
  // Behind it, so that it would have been its turn.
  ASSERT_TRUE(run({env::WriteFile{"next", 0, {bytes(text)}}}).ok());
  const int watch = ::open((root + "/data/next").c_str(), O_RDONLY | O_CLOEXEC);
  ASSERT_TRUE(run({env::RemoveFile{"next"}}).ok());
  struct stat status {};
  do ASSERT_EQ(::fstat(watch, &status), 0);
  while (status.st_size != 0);
  ::close(watch);
  EXPECT_EQ(std::filesystem::file_size(root + "/kept"), text.size());
}

// A node that ends does not wait for it.
TEST_F(FileDiskTest, WhatIsLeftGoesWithTheDisk) {
  constexpr std::uint64_t kSize = std::uint64_t{8} << 30;  // it would take eight seconds at least
  if (!roomy(kSize)) GTEST_SKIP() << "too little room on the disk for files to be given back slowly";
  ASSERT_TRUE(run({env::WriteFile{"sparse", 0, {bytes("x")}}, env::ResizeFile{"sparse", kSize},
                   env::RemoveFile{"sparse"}})
                  .ok());
  const auto began = std::chrono::steady_clock::now();
  disk.reset();
  EXPECT_LT(std::chrono::steady_clock::now() - began, std::chrono::seconds(4));
  disk = opened(root + "/data");
  EXPECT_TRUE(disk->list()->empty());
}

TEST_F(FileDiskTest, ErrorsNameTheFileAndEndTheJob) {
  const auto failed = run({env::RenameFile{"none", "x"}, env::WriteFile{"after", 0, {bytes("a")}}});
  ASSERT_FALSE(failed.ok());
  EXPECT_NE(failed.error().message.find("none"), std::string::npos);
  EXPECT_FALSE(disk->read("after", 100).ok()) << "what follows an error is not done";
  ASSERT_TRUE(run({env::CreateFile{"there", 1}}).ok());
  EXPECT_FALSE(run({env::CreateFile{"there", 1}}).ok());
  EXPECT_FALSE(run({env::SyncFile{"none"}}).ok());
  EXPECT_FALSE(disk->read("there", 0).ok()) << "the limit holds";
}

TEST_F(FileDiskTest, AFullDiskIsAnErrorThatLeavesNothing) {
  auto free = disk->free_space();
  ASSERT_TRUE(free.ok());
  EXPECT_GT(*free, 0u);
  EXPECT_FALSE(run({env::CreateFile{"huge", std::uint64_t{1} << 60}}).ok());
  EXPECT_FALSE(disk->read("huge", 100).ok());
}

TEST_F(FileDiskTest, CompletionsComeInOrderOnTheLoop) {
  std::vector<int> done;
  for (int i = 0; i < 20; ++i) {
    env::DiskJob job;
    job.operations.push_back(env::WriteFile{"f", static_cast<std::uint64_t>(i), {bytes("x")}});
    job.operations.push_back(env::SyncFile{"f"});
    job.done = [&done, i](Result<void> result) { done.push_back(result.ok() ? i : -1); };
    disk->submit(Lane::log, std::move(job));
  }
  EXPECT_TRUE(done.empty()) << "never before submit returns";
  ASSERT_TRUE(test.run_until([&] { return done.size() == 20; }));
  for (int i = 0; i < 20; ++i) EXPECT_EQ(done[static_cast<std::size_t>(i)], i);
  EXPECT_EQ(content("f"), std::string(20, 'x'));
}

TEST_F(FileDiskTest, LanesDoNotWaitForEachOther) {
  std::optional<bool> created;
  std::optional<bool> wrote;
  bool log_first = false;
  disk->submit(Lane::background,
               {{env::CreateFile{"big", 256 << 20}}, [&](Result<void> r) { created = r.ok(); }});
  disk->submit(Lane::log, {{env::WriteFile{"small", 0, {bytes("s")}}}, [&](Result<void> r) {
                             wrote = r.ok();
                             log_first = !created;
                           }});
  ASSERT_TRUE(test.run_until([&] { return created && wrote; }, seconds(60)));
  EXPECT_TRUE(*created && *wrote);
  EXPECT_TRUE(log_first);
}

TEST_F(FileDiskTest, AFailedJobTellsItsOwnDoneOnly) {
  std::vector<bool> done;
  const auto note = [&done](Result<void> result) { done.push_back(result.ok()); };
  disk->submit(Lane::log, {{env::RenameFile{"none", "x"}}, note});
  disk->submit(Lane::log, {{env::WriteFile{"f", 0, {bytes("x")}}}, note});
  ASSERT_TRUE(test.run_until([&] { return done.size() == 2; }));
  EXPECT_EQ(done, (std::vector<bool>{false, true}));
}

TEST_F(FileDiskTest, NobodyIsCalledOnceTheDiskIsGone) {
  bool called = false;
  disk->submit(Lane::log,
               {{env::WriteFile{"f", 0, {bytes("x")}}}, [&](Result<void>) { called = true; }});
  disk.reset();
  test.run_for(milliseconds(50));
  EXPECT_FALSE(called);
}

TEST_F(FileDiskTest, OneProcessAtATime) {
  EXPECT_NE(refusal(root + "/data").find("in use by another process"), std::string::npos);
  disk.reset();
  disk = opened(root + "/data");
}

TEST_F(FileDiskTest, AMissingParentIsNamed) {
  const std::string message = refusal(root + "/no/such/data");
  EXPECT_NE(message.find(root + "/no/such does not exist"), std::string::npos) << message;
  EXPECT_FALSE(std::filesystem::exists(root + "/no"));
}

TEST_F(FileDiskTest, AFileInTheWayIsRefused) {
  std::ofstream(root + "/file") << "x";
  EXPECT_NE(refusal(root + "/file").find(root + "/file"), std::string::npos);
  EXPECT_NE(refusal(root + "/file/data"), "");
}

TEST_F(FileDiskTest, AnUnwritableFolderIsRefused) {
  std::filesystem::create_directory(root + "/sealed");
  ::chmod((root + "/sealed").c_str(), 0555);
  ::chmod(root.c_str(), 0755);
  // Root may write anywhere: become somebody else for a moment.
  const bool root_user = ::geteuid() == 0;
  ASSERT_TRUE(!root_user || ::seteuid(65534) == 0);
  const std::string message = refusal(root + "/sealed");
  const std::string below = refusal(root + "/sealed/data");
  ASSERT_TRUE(!root_user || ::seteuid(0) == 0);
  EXPECT_NE(message.find("cannot be written"), std::string::npos) << message;
  EXPECT_NE(below.find("cannot make the data folder"), std::string::npos) << below;
}

}  // namespace
}  // namespace holdfast::os
