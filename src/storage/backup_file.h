// A backup of a whole cluster as one file: a header, the snapshot file of each shard as it is, a
// trailer that makes it whole. Format: docs/formats/backup.md.
//
// Here is what the bytes mean; who writes and reads them is cli/.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "base/result.h"
#include "base/time.h"
#include "storage/snapshot_file.h"

namespace holdfast::storage {

// One shard of the space. There is one space in this version, the default one, of one shard.
struct BackupShard {
  std::string space;  // "": the default space
  std::uint64_t shard = 0;
  std::uint64_t size = 0;  // of its snapshot file

  bool operator==(const BackupShard&) const = default;
};

struct BackupHeader {
  std::uint64_t cluster_id = 0;  // whose data it is
  WallTime wall;                 // when the backup was begun
  std::string program;           // version of the program that wrote it
  std::vector<BackupShard> shards;
};

inline constexpr std::size_t kBackupTrailerBytes = 32;

// What the file begins with.
std::string encode_backup_header(const BackupHeader& header);

// What it ends with: fed with all that is before it, in order, in parts of any size.
class BackupTrailer {
 public:
  void add(std::string_view bytes);
  std::string finish();

 private:
  std::uint64_t bytes_ = 0;
  std::uint64_t all_ = 0;
  std::string block_;
};

struct Backup {
  BackupHeader header;
  std::uint64_t sum = 0;  // of the whole file
  // Of each shard, verified; chunks as read_snapshot gives them.
  struct Shard {
    SnapshotHeader snapshot;
    std::string_view file;
  };
  std::vector<Shard> shards;
};

// Reads a whole file, all checksums included. An error names the file and says that nothing was
// changed. The views point into `bytes`.
Result<Backup> read_backup(std::string_view name, std::string_view bytes);

}  // namespace holdfast::storage
