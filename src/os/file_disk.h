// The disk interface over a real folder: one thread for each lane does the work, completions come
// back to the loop in the order of the jobs.
//
// One process at a time may use a folder (a lock on its file `lock`).
//
// Threads: the loop's, as env/disk.h says. Lifetime: dies before the loop; jobs that have not
// begun by then are dropped, and no `done` is called any more.
#pragma once

#include <memory>
#include <string>

#include "base/result.h"
#include "env/disk.h"
#include "os/event_loop.h"

namespace holdfast::os {

class FileDisk final : public env::Disk {
 public:
  // Makes the folder if only it is missing, not its parents. The error says what to do.
  static Result<std::unique_ptr<FileDisk>> open(const std::string& path, EventLoop& loop);
  ~FileDisk() override;

  void submit(env::Lane lane, env::DiskJob job) override;
  Result<void> run(std::span<const env::DiskOperation> operations) override;
  Result<std::vector<env::FileInfo>> list() override;
  Result<std::string> read(std::string_view name, std::uint64_t limit) override;
  Result<std::uint64_t> free_space() override;

 private:
  struct State;
  explicit FileDisk(std::unique_ptr<State> state);
  std::unique_ptr<State> state_;
};

}  // namespace holdfast::os
