// One data folder as an interface: named files, explicit syncs, nothing hidden in a page cache.
//
// Blocking calls serve start-up and tools. While a node serves, work is submitted as jobs: the
// operations of a job run in order, the jobs of a lane run in order, and each job's `done` is called
// on the loop's thread, in order, with the first error or success. Nothing is durable before a Sync
// of the file and, for a new name or a rename or a removal, a SyncFolder has succeeded.
//
// After an error the rest of that job is not run. Nobody retries a failed Sync: what the disk holds
// is then unknown (see docs/decisions on fail-stop).
//
// Threads: all calls from the loop's thread. Names are plain file names without a slash.
#pragma once

#include <cstddef>
#include <cstdint>
#include <functional>
#include <span>
#include <string>
#include <string_view>
#include <variant>
#include <vector>

#include "base/bytes.h"
#include "base/result.h"

namespace holdfast::env {

// Creates an empty file of `size` zero bytes that are really allocated. An error if it exists.
struct CreateFile {
  std::string name;
  std::uint64_t size = 0;
};
// Writes the parts one after the other from `offset` on. Creates the file if missing.
struct WriteFile {
  std::string name;
  std::uint64_t offset = 0;
  std::vector<SharedBytes> parts;
  // The job goes on when the bytes have left memory, as far as the system can do that: so that who
  // writes much does not leave a heap behind which the syncs of others wait. Nothing is durable for that.
  bool let_go = false;
};
// Cuts or extends the file to `size` bytes.
struct ResizeFile {
  std::string name;
  std::uint64_t size = 0;
};
// Data and size of the file reach the disk (fdatasync).
struct SyncFile {
  std::string name;
};
// Names reach the disk: creations, renames, removals so far (fsync of the folder).
struct SyncFolder {};
// Replaces `to` if it exists, atomically.
struct RenameFile {
  std::string from;
  std::string to;
};
// No error if the file is missing.
struct RemoveFile {
  std::string name;
};
// Reads up to `length` bytes into *out (shorter at the end of the file).
// `out` must outlive the job's done.
struct ReadFile {
  std::string name;
  std::uint64_t offset = 0;
  std::uint64_t length = 0;
  std::string* out = nullptr;
  // What memory holds of it is let go first, as far as it is on the disk and the system can do that: so
  // that what comes is what the disk holds.
  bool past_cache = false;
};

using DiskOperation = std::variant<CreateFile, WriteFile, ResizeFile, SyncFile, SyncFolder,
                                   RenameFile, RemoveFile, ReadFile>;

struct DiskJob {
  std::vector<DiskOperation> operations;
  std::function<void(Result<void>)> done;
};

// The log does not wait behind snapshots, nor these behind the making of the log's next file: where much is
// written one such file follows the other, and a snapshot between them would never end.
enum class Lane { log, background, snapshots };
inline constexpr std::size_t kLanes = 3;

struct FileInfo {
  std::string name;
  std::uint64_t size = 0;
};

class Disk {
 public:
  virtual ~Disk() = default;

  // Runs soon; never calls `done` before returning.
  virtual void submit(Lane lane, DiskJob job) = 0;

  // Blocking, for start-up and tools.
  virtual Result<void> run(std::span<const DiskOperation> operations) = 0;
  // All files of the folder, sorted by name.
  virtual Result<std::vector<FileInfo>> list() = 0;
  // The whole file. Refuses more than `limit` bytes.
  virtual Result<std::string> read(std::string_view name, std::uint64_t limit) = 0;
  // Bytes that may still be allocated on this disk.
  virtual Result<std::uint64_t> free_space() = 0;
};

}  // namespace holdfast::env
