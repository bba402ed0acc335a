// A disk that keeps in mind how long the log's syncs take: from the order to the turn that hears of
// it, so what a command waits for, the thread's queue included.
//
// Threads: the loop's. Owns nothing; must outlive the jobs given to it.
#pragma once

#include "env/clock.h"
#include "env/disk.h"
#include "server/histogram.h"

namespace holdfast::server {

class TimedDisk final : public env::Disk {
 public:
  TimedDisk(env::Disk& disk, env::Clock& clock) : disk_(disk), clock_(clock) {}

  void submit(env::Lane lane, env::DiskJob job) override;
  Result<void> run(std::span<const env::DiskOperation> operations) override {
    return disk_.run(operations);
  }
  Result<std::vector<env::FileInfo>> list() override { return disk_.list(); }
  Result<std::string> read(std::string_view name, std::uint64_t limit) override {
    return disk_.read(name, limit);
  }
  Result<std::uint64_t> free_space() override { return disk_.free_space(); }

  // Of those that succeeded.
  const Histogram& log_syncs() const { return log_syncs_; }

 private:
  env::Disk& disk_;
  env::Clock& clock_;
  Histogram log_syncs_;
};

}  // namespace holdfast::server
