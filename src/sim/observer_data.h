// Rules about what clients get: the same data from every replica, nothing that was acknowledged
// without being committed, and an end of each wait.
#pragma once

#include <span>
#include <string>
#include <string_view>
#include <unordered_map>
#include <vector>

#include "replica/command_record.h"
#include "sim/observer.h"
#include "sim/observer_logs.h"

namespace holdfast::sim {

// Replicas that have applied the same entries hold the same data. A few numbers are compared at
// every index; the digest of everything at some of them, chosen so that all replicas choose the
// same, and whenever a look is thorough.
class ReplicaEquality final : public Rule {
 public:
  static constexpr std::string_view kName = "replica equality";
  void see(const Look& look, const Memory& memory, Problems& problems) override;
  std::uint64_t digests() const { return digests_; }

 private:
  // What is known of the state after an index, from whoever was there first.
  struct After {
    MachineId machine = 0;  // 0: not known
    std::uint64_t revision = 0;
    std::uint64_t keys = 0;
    std::int64_t next_deadline_ms = 0;
    MachineId digested_at = 0;  // 0: no digest
    std::uint64_t digest = 0;
  };
  void see_digest(const Look& look, After& after, Problems& problems);

  std::vector<After> after_;  // by index
  std::uint64_t digests_ = 0;
};

// A write that was acknowledged is in a committed entry: the log holds those words, as often as a
// client was told that they were done.
class AcknowledgedIsCommitted final : public Rule {
 public:
  static constexpr std::string_view kName = "acknowledged";
  // `committed` must have seen each look before this rule does.
  explicit AcknowledgedIsCommitted(const Committed& committed) : committed_(committed) {}
  void see(const Look& look, const Memory& memory, Problems& problems) override;
  // The words of the command as the client sent them; of a transaction: of each command in it.
  void acknowledged(Instant at, std::span<const std::string> words, Problems& problems);

 private:
  const Committed& committed_;
  // How often these words were committed and not yet acknowledged, by their hash.
  std::unordered_map<std::uint64_t, std::int64_t> unclaimed_;
  replica::CommandRecord record_;  // reused
};

// Whoever a node lets wait for a lock stands in that lock's queue, or nobody would ever tell him
// that his wait is over.
class WaitersAreQueued final : public Rule {
 public:
  static constexpr std::string_view kName = "waiters";
  // `committed` must have seen each look before this rule does.
  explicit WaitersAreQueued(const Committed& committed) : committed_(committed) {}
  void see(const Look& look, const Memory& memory, Problems& problems) override;

 private:
  const Committed& committed_;
};

}  // namespace holdfast::sim
