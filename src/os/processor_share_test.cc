#include "os/processor_share.h"

#include <gtest/gtest.h>
#include <stdlib.h>

#include <filesystem>
#include <fstream>

namespace holdfast::os {
namespace {

namespace fs = std::filesystem;

// The files of a machine as a process sees them.
class ProcessorShare : public testing::Test {
 protected:
  ProcessorShare() {
    std::string name = (fs::temp_directory_path() / "holdfast-share-XXXXXX").string();
    root_ = ::mkdtemp(name.data());
  }
  ~ProcessorShare() override { fs::remove_all(root_); }

  void write(const std::string& name, const std::string& text) {
    const fs::path path = root_ + name;
    fs::create_directories(path.parent_path());
    std::ofstream(path) << text;
  }
  double share() const { return processor_share(root_); }

  std::string root_;
  const double all_ = processor_share("/nowhere");
};

TEST_F(ProcessorShare, IsAllProcessorsWhereNothingRationsThem) {
  EXPECT_GE(all_, 1);
  EXPECT_EQ(share(), all_);
  write("/proc/self/cgroup", "0::/\n");
  write("/proc/self/mountinfo", "31 23 0:28 / /sys/fs/cgroup rw - cgroup2 cgroup2 rw\n");
  write("/sys/fs/cgroup/cpu.max", "max 100000\n");
  EXPECT_EQ(share(), all_);
}

TEST_F(ProcessorShare, IsTheQuotaOfAContainer) {
  write("/proc/self/cgroup", "0::/\n");
  write("/proc/self/mountinfo",
        "22 21 0:20 / /proc rw - proc proc rw\n"
        "31 23 0:28 / /sys/fs/cgroup ro,nosuid shared:9 - cgroup2 cgroup rw,nsdelegate\n");
  write("/sys/fs/cgroup/cpu.max", "50000 100000\n");
  EXPECT_DOUBLE_EQ(share(), 0.5);
}

TEST_F(ProcessorShare, IsTheLeastOfAllAbove) {
  write("/proc/self/cgroup", "0::/system.slice/holdfast.service\n");
  write("/proc/self/mountinfo", "31 23 0:28 / /sys/fs/cgroup rw - cgroup2 cgroup2 rw\n");
  write("/sys/fs/cgroup/system.slice/cpu.max", "25000 100000\n");
  write("/sys/fs/cgroup/system.slice/holdfast.service/cpu.max", "max 100000\n");
  EXPECT_DOUBLE_EQ(share(), 0.25);
  write("/sys/fs/cgroup/system.slice/holdfast.service/cpu.max", "10000 100000\n");
  EXPECT_DOUBLE_EQ(share(), 0.1);
}

TEST_F(ProcessorShare, KnowsVersionOne) {
  write("/proc/self/cgroup", "4:memory:/docker/abc\n3:cpuset:/\n2:cpu,cpuacct:/docker/abc\n0::/\n");
  write("/proc/self/mountinfo",
        "34 31 0:31 / /sys/fs/cgroup/cpuset rw - cgroup cgroup rw,cpuset\n"
        "32 31 0:29 /docker/abc /sys/fs/cgroup/cpu,cpuacct rw - cgroup cgroup rw,cpu,cpuacct\n");
  write("/sys/fs/cgroup/cpu,cpuacct/cpu.cfs_quota_us", "-1\n");
  write("/sys/fs/cgroup/cpu,cpuacct/cpu.cfs_period_us", "100000\n");
  EXPECT_EQ(share(), all_);
  write("/sys/fs/cgroup/cpu,cpuacct/cpu.cfs_quota_us", "70000\n");
  EXPECT_DOUBLE_EQ(share(), 0.7);
}

// Of another group whose name begins alike only what is above counts.
TEST_F(ProcessorShare, KnowsNamesThatBeginAlike) {
  write("/proc/self/cgroup", "2:cpu:/docker/abcdef\n");
  write("/proc/self/mountinfo", "32 31 0:29 /docker/abc /c rw - cgroup cgroup rw,cpu\n");
  write("/cdef/cpu.cfs_quota_us", "10000\n");
  write("/cdef/cpu.cfs_period_us", "100000\n");
  EXPECT_EQ(share(), all_);
}

TEST_F(ProcessorShare, LooksForNoGroupForEver) {
  write("/proc/self/cgroup", "0::nonsense\n");
  write("/proc/self/mountinfo", "31 23 0:28 / /c rw - cgroup2 cgroup2 rw\n");
  EXPECT_EQ(share(), all_);
}

TEST_F(ProcessorShare, KnowsNamesWithBackslashes) {
  write("/proc/self/cgroup", "0::/a\\x2db.slice/me\n");
  write("/proc/self/mountinfo", "31 23 0:28 /a\\134x2db.slice /my\\040groups rw - cgroup2 c rw\n");
  write("/my groups/me/cpu.max", "30000 100000\n");
  EXPECT_DOUBLE_EQ(share(), 0.3);
}

TEST_F(ProcessorShare, WhatMakesNoSenseIsNoQuota) {
  write("/proc/self/cgroup", "\n::\n0:\nx\n");
  write("/proc/self/mountinfo", "\n- - -\n1 2 3 / /a -\n31 23 0:28 / /sys/fs/cgroup rw - cgroup2 c rw\n");
  write("/sys/fs/cgroup/cpu.max", "-5 0\n");
  EXPECT_EQ(share(), all_);
}

}  // namespace
}  // namespace holdfast::os
