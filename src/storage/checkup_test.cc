#include "storage/checkup.h"

#include <gtest/gtest.h>

#include <algorithm>

#include "storage/log_fixture.h"
#include "storage/log_format.h"
#include "storage/set_aside.h"
#include "storage/snapshot_file.h"

namespace holdfast::storage {
namespace {

class CheckupTest : public LogFixture {
 protected:
  // A node of three, with two segments and a snapshot.
  void SetUp() override {
    options.segment_bytes = 4096;
    ASSERT_TRUE(store_identity(disk, identity(3)).ok());
    ASSERT_EQ(open(), "");
    for (int i = 0; i < 12; ++i) {
      append(std::string(500, static_cast<char>('a' + i)));
      flush_all();
    }
    close();
    make_snapshot(4);
    image = disk.image();
    disk.load(image);
  }
  static Identity identity(std::size_t members) {
    Identity made;
    made.folder_uid = kFolder;
    made.cluster_id = 9;
    made.node = NodeId(1);
    made.incarnation = Incarnation(2);
    for (std::uint64_t i = 1; i <= members; ++i) made.members.push_back({NodeId(i), "", "", 0});
    return made;
  }
  void make_snapshot(std::uint64_t index) {
    SnapshotHeader header;
    header.mark.index = Index(index);
    header.mark.epoch = epoch(1);
    header.mark.membership.voters = {NodeId(1)};
    SnapshotWriter writer(disk, header);
    writer.add_chunk("some content");
    writer.finish([](Result<void> done) { EXPECT_TRUE(done.ok()); });
    disk.run_all();
    snapshot = writer.name();
  }
  Checkup look() {
    const auto before = disk.image();
    auto found = check_data(disk);
    EXPECT_TRUE(found.ok()) << found.error().message;
    EXPECT_EQ(disk.image(), before) << "nothing is changed";
    return found ? *std::move(found) : Checkup{};
  }
  void flip(const std::string& name, std::size_t offset) {
    auto changed = image;
    changed[name][offset] = static_cast<char>(changed[name][offset] ^ 2);
    disk.load(changed);
  }
  static const FileFinding& of(const Checkup& found, const std::string& name) {
    static const FileFinding nothing;
    const auto file = std::find_if(found.files.begin(), found.files.end(),
                                   [&](const FileFinding& any) { return any.name == name; });
    EXPECT_NE(file, found.files.end()) << name;
    return file == found.files.end() ? nothing : *file;
  }

  std::map<std::string, std::string> image;
  std::string snapshot;
  const std::string one = segment_name("log-", 1);
  const std::string two = segment_name("log-", 2);
};

TEST_F(CheckupTest, AWholeFolder) {
  const Checkup found = look();
  EXPECT_EQ(found.damaged(), 0U);
  EXPECT_EQ(found.obstacle, "");
  EXPECT_FALSE(found.recovering);
  ASSERT_TRUE(found.identity);
  EXPECT_EQ(found.identity->incarnation, Incarnation(2));
  ASSERT_EQ(found.groups.size(), 1U);
  EXPECT_EQ(found.groups[0].last, Index(12));
  EXPECT_EQ(found.groups[0].snapshot, Index(4));
  for (const FileFinding& file : found.files) EXPECT_NE(file.state, FileState::unknown) << file.name;
}

TEST_F(CheckupTest, EachDamagedFileIsNamedWithThePlace) {
  flip(one, kSegmentHeaderBytes + 8);
  Checkup found = look();
  EXPECT_EQ(found.damaged(), 1U);
  EXPECT_EQ(of(found, one).state, FileState::damaged);
  EXPECT_TRUE(of(found, one).what.starts_with("offset 64: ")) << of(found, one).what;
  EXPECT_EQ(of(found, two).state, FileState::whole);
  EXPECT_EQ(found.obstacle, "") << "of three nodes one begins again";

  flip(snapshot, image[snapshot].size() / 2);
  found = look();
  EXPECT_EQ(of(found, snapshot).state, FileState::damaged);
  EXPECT_EQ(found.obstacle, "");
}

TEST_F(CheckupTest, OfOneNodeDamageIsAnObstacle) {
  ASSERT_TRUE(store_identity(disk, identity(1)).ok());
  image = disk.image();
  for (const std::string& name : {one, snapshot}) {
    flip(name, image[name].size() / 2);
    if (name == one) flip(one, kSegmentHeaderBytes + 8);
    EXPECT_NE(look().obstacle, "") << name;
  }
}

TEST_F(CheckupTest, AMissingFileAndADamagedIdentityAreObstacles) {
  disk.drop(one);
  Checkup found = look();
  EXPECT_EQ(found.damaged(), 0U);
  EXPECT_NE(found.obstacle.find("still needed"), std::string::npos) << found.obstacle;

  flip("identity", 20);
  found = look();
  EXPECT_EQ(of(found, "identity").state, FileState::damaged);
  EXPECT_EQ(of(found, one).state, FileState::whole) << "it can be seen to be whole all the same";
  EXPECT_NE(found.obstacle, "");
}

TEST_F(CheckupTest, WhatWasSetAsideAndWhatIsNotOurs) {
  ASSERT_TRUE(set_aside(disk, "log-", {}, Incarnation(2), "why").ok());
  disk.put("notes", "of somebody");
  const Checkup found = look();
  EXPECT_TRUE(found.recovering);
  EXPECT_EQ(of(found, "damaged-2-" + one).state, FileState::aside);
  EXPECT_EQ(of(found, "notes").state, FileState::unknown);
  TestDisk other;
  other.put("notes", "of somebody");
  EXPECT_FALSE(check_data(other).ok());
}

}  // namespace
}  // namespace holdfast::storage
