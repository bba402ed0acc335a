// The disk of a node as all its parts use it: what a failure means is decided here, once, and how
// long the log's syncs take is kept in mind: from the order to the turn that hears of it, so what a
// command waits for, the thread's queue included.
//
// The first error of a job that writes, syncs, renames or removes is the last thing that happens:
// what the disk holds is then unknown, and nothing retries it (docs/decisions/0005). `failed` is
// called in place of the job's done, and nothing of that disk is heard any more. Two kinds of error are
// told to whoever ordered the job: there was no room (Error::no_space), and those of jobs that only
// read.
//
// Threads: the loop's. Owns nothing; must outlive the jobs given to it.
#pragma once

#include <functional>
#include <string>

#include "env/clock.h"
#include "env/disk.h"
#include "server/histogram.h"

namespace holdfast::server {

class NodeDisk final : public env::Disk {
 public:
  using Failed = std::function<void(const std::string& message)>;

  NodeDisk(env::Disk& disk, env::Clock& clock, Failed failed)
      : disk_(disk), clock_(clock), failed_(std::move(failed)) {}

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
  const Failed failed_;
  bool has_failed_ = false;
  Histogram log_syncs_;
};

}  // namespace holdfast::server
