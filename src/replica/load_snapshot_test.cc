#include "replica/load_snapshot.h"

#include <gtest/gtest.h>

#include <string>
#include <vector>

#include "replica/state_machine.h"
#include "storage/test_disk.h"

namespace holdfast::replica {
namespace {

class LoadSnapshot : public ::testing::Test {
 protected:
  // A file whose checksums are right, whatever is in it.
  std::string file_of(const std::vector<std::string>& chunks) {
    storage::SnapshotHeader header;
    header.mark.index = Index(50);
    header.mark.epoch = {3, NodeId(2)};
    header.mark.membership.voters = {NodeId(1)};
    header.semantics = semantics_;
    storage::SnapshotWriter writer(disk_, header);
    for (const std::string& chunk : chunks) writer.add_chunk(chunk);
    writer.finish([](Result<void> written) { EXPECT_TRUE(written.ok()); });
    disk_.run_all();
    return disk_.content(writer.name());
  }
  static std::vector<std::string> chunks_of(keyspace::Keyspace& keyspace) {
    std::vector<std::string> chunks;
    keyspace.begin_snapshot();
    for (std::string chunk; !(chunk = keyspace.next_chunk(64)).empty();) chunks.push_back(chunk);
    return chunks;
  }
  std::string refusal(const std::vector<std::string>& chunks) {
    const auto loaded = load_snapshot("snapshot-x", file_of(chunks), 1);
    return loaded ? "" : loaded.error().message;
  }

  storage::TestDisk disk_;
  keyspace::Keyspace keyspace_{7};
  std::uint32_t semantics_ = 1;
};

TEST_F(LoadSnapshot, WhatWasWrittenIsLoaded) {
  for (int i = 0; i < 50; ++i) keyspace_.set_setting("name" + std::to_string(i), "value");
  const auto loaded = load_snapshot("snapshot-x", file_of(chunks_of(keyspace_)), 1);
  ASSERT_TRUE(loaded.ok()) << loaded.error().message;
  EXPECT_EQ(loaded->header.mark.index, Index(50));
  EXPECT_EQ(loaded->keyspace->digest(), keyspace_.digest());
}

TEST_F(LoadSnapshot, TellsHowFarItHasCome) {
  for (int i = 0; i < 50; ++i) keyspace_.set_setting("name" + std::to_string(i), "value");
  const auto chunks = chunks_of(keyspace_);
  const std::string file = file_of(chunks);
  std::vector<std::uint64_t> told{0};
  ASSERT_TRUE(load_snapshot("snapshot-x", file, 1, [&](std::uint64_t bytes) {
                EXPECT_GT(bytes, told.back());
                told.push_back(bytes);
              }).ok());
  EXPECT_EQ(told.size(), chunks.size() + 1);
  EXPECT_EQ(told.back(), file.size() - storage::kSnapshotTrailerBytes);
}

TEST_F(LoadSnapshot, GoodChecksumsOverNonsenseAreNotEnough) {
  EXPECT_NE(refusal({"no part of a state"}).find("snapshot-x"), std::string::npos);
  EXPECT_NE(refusal({}), "") << "nothing at all";
  keyspace_.set_setting("a", std::string(500, 'x'));
  std::vector<std::string> chunks = chunks_of(keyspace_);
  chunks.pop_back();
  EXPECT_NE(refusal(chunks), "") << "its end is missing";
  chunks = chunks_of(keyspace_);
  for (std::string& chunk : chunks) {
    const std::string whole = chunk;
    for (char& byte : chunk) {
      byte = static_cast<char>(byte ^ 1);
      EXPECT_NE(refusal(chunks), "");
      byte = static_cast<char>(byte ^ 1);
    }
  }
}

TEST_F(LoadSnapshot, SettingsThatNobodyUnderstandsAreRefused) {
  for (const char* name : {"levels", "restore"}) {
    keyspace::Keyspace keyspace(7);
    keyspace.set_setting(name, "\xff\xff nonsense");
    EXPECT_NE(refusal(chunks_of(keyspace)), "") << name;
  }
}

TEST_F(LoadSnapshot, ANewerMeaningOfCommandsIsRefused) {
  semantics_ = kSemantics + 1;
  EXPECT_NE(refusal(chunks_of(keyspace_)).find("semantics version"), std::string::npos);
}

}  // namespace
}  // namespace holdfast::replica
