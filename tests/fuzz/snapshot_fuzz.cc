// Reading a snapshot from arbitrary bytes: a Result, never a crash; and any change to a good file
// is found.

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <string>
#include <vector>

#include "base/check.h"
#include "base/codec.h"
#include "storage/file_scan.h"
#include "storage/snapshot_file.h"
#include "storage/test_disk.h"

namespace holdfast::storage {
namespace {

// Looked at piece by piece, as a running node does, it is whole exactly if it can be read.
bool scans(std::string_view bytes, std::size_t piece) {
  const auto scan = scan_snapshot(bytes.size());
  for (std::size_t at = 0; at < bytes.size(); at += piece) {
    if (!scan->feed(bytes.substr(at, piece)).empty()) return false;
  }
  return scan->finish().empty();
}

bool reads(std::string_view bytes, std::vector<std::string>& chunks) {
  chunks.clear();
  const auto header = read_snapshot("file", bytes, [&](std::string_view chunk) {
    chunks.emplace_back(chunk);
    return true;
  });
  const bool header_alone = read_snapshot_header("file", bytes).ok();
  CHECK(header_alone || !header.ok());
  for (const std::size_t piece : {1UL, 37UL, 1'000'000UL}) {
    CHECK(scans(bytes, piece) == header.ok() || bytes.size() > kSnapshotHeaderMax);
  }
  return header.ok();
}

std::vector<std::string> cook_chunks(Reader& recipe) {
  std::vector<std::string> chunks(recipe.u8() % 6);
  for (std::string& chunk : chunks) {
    chunk = recipe.raw(std::min<std::size_t>(recipe.u8(), recipe.left()));
  }
  return chunks;
}

std::string written(TestDisk& disk, const std::vector<std::string>& chunks) {
  SnapshotHeader header;
  header.mark.index = Index(5);
  header.mark.epoch = {2, NodeId(1)};
  header.mark.membership.voters = {NodeId(1)};
  SnapshotWriter writer(disk, header);
  for (const std::string& chunk : chunks) writer.add_chunk(chunk);
  writer.finish([](Result<void> result) { CHECK(result.ok()); });
  disk.run_all();
  return disk.content(writer.name());
}

void change_a_good_file(Reader& recipe) {
  TestDisk disk;
  const std::vector<std::string> chunks = cook_chunks(recipe);
  const std::string whole = written(disk, chunks);
  std::vector<std::string> read;
  CHECK(reads(whole, read) && read == chunks);
  std::string bytes = whole;
  const std::size_t at = recipe.u16() % bytes.size();
  const std::size_t length = std::min<std::size_t>(recipe.u8(), bytes.size() - at);
  bytes.replace(at, length, recipe.raw(recipe.left()));
  CHECK(bytes == whole || !reads(bytes, read));
}

}  // namespace
}  // namespace holdfast::storage

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  using namespace holdfast;
  const std::string_view input(reinterpret_cast<const char*>(data), size);
  if (size > 0 && input.front() == 'C') {
    Reader recipe(input.substr(1));
    storage::change_a_good_file(recipe);
  } else {
    std::vector<std::string> chunks;
    storage::reads(input, chunks);
  }
  return 0;
}
