#include "server/restore_source.h"

#include <gtest/gtest.h>

#include "commands/restore.h"
#include "keyspace/keyspace.h"
#include "replica/batch.h"
#include "storage/test_disk.h"

namespace holdfast::server {
namespace {

keyspace::Key key(std::string_view name) { return {name, Slot(3)}; }

std::string backup_of(keyspace::Keyspace& keyspace, std::uint32_t semantics = replica::kSemantics,
                      std::vector<storage::BackupShard> shards = {{"", 0, 0}}) {
  storage::TestDisk disk;
  storage::SnapshotHeader header;
  header.mark = {Index(7), Epoch{3, NodeId(1)}, {}};
  header.mark.membership.voters = {NodeId(1)};
  header.semantics = semantics;
  storage::SnapshotWriter writer(disk, header);
  keyspace.begin_snapshot();
  for (std::string chunk; !(chunk = keyspace.next_chunk(1000)).empty();) writer.add_chunk(chunk);
  writer.finish([](const Result<void>& result) { EXPECT_TRUE(result.ok()); });
  while (disk.step(env::Lane::background)) continue;
  const std::string snapshot = *disk.read(writer.name(), 1 << 24);
  for (auto& shard : shards) shard.size = snapshot.size();
  std::string bytes = storage::encode_backup_header({5, {100}, "0.1.0", shards});
  for (std::size_t i = 0; i < shards.size(); ++i) bytes += snapshot;
  storage::BackupTrailer trailer;
  trailer.add(bytes);
  return bytes + trailer.finish();
}

std::string error_of(const std::string& bytes) {
  const auto source = RestoreSource::open("f", bytes);
  return source.ok() ? "" : source.error().message;
}

TEST(RestoreSource, GivesTheSamePiecesEachTime) {
  keyspace::Keyspace keyspace(1);
  for (int i = 0; i < 3000; ++i) {
    keyspace.put(key("k" + std::to_string(i)), keyspace::Value::string(std::string(300, 'v')));
  }
  const std::string bytes = backup_of(keyspace);
  auto one = RestoreSource::open("f", bytes);
  auto other = RestoreSource::open("f", bytes);
  ASSERT_TRUE(one.ok() && other.ok());
  EXPECT_EQ((*one)->keys(), 3000u);
  EXPECT_EQ((*one)->id(), (*other)->id());
  EXPECT_GT((*one)->pieces(), 3u);
  for (std::uint64_t i = 0; i < (*one)->pieces(); ++i) {
    const std::string piece = (*one)->next_piece();
    EXPECT_FALSE(piece.empty());
    EXPECT_LT(piece.size(), 2 * RestoreSource::kPiece);
    EXPECT_EQ(piece, (*other)->next_piece());
  }
  EXPECT_TRUE((*one)->next_piece().empty());
}

TEST(RestoreSource, NobodyWaits) {
  keyspace::Keyspace keyspace(1);
  keyspace::AcquireRequest request;
  request.owner = "a";
  request.ttl_ms = 100;
  request.wait_ms = 100;
  keyspace.locks().acquire(key("l"), request, {}, Index(1));
  request.owner = "b";
  keyspace.locks().acquire(key("l"), request, {}, Index(1));
  auto source = RestoreSource::open("f", backup_of(keyspace));
  ASSERT_TRUE(source.ok()) << source.error().message;
  EXPECT_EQ((*source)->held_locks(), 1u);
  keyspace::Keyspace target(2);
  target.lift_revision((*source)->revision());
  for (std::string piece; !(piece = (*source)->next_piece()).empty();) {
    ASSERT_TRUE(target.restore_chunk(piece, {}).ok());
  }
  EXPECT_EQ(target.locks().held(), 1u);
  EXPECT_EQ(target.locks().waiting(), 0u);
}

TEST(RestoreSource, RefusesWhatItCannotRestore) {
  keyspace::Keyspace keyspace(1);
  keyspace.put(key("k"), keyspace::Value::integer(1));
  EXPECT_EQ(error_of(backup_of(keyspace)), "");
  EXPECT_NE(error_of(backup_of(keyspace, replica::kSemantics + 1)).find("semantics version"),
            std::string::npos);
  EXPECT_NE(error_of(backup_of(keyspace, 1, {{"cache:", 0, 0}})).find("spaces or shards"),
            std::string::npos);
  EXPECT_NE(error_of(backup_of(keyspace, 1, {{"", 0, 0}, {"", 1, 0}})).find("spaces or shards"),
            std::string::npos);
  commands::Restore restore;
  restore.id = 3;
  restore.state = commands::Restore::State::loading;
  restore.pieces = 9;
  keyspace.set_setting(commands::Restore::kSetting, restore.encode());
  EXPECT_NE(error_of(backup_of(keyspace)).find("only a part"), std::string::npos);
  EXPECT_NE(error_of("nothing").find("no backup of Holdfast's"), std::string::npos);
}

}  // namespace
}  // namespace holdfast::server
