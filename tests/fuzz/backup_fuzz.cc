// Reading a backup from arbitrary bytes: a Result, never a crash; any change to a good file is
// found; and what is taken for a backup can be restored, to the last piece.

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <string>

#include "base/check.h"
#include "base/codec.h"
#include "keyspace/keyspace.h"
#include "server/restore_source.h"
#include "storage/test_disk.h"

namespace holdfast::server {
namespace {

// Whether it is taken for a backup.
bool restores(std::string_view bytes) {
  auto source = RestoreSource::open("file", bytes);
  if (!source) return false;
  keyspace::Keyspace keyspace(1);
  keyspace.lift_revision((*source)->revision());
  std::uint64_t pieces = 0;
  for (std::string piece; !(piece = (*source)->next_piece()).empty(); ++pieces) {
    const auto restored = keyspace.restore_chunk(piece, {.cluster_ms = 1000, .wall_ms = -1000});
    CHECK(restored.ok(), "{}", restored.error().message);
  }
  CHECK(pieces == (*source)->pieces() && keyspace.size() == (*source)->keys());
  CHECK(keyspace.locks().held() == (*source)->held_locks() && keyspace.locks().waiting() == 0);
  return true;
}

// A file whose checksums are right, around chunks that nobody has checked.
std::string sealed(const std::string& chunk) {
  storage::TestDisk disk;
  storage::SnapshotHeader header;
  header.mark.index = Index(5);
  header.mark.epoch = {2, NodeId(1)};
  header.mark.membership.voters = {NodeId(1)};
  storage::SnapshotWriter writer(disk, header);
  writer.add_chunk(chunk);
  writer.finish([](Result<void> result) { CHECK(result.ok()); });
  disk.run_all();
  const std::string snapshot = disk.content(writer.name());
  std::string bytes = storage::encode_backup_header({1, {}, "", {{"", 0, snapshot.size()}}});
  bytes += snapshot;
  storage::BackupTrailer trailer;
  trailer.add(bytes);
  return bytes + trailer.finish();
}

// Of a keyspace with one key.
std::string good() {
  keyspace::Keyspace keyspace(1);
  keyspace.put({"key", Slot(1)}, keyspace::Value::integer(1));
  keyspace.begin_snapshot();
  const std::string chunk = keyspace.next_chunk(1 << 20);
  keyspace.abandon_snapshot();
  return sealed(chunk);
}

void change_a_good_file(Reader& recipe) {
  static const std::string whole = good();
  CHECK(restores(whole));
  std::string bytes = whole;
  const std::size_t at = recipe.u16() % bytes.size();
  const std::size_t length = std::min<std::size_t>(recipe.u8(), bytes.size() - at);
  bytes.replace(at, length, recipe.raw(recipe.left()));
  CHECK(bytes == whole || !restores(bytes));
}

}  // namespace
}  // namespace holdfast::server

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  using namespace holdfast;
  const std::string_view input(reinterpret_cast<const char*>(data), size);
  if (size > 0 && input.front() == 'C') {
    Reader recipe(input.substr(1));
    server::change_a_good_file(recipe);
  } else if (size > 0 && input.front() == 'S') {
    server::restores(server::sealed(std::string(input.substr(1))));
  } else {
    server::restores(input);
  }
  return 0;
}
