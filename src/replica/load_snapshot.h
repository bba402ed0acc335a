// A snapshot's file made into a state, or why that is not possible. Checksums say that it is what was
// written; only loading it says that this build understands what was written.
#pragma once

#include <cstdint>
#include <functional>
#include <memory>
#include <string_view>

#include "base/result.h"
#include "keyspace/keyspace.h"
#include "storage/snapshot_file.h"

namespace holdfast::replica {

struct LoadedSnapshot {
  storage::SnapshotHeader header;
  std::uint64_t bytes = 0;  // of the file
  std::unique_ptr<keyspace::Keyspace> keyspace;
};

// The error is for people, and names the file. `progress` is told after each chunk how many of the
// content's bytes have been loaded.
Result<LoadedSnapshot> load_snapshot(std::string_view name, std::string_view content,
                                     std::uint64_t hash_seed,
                                     const std::function<void(std::uint64_t bytes)>& progress = nullptr);

}  // namespace holdfast::replica
