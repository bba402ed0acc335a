// A disk that forgets what was not synced.
//
// Writes go to what a page cache would show; a crash keeps, sector by sector and at random, some of
// what was written since the last sync of the file, and of the names changed since the last sync of
// the folder a random number of the oldest. What was synced is never lost. Jobs take time.
#pragma once

#include <cstdint>
#include <deque>
#include <functional>
#include <map>
#include <memory>
#include <set>
#include <string>
#include <vector>

#include "base/prng.h"
#include "env/disk.h"
#include "sim/schedule.h"

namespace holdfast::sim {

class Disk final : public env::Disk {
 public:
  static constexpr std::uint64_t kSector = 512;

  // Runs a completion on the loop of the process that owns the folder, whenever that has time.
  using Deliver = std::function<void(std::function<void()>)>;

  Disk(Schedule& schedule, Prng prng, Deliver deliver)
      : schedule_(schedule), prng_(prng), deliver_(std::move(deliver)) {}

  void submit(env::Lane lane, env::DiskJob job) override;
  Result<void> run(std::span<const env::DiskOperation> operations) override;
  Result<std::vector<env::FileInfo>> list() override;
  Result<std::string> read(std::string_view name, std::uint64_t limit) override;
  Result<std::uint64_t> free_space() override { return std::uint64_t{1} << 40; }

  // The process dies: jobs under way stop somewhere, nobody is told, and what was not synced may be
  // gone. `power`: the machine dies; otherwise the page cache survives and all that was written is
  // kept.
  void crash(bool power);

 private:
  struct File {
    std::string content;              // as the page cache shows it
    std::string durable;              // as of the last sync
    std::set<std::uint64_t> dirty;    // sectors written since
  };
  using Names = std::map<std::string, std::shared_ptr<File>, std::less<>>;
  struct LaneState {
    std::deque<env::DiskJob> jobs;
    std::size_t done = 0;    // operations of the first job
    bool planned = false;    // the next one is in the schedule
  };

  void plan(env::Lane lane);
  void work(env::Lane lane);
  Result<void> carry_out(const env::DiskOperation& operation);
  void write(const env::WriteFile& operation);
  void change_names(std::function<void(Names&)> change);
  void lose_unsynced(File& file);
  Duration cost(const env::DiskOperation& operation);

  Schedule& schedule_;
  Prng prng_;
  Deliver deliver_;
  Names names_;
  Names durable_names_;
  std::vector<std::function<void(Names&)>> name_changes_;  // since the last SyncFolder
  std::map<env::Lane, LaneState> lanes_;
  std::uint64_t generation_ = 0;  // of the process; events of an older one do nothing
};

}  // namespace holdfast::sim
