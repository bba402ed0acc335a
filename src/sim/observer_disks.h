// Rules about what may be forgotten: nothing within a process, nothing durable over its death, and
// nothing that is committed as long as a majority of disks keeps what it has confirmed.
#pragma once

#include <deque>
#include <map>

#include "sim/observer.h"
#include "sim/observer_logs.h"

namespace holdfast::sim {

// What is committed is on the disks of a majority at the moment when anybody first knows: only then
// may a client be told. From there on Durability keeps it. Or it was, and those who have lost it since
// know that and have not recovered: their word may be under way for longer than their disk has kept it.
class QuorumDurability final : public Rule {
 public:
  static constexpr std::string_view kName = "quorum durability";
  // `committed` must have seen each look before this rule does.
  explicit QuorumDurability(const Committed& committed) : committed_(committed) {}
  void see(const Look& look, const Memory& memory, Problems& problems) override;

 private:
  const Committed& committed_;
};

// An entry counts as durable only once the write that brought it is on the disk: what the engine
// says of its log is held against what the log has said of its writes.
class SyncedFirst final : public Rule {
 public:
  static constexpr std::string_view kName = "synced first";
  void see(const Look& look, const Memory& memory, Problems& problems) override;

 private:
  // Entries from here on, up to the next of these, came with this write or a later one.
  struct Brought {
    consensus::WriteId write = 0;
    Index from;
  };
  std::map<MachineId, std::deque<Brought>> under_way_;
};

// A process begins with what the one before it on that machine had made durable: log, promise and
// snapshot. Or it does not begin: a damaged disk is met by a refusal. Only where the end of the log
// is lost can nobody tell, and that is not asked of it (Memory::distrust_disk).
class Durability final : public Rule {
 public:
  static constexpr std::string_view kName = "durability";
  void see(const Look& look, const Memory& memory, Problems& problems) override;
};

// Within a process promise, commit, applied index and snapshot never go back, and they are in
// order.
class NothingGoesBack final : public Rule {
 public:
  static constexpr std::string_view kName = "nothing goes back";
  void see(const Look& look, const Memory& memory, Problems& problems) override;
};

}  // namespace holdfast::sim
