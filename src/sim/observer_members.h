// Rules about who votes: which membership is in force, how it changes, and who may lead under it.
#pragma once

#include <map>
#include <optional>
#include <utility>
#include <vector>

#include "sim/observer.h"
#include "sim/observer_logs.h"

namespace holdfast::sim {

// The membership in force at a replica is the newest of its log, committed or not, or the one that
// its snapshot stands for. A leader changes it one safe step at a time: after an entry of its own
// epoch and the membership before are committed; voters through a joint membership with the old
// ones; to new voters who have caught up.
class Memberships final : public Rule {
 public:
  static constexpr std::string_view kName = "membership";
  using Placed = std::pair<Index, consensus::Membership>;

  // `committed` must have seen each look before this rule does.
  explicit Memberships(const Committed& committed) : committed_(committed) {}
  void see(const Look& look, const Memory& memory, Problems& problems) override;

  // Of the log of this machine, and what it began with; by index.
  const std::vector<Placed>& of(MachineId machine) { return placed_[machine]; }

 private:
  void take_committed(const Look& look);
  void see_change(const Look& look, const Memory& memory, const Placed& before, const Placed& next,
                  Problems& problems) const;

  const Committed& committed_;
  std::map<Index, consensus::Membership> settled_;  // that are committed; [0]: of the founding
  std::map<MachineId, std::vector<Placed>> placed_;
};

// A leader was elected by a quorum of its membership, each of whom has promised its epoch; and it
// votes itself, in the membership in force or one behind which nothing is committed (thesis 4.2.2).
// One that is out for sure gives up in time.
class LeaderVotes final : public Rule {
 public:
  static constexpr std::string_view kName = "leader votes";
  // `memberships` must have seen each look before this rule does.
  LeaderVotes(Memberships& memberships, const Timing& timing, bool votes)
      : memberships_(memberships), votes_(votes), patience_(timing.election * 4 + milliseconds(500)) {}
  void see(const Look& look, const Memory& memory, Problems& problems) override;

 private:
  bool may_lead(const Sight& now) const;
  void see_outsider(const Look& look, Problems& problems);

  Memberships& memberships_;
  bool votes_;
  Duration patience_;
  std::map<MachineId, std::pair<Epoch, Instant>> out_since_;  // by the leader's own clock
};

// A number belongs to one data folder for ever: a wiped node is a new node.
class OneFolder final : public Rule {
 public:
  static constexpr std::string_view kName = "one folder";
  void see(const Look& look, const Memory& memory, Problems& problems) override;

 private:
  std::map<NodeId, std::pair<MachineId, std::uint32_t>> bearers_;
};

}  // namespace holdfast::sim
