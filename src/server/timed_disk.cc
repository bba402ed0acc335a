#include "server/timed_disk.h"

#include <algorithm>
#include <utility>
#include <variant>

namespace holdfast::server {

void TimedDisk::submit(env::Lane lane, env::DiskJob job) {
  const auto is_sync = [](const env::DiskOperation& operation) {
    return std::holds_alternative<env::SyncFile>(operation);
  };
  if (lane == env::Lane::log && std::any_of(job.operations.begin(), job.operations.end(), is_sync)) {
    job.done = [this, began = clock_.now(), done = std::move(job.done)](Result<void> result) {
      if (result.ok()) log_syncs_.add(clock_.now() - began);
      done(std::move(result));
    };
  }
  disk_.submit(lane, std::move(job));
}

}  // namespace holdfast::server
