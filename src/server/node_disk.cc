#include "server/node_disk.h"

#include <algorithm>
#include <utility>
#include <variant>

namespace holdfast::server {
namespace {

template <class Operation>
bool is(const env::DiskOperation& operation) {
  return std::holds_alternative<Operation>(operation);
}

}  // namespace

void NodeDisk::submit(env::Lane lane, env::DiskJob job) {
  const auto& all = job.operations;
  const bool only_reads = std::all_of(all.begin(), all.end(), is<env::ReadFile>);
  const bool timed =
      lane == env::Lane::log && std::any_of(all.begin(), all.end(), is<env::SyncFile>);
  job.done = [this, only_reads, timed, began = clock_.now(),
              done = std::move(job.done)](Result<void> result) {
    if (has_failed_) return;
    if (!result && !only_reads && !result.error().no_space) {
      has_failed_ = true;
      return failed_(result.error().message);
    }
    if (timed && result.ok()) log_syncs_.add(clock_.now() - began);
    if (done) done(std::move(result));
  };
  disk_.submit(lane, std::move(job));
}

}  // namespace holdfast::server
