#include "os/child_process.h"

#include <errno.h>
#include <gtest/gtest.h>
#include <signal.h>
#include <unistd.h>

#include <fstream>
#include <iterator>

namespace holdfast::os {
namespace {

class ChildProcessTest : public testing::Test {
 protected:
  ChildProcess start(const std::string& script) {
    auto child = ChildProcess::start("/bin/sh", {"sh", "-c", script}, output);
    CHECK(child.ok(), "{}", child.error().message);
    return *std::move(child);
  }
  // Waits for an end that is certain to come.
  static std::string end_of(ChildProcess& child) {
    for (;;) {
      if (auto how = child.ended()) return *how;
      ::usleep(1000);
    }
  }
  static bool exists(int pid) { return ::kill(pid, 0) == 0 || errno != ESRCH; }
  std::string printed() const {
    std::ifstream file(output);
    return {std::istreambuf_iterator<char>(file), {}};
  }
  // The letter of its state in /proc, T for stopped.
  static char state_of(int pid) {
    std::ifstream file("/proc/" + std::to_string(pid) + "/stat");
    const std::string line{std::istreambuf_iterator<char>(file), {}};
    return line.at(line.rfind(')') + 2);
  }

  std::string output = testing::TempDir() + "child_process_test.out";
  void TearDown() override { ::unlink(output.c_str()); }
};

TEST_F(ChildProcessTest, TellsHowItEndedAndKeepsWhatItPrinted) {
  ChildProcess child = start("echo one; echo two >&2; read line || exit 7");
  EXPECT_EQ(end_of(child), "exit code 7") << "and there is nothing to read";
  EXPECT_EQ(printed(), "one\ntwo\n");
  EXPECT_EQ(child.pid(), 0);
  EXPECT_EQ(child.ended(), std::nullopt) << "told once";
  ChildProcess other = start("kill -ABRT $$");
  EXPECT_TRUE(end_of(other).starts_with("signal 6"));
}

TEST_F(ChildProcessTest, DoesNotOutliveItsOwner) {
  int pid = 0;
  {
    const ChildProcess child = start("sleep 60");
    pid = child.pid();
    EXPECT_TRUE(exists(pid));
  }
  EXPECT_FALSE(exists(pid));
}

TEST_F(ChildProcessTest, IsStoppedAndGoesOnAndDiesEvenWhenStopped) {
  ChildProcess child = start("sleep 60");
  child.pause();
  while (state_of(child.pid()) != 'T') ::usleep(1000);
  EXPECT_EQ(child.ended(), std::nullopt) << "stopped is not ended";
  child.resume();
  while (state_of(child.pid()) == 'T') ::usleep(1000);
  child.pause();
  const int pid = child.pid();
  child.kill();
  EXPECT_FALSE(exists(pid));
}

TEST_F(ChildProcessTest, SaysWhatCannotBeStarted) {
  const auto missing = ChildProcess::start("/no/such/program", {"x"}, output);
  ASSERT_FALSE(missing.ok());
  EXPECT_EQ(missing.error().message, "cannot start /no/such/program: No such file or directory");
  const auto nowhere = ChildProcess::start("/bin/sh", {"sh"}, "/no/such/folder/file");
  ASSERT_FALSE(nowhere.ok());
  EXPECT_EQ(nowhere.error().message,
            "cannot write /no/such/folder/file: No such file or directory");
}

}  // namespace
}  // namespace holdfast::os
