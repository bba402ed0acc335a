// Which start of each other node was met last, kept across our own restarts: so that an older copy of
// a node's data folder is recognized also by those that were started since.
// Format: docs/formats/identity.md. Replaced atomically (temporary file, sync, rename, sync).
#pragma once

#include <cstdint>
#include <string_view>
#include <vector>

#include "base/ids.h"
#include "base/result.h"
#include "env/disk.h"

namespace holdfast::storage {

inline constexpr std::string_view kMetStarts = "met-starts";

struct MetStart {
  NodeId node;
  std::uint64_t uid = 0;  // of its folder
  Incarnation incarnation;
  std::uint64_t start = 0;  // the id of that start, never 0
  bool operator==(const MetStart&) const = default;
};

struct MetStarts {
  std::uint64_t cluster_id = 0;
  std::vector<MetStart> starts;  // at most 1024, by node
  bool operator==(const MetStarts&) const = default;
};

// Empty if there is no such file. An error if it is damaged, of a newer version, or cannot be read;
// `damaged` tells the first of these: then nothing is known any more, and the next meeting replaces it.
Result<MetStarts> load_met_starts(env::Disk& disk, bool& damaged);
// Write, sync, rename, sync of the folder, as one job.
std::vector<env::DiskOperation> store_met_starts(const MetStarts& met);

}  // namespace holdfast::storage
