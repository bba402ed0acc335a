// Gives out the file of a snapshot part by part, to clients that make a backup. A part is read from
// the disk before it is asked for, so that the loop never waits: who asks too early is told to ask
// again.
//
// The file stays on the disk as long as somebody reads it. Who has not asked for a while is
// forgotten.
//
// Threads: the loop's; files are read on the background lane. Memory: one part for each reader.
#pragma once

#include <cstdint>
#include <map>
#include <memory>
#include <string>

#include "base/ids.h"
#include "base/result.h"
#include "base/time.h"
#include "env/disk.h"
#include "server/services.h"
#include "storage/snapshot_file.h"

namespace holdfast::server {

class ImageReader {
 public:
  static constexpr std::size_t kReaders = 4;
  static constexpr std::uint64_t kPart = 256 * 1024;
  static constexpr Duration kForgotten = seconds(30);

  explicit ImageReader(env::Disk& disk) : disk_(disk) {}
  ~ImageReader();

  // The index of what `who` reads; 0: nothing.
  Index of(ConnectionId who) const;
  // `who` reads this file from now on. `holders` is kept as long. An error if there are too many.
  Result<void> open(ConnectionId who, const storage::SnapshotFile& file,
                    std::shared_ptr<void> holders, Instant now);
  // At most kPart bytes from there on. An error if the file cannot be read; it is then closed.
  // REQUIRES: of(who).
  Result<Services::Image> read(ConnectionId who, std::uint64_t offset, Instant now);
  void sweep(Instant now);

 private:
  struct Reader {
    storage::SnapshotFile file;
    std::shared_ptr<void> holders;
    Instant asked;
    bool reading = false;
    std::uint64_t offset = 0;  // of what is there, or being read
    std::string bytes;
    Result<void> result;
  };

  void begin(const std::shared_ptr<Reader>& reader, std::uint64_t offset);

  env::Disk& disk_;
  std::map<std::uint64_t, std::shared_ptr<Reader>> readers_;  // by connection
  std::shared_ptr<bool> alive_ = std::make_shared<bool>(true);
};

}  // namespace holdfast::server
