#include "sim/observer_snapshots.h"

#include <gtest/gtest.h>

#include "sim/observer_stage.h"
#include "storage/snapshot_file.h"
#include "storage/test_disk.h"

namespace holdfast::sim {
namespace {

// What a node would store of this data under that index.
std::string file_of(keyspace::Keyspace& data, Index index) {
  storage::TestDisk disk;
  storage::SnapshotHeader header;
  header.mark.index = index;
  storage::SnapshotWriter writer(disk, header);
  data.begin_snapshot();
  for (auto chunk = data.next_chunk(1 << 20); !chunk.empty(); chunk = data.next_chunk(1 << 20)) {
    writer.add_chunk(std::move(chunk));
  }
  writer.finish([](Result<void> written) { EXPECT_TRUE(written.ok()); });
  disk.run_all();
  return disk.content(writer.name());
}

// Machine 2 begins a snapshot after entry 3, goes on, and has stored it after entry 4.
class SnapshotStage : public testing::Test {
 protected:
  void make(const std::string& file) {
    stage.sight(2).making_snapshot = true;
    stage.see(2);
    stage.append(2, epoch_of(1, 1), "SET k v");
    stage.see(2);
    stage.sight(2).making_snapshot = false;
    stage.sight(2).snapshot = Index(3);
    stage.sight(2).stored = &file;
    stage.see(2);
  }
  keyspace::Keyspace& data() { return stage.machine(2).data; }

  Stage stage;
};

TEST_F(SnapshotStage, AcceptsWhatWasThereWhenItWasBegun) {
  stage.founded(3);
  make(file_of(data(), Index(3)));
  EXPECT_EQ(stage.objections(), Names());
}

TEST_F(SnapshotStage, CatchesWhatWasNot) {
  stage.founded(3);
  keyspace::Keyspace other(1);
  other.put({"k", Slot(7)}, keyspace::Value::string("later"));
  make(file_of(other, Index(3)));
  EXPECT_EQ(stage.objections(), Names{"snapshots"});
}

TEST_F(SnapshotStage, CatchesOneThatCannotBeRead) {
  stage.founded(3);
  std::string file = file_of(data(), Index(3));
  file[file.size() / 2] ^= 1;
  make(file);
  EXPECT_EQ(stage.objections(), Names{"snapshots"});
}

}  // namespace
}  // namespace holdfast::sim
