// A node that made a snapshot of an index and was sent one of the same index wrote both into one
// temporary file. What got the final name was damaged, and the node could not be started again.
// Found by the simulator: five_nodes, seed 211, and others.
#include <gtest/gtest.h>

#include <string>

#include "server/snapshot_receiver.h"
#include "sim/disk.h"
#include "storage/snapshot_file.h"

namespace holdfast {
namespace {

constexpr NodeId kSender{2};

class TwoOfOneIndex : public testing::Test {
 protected:
  static storage::SnapshotHeader header() {
    storage::SnapshotHeader header;
    header.mark.index = Index(7);
    return header;
  }
  void run() {
    while (schedule_.step()) {
    }
  }
  // What a peer would send.
  std::string made_elsewhere() {
    sim::Disk disk(schedule_, Prng(2), [](std::function<void()> done) { done(); });
    storage::SnapshotWriter writer(disk, header());
    writer.add_chunk(std::string(20'000, 'p'));
    writer.finish([](Result<void> written) { EXPECT_TRUE(written.ok()); });
    run();
    return *disk.read(writer.name(), 1 << 20);
  }
  bool readable(const std::string& name) {
    const auto content = disk_.read(name, 1 << 20);
    return content.ok() &&
           storage::read_snapshot(name, *content, [](std::string_view) { return true; }).ok();
  }

  sim::Schedule schedule_;
  sim::Disk disk_{schedule_, Prng(1), [](std::function<void()> done) { done(); }};
  NoTrace trace_;
  server::SnapshotTraffic traffic_;
  server::SnapshotReceiver receiver_{
      disk_,
      traffic_,
      trace_,
      [](GroupId, Index, std::string_view) { return Result<std::shared_ptr<void>>(nullptr); },
      [](GroupId, Index, std::string) {},
      [](NodeId, server::FrameKind, const std::string&) {}};
};

TEST_F(TwoOfOneIndex, AreTwoFilesUntilOneIsDone) {
  const std::string content = made_elsewhere();
  storage::SnapshotWriter writer(disk_, header());
  writer.add_chunk(std::string(30'000, 'a'));
  run();
  const auto snapshot =
      storage::identify_snapshot({"peer", Index(7), content.size()}, content,
                                 content.substr(content.size() - storage::kSnapshotTrailerBytes));
  receiver_.on_begin(kSender, {1, *snapshot});
  run();
  writer.add_chunk(std::string(30'000, 'b'));
  receiver_.on_chunk(kSender, {1, 0}, SharedBytes(content));
  run();
  writer.finish([](Result<void> written) { EXPECT_TRUE(written.ok()); });
  run();
  EXPECT_TRUE(readable(writer.name())) << "its own";
  receiver_.on_end(kSender, 1);
  run();
  EXPECT_TRUE(readable(writer.name())) << "the peer's";
  EXPECT_EQ(disk_.list()->size(), 1u) << "nothing temporary is left";
}

}  // namespace
}  // namespace holdfast
