// A snapshot that arrived on a full disk got its final name although its bytes had not been
// written: sync and rename were already in the lane when the write failed. The node then refused to
// start with a damaged snapshot, where a full disk should only have cost it time.
#include <gtest/gtest.h>

#include <string>
#include <utility>
#include <vector>

#include "server/snapshot_receiver.h"
#include "sim/disk.h"
#include "storage/snapshot_file.h"

namespace holdfast {
namespace {

constexpr NodeId kSender{2};

class SnapshotOnAFullDisk : public testing::Test {
 protected:
  SnapshotOnAFullDisk() {
    storage::SnapshotHeader header;
    header.mark.index = Index(7);
    storage::SnapshotWriter writer(disk_, header);
    writer.add_chunk(std::string(20'000, 'x'));
    writer.finish([](Result<void> written) { EXPECT_TRUE(written.ok()); });
    run();
    name_ = writer.name();
    content_ = *disk_.read(name_, 1 << 20);
    const std::vector<env::DiskOperation> clean = {env::RemoveFile{name_}, env::SyncFolder{}};
    EXPECT_TRUE(disk_.run(clean).ok());
  }
  void run() {
    while (schedule_.step()) {
    }
  }
  void receive() {
    const std::size_t trailer = content_.size() - storage::kSnapshotTrailerBytes;
    const auto snapshot = storage::identify_snapshot({name_, Index(7), content_.size()}, content_,
                                                     content_.substr(trailer));
    receiver_.on_begin(kSender, {1, *snapshot});
    receiver_.on_chunk(kSender, {1, 0}, SharedBytes(content_));
    receiver_.on_end(kSender, 1);
    run();
  }

  sim::Schedule schedule_;
  sim::Disk disk_{schedule_, Prng(1), [](std::function<void()> done) { done(); }};
  NoTrace trace_;
  std::string name_;
  std::string content_;
  int arrived_ = 0;
  std::vector<bool> told_;
  server::SnapshotTraffic traffic_;
  server::SnapshotReceiver receiver_{
      disk_,
      traffic_,
      trace_,
      [](GroupId, Index, std::string_view) { return Result<std::shared_ptr<void>>(nullptr); },
      [this](GroupId, Index, std::string) { ++arrived_; },
      [this](NodeId, server::FrameKind, const std::string& body) {
        const auto result = server::decode_snapshot_result(body);
        if (result) told_.push_back(result->delivered);
      }};
};

TEST_F(SnapshotOnAFullDisk, IsAbandonedAndLeavesNoFile) {
  disk_.limit_space(4096);
  receive();
  EXPECT_EQ(arrived_, 0);
  EXPECT_EQ(told_, std::vector{false});
  EXPECT_TRUE(disk_.list()->empty());
}

TEST_F(SnapshotOnAFullDisk, ArrivesOnceThereIsRoom) {
  receive();
  EXPECT_EQ(arrived_, 1);
  EXPECT_EQ(told_, std::vector{true});
  ASSERT_EQ(disk_.list()->size(), 1u);
  EXPECT_EQ(disk_.list()->front().name, name_);
  EXPECT_EQ(*disk_.read(name_, 1 << 20), content_);
}

}  // namespace
}  // namespace holdfast
