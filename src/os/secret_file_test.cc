#include "os/secret_file.h"

#include <gtest/gtest.h>
#include <stdlib.h>
#include <sys/stat.h>

#include <filesystem>
#include <fstream>
#include <string>

namespace holdfast::os {
namespace {

class SecretFile : public ::testing::Test {
 protected:
  void SetUp() override {
    std::string name = ::testing::TempDir() + "holdfast-secret-XXXXXX";
    ASSERT_NE(::mkdtemp(name.data()), nullptr);
    folder_ = name;
  }
  void TearDown() override { std::filesystem::remove_all(folder_); }

  std::string path() const { return folder_ + "/secret"; }
  void write(std::string_view content, mode_t mode = 0600) {
    std::ofstream(path(), std::ios::binary) << content;
    ::chmod(path().c_str(), mode);
  }
  // Why it is refused; empty if it is not.
  std::string refusal() const {
    const auto read = read_secret_file(path());
    return read ? std::string() : read.error().message;
  }

  std::string folder_;
};

TEST_F(SecretFile, IsReadWhole) {
  const std::string content(kLargestSecretFile, 's');
  for (const mode_t mode : {0600, 0400, 0640}) {
    write(content, mode);
    const auto read = read_secret_file(path());
    ASSERT_TRUE(read.ok()) << read.error().message;
    EXPECT_EQ(*read, content);
    std::filesystem::remove(path());
  }
}

TEST_F(SecretFile, ThatOthersMayReadOrChangeIsRefused) {
  for (const mode_t mode : {0604, 0602, 0601, 0620, 0644, 0666}) {
    write("a secret that is long enough", mode);
    EXPECT_NE(refusal().find("chmod 600 " + path()), std::string::npos) << refusal();
    EXPECT_EQ(refusal().find("long enough"), std::string::npos) << "the content is not shown";
  }
}

TEST_F(SecretFile, ThatIsNoneIsRefused) {
  EXPECT_NE(refusal().find("No such file"), std::string::npos) << refusal();
  write("");
  EXPECT_NE(refusal().find("empty"), std::string::npos) << refusal();
  write(std::string(kLargestSecretFile + 1, 's'));
  EXPECT_NE(refusal().find("more than 4096 bytes"), std::string::npos) << refusal();
  std::filesystem::remove(path());
  ASSERT_EQ(::mkfifo(path().c_str(), 0600), 0);
  EXPECT_NE(refusal().find("no regular file"), std::string::npos) << refusal();
}

}  // namespace
}  // namespace holdfast::os
