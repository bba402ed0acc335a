// Which start of each other node was met last: told to it in every greeting, so that an older copy of
// its data folder learns that it is one (decision 0022).
//
// A meeting counts in memory at once, and is written to the folder soon after, so that the next process
// knows it as well. A full disk only delays that.
//
// Threads: the loop's.
#pragma once

#include <cstdint>
#include <map>
#include <memory>

#include "base/time.h"
#include "base/trace.h"
#include "env/disk.h"
#include "storage/met_starts.h"

namespace holdfast::server {

class Acquaintances {
 public:
  // `known`: of an earlier process, as it was loaded; of another cluster it counts for nothing.
  Acquaintances(env::Disk& disk, std::uint64_t cluster, const storage::MetStarts& known);

  // Null: none that is known.
  const storage::MetStart* of(NodeId node) const;
  // The same for what is certainly on the disk.
  const storage::MetStart* durable(NodeId node) const;
  // False: nothing new. REQUIRES: it is no older start than the one known.
  bool meet(const storage::MetStart& start);
  // Left the cluster.
  void forget(NodeId node);

  void on_turn_end(Instant now);
  Instant wake_at() const;

 private:
  using Starts = std::map<NodeId, storage::MetStart>;
  void write();

  env::Disk& disk_;
  const std::uint64_t cluster_;
  Starts starts_;
  Starts durable_;
  bool changed_ = false;  // since it was last written
  bool writing_ = false;
  bool refused_ = false;  // there was no room, in this turn
  Instant again_at_;
  std::shared_ptr<int> alive_ = std::make_shared<int>(0);
};

}  // namespace holdfast::server
