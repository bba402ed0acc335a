#include "server/image_reader.h"

#include <gtest/gtest.h>

#include "storage/test_disk.h"

namespace holdfast::server {
namespace {

constexpr ConnectionId kClient{7};

class ImageReaderTest : public ::testing::Test {
 protected:
  ImageReaderTest() {
    for (std::size_t i = 0; i < 600'000; ++i) content_.push_back(static_cast<char>(i % 251));
    const env::DiskOperation write = env::WriteFile{"s", 0, {SharedBytes(std::string(content_))}};
    EXPECT_TRUE(disk_.run({&write, 1}).ok());
  }

  storage::SnapshotFile file() const { return {"s", Index(9), content_.size()}; }
  void work() {
    while (disk_.step(env::Lane::background)) continue;
  }

  std::string content_;
  storage::TestDisk disk_;
  ImageReader reader_{disk_};
};

TEST_F(ImageReaderTest, GivesTheWholeFilePartByPart) {
  ASSERT_TRUE(reader_.open(kClient, file(), nullptr, Instant{}).ok());
  EXPECT_EQ(reader_.of(kClient), Index(9));
  std::string got;
  int early = 0;
  while (reader_.of(kClient) != Index()) {
    const auto image = reader_.read(kClient, got.size(), Instant{});
    ASSERT_TRUE(image.ok()) << image.error().message;
    if (image->index == Index()) {
      ++early;
      work();
      continue;
    }
    EXPECT_EQ(image->size, content_.size());
    EXPECT_LE(image->bytes.size(), ImageReader::kPart);
    got += image->bytes;
  }
  EXPECT_EQ(got, content_);
  EXPECT_EQ(early, 3) << "once for each part: this disk works only when nothing else does";
}

TEST_F(ImageReaderTest, APartMayBeAskedForAgain) {
  ASSERT_TRUE(reader_.open(kClient, file(), nullptr, Instant{}).ok());
  work();
  ASSERT_TRUE(reader_.read(kClient, 0, Instant{}).ok());
  work();
  EXPECT_EQ(reader_.read(kClient, 5, Instant{})->index, Index()) << "another one is at hand";
  work();
  EXPECT_EQ(reader_.read(kClient, 5, Instant{})->bytes, content_.substr(5, ImageReader::kPart));
}

TEST_F(ImageReaderTest, WhoStopsAskingLetsTheFileGo) {
  auto holders = std::make_shared<int>(0);
  ASSERT_TRUE(reader_.open(kClient, file(), holders, Instant{}).ok());
  work();
  reader_.sweep(Instant{} + ImageReader::kForgotten);
  EXPECT_EQ(holders.use_count(), 2);
  reader_.sweep(Instant{} + ImageReader::kForgotten + seconds(1));
  EXPECT_EQ(holders.use_count(), 1);
  EXPECT_EQ(reader_.of(kClient), Index());
}

TEST_F(ImageReaderTest, OnlySoManyAtOnce) {
  for (std::size_t i = 1; i <= ImageReader::kReaders; ++i) {
    ASSERT_TRUE(reader_.open(ConnectionId(i), file(), nullptr, Instant{}).ok());
  }
  const auto refused = reader_.open(ConnectionId(99), file(), nullptr, Instant{});
  ASSERT_FALSE(refused.ok());
  EXPECT_TRUE(refused.error().message.starts_with("LIMIT at most 4 backups"));
  EXPECT_TRUE(reader_.open(ConnectionId(1), file(), nullptr, Instant{}).ok()) << "its second";
}

TEST_F(ImageReaderTest, AFileThatIsGoneIsAnError) {
  ASSERT_TRUE(reader_.open(kClient, {"s", Index(9), content_.size() + 1}, nullptr, Instant{}).ok());
  std::size_t offset = 0;
  Result<Services::Image> image = Services::Image{};
  for (; image.ok(); image = reader_.read(kClient, offset, Instant{})) {
    offset += image->bytes.size();
    work();
  }
  EXPECT_NE(image.error().message.find("shorter than it was"), std::string::npos);
  EXPECT_EQ(reader_.of(kClient), Index());
}

}  // namespace
}  // namespace holdfast::server
