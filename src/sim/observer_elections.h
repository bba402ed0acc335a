// Rules about leaders: Raft's election safety, leader append-only and leader completeness (Ongaro's
// thesis, figure 3.2), which every engine with epochs owes.
#pragma once

#include <map>

#include "sim/observer.h"
#include "sim/observer_logs.h"

namespace holdfast::sim {

// An epoch has at most one leader, and that in one process: who begins again has forgotten what it
// proposed. Whoever follows somebody in an epoch follows that leader.
class ElectionSafety final : public Rule {
 public:
  static constexpr std::string_view kName = "election safety";
  void see(const Look& look, const Memory& memory, Problems& problems) override;
  std::uint64_t elections() const { return elections_; }

 private:
  struct Leader {
    NodeId node;
    MachineId machine = 0;  // 0: known only from those who follow it
    std::uint64_t process = 0;
  };
  std::map<Epoch, Leader> leaders_;
  std::uint64_t elections_ = 0;
};

// A leader adds to its log and takes nothing back.
class LeaderAppendOnly final : public Rule {
 public:
  static constexpr std::string_view kName = "leader append-only";
  void see(const Look& look, const Memory& memory, Problems& problems) override;
};

// A leader commits by counting only what it has appended itself; entries of older epochs come along
// with that (thesis 3.6.2). Counted alone they may still be overwritten.
class CommitOfOwnEpoch final : public Rule {
 public:
  static constexpr std::string_view kName = "commit of own epoch";
  void see(const Look& look, const Memory& memory, Problems& problems) override;
};

// Whatever is committed in an epoch is in the log of the leader of every later one.
class LeaderCompleteness final : public Rule {
 public:
  static constexpr std::string_view kName = "leader completeness";
  // `committed` must have seen each look before this rule does.
  explicit LeaderCompleteness(const Committed& committed) : committed_(committed) {}
  void see(const Look& look, const Memory& memory, Problems& problems) override;

 private:
  void see_leader(const Look& look, Problems& problems) const;

  const Committed& committed_;
};

// How long each leader has been in a bad way: of one process and epoch, while `mark` stays the same.
// Counted by its own clock, which may stand still, over turns without a gap: what came while a
// process stood still it may hear when it goes on.
class Spells {
 public:
  explicit Spells(const Timing& timing)
      // More than a live process is without a turn.
      : gap_(timing.heartbeat * 3 / 2) {}

  // Up to this sight, which is one of a bad way too if `bad`; else nothing.
  Duration length(const Sight& now, bool bad, std::uint64_t mark);

 private:
  struct Spell {
    std::uint64_t process = 0;  // 0: all is well
    Epoch epoch;
    std::uint64_t mark = 0;
    Instant since;
    Instant seen;
  };
  Duration gap_;
  std::map<MachineId, Spell> spells_;
};

// A leader that no majority can reach gives up in time. Until then its clients wait for nothing;
// and if what it says still arrives, its followers elect nobody else, for as long as that lasts.
//
// What is mended may bring it something at once.
class DeafLeader final : public Rule {
 public:
  static constexpr std::string_view kName = "deaf leader";

  explicit DeafLeader(const Timing& timing)
      // Two election time-outs, as its followers wait at most; a heartbeat until it looks; and room
      // for clocks and for what was on its way.
      : patience_(timing.election * 2 + timing.heartbeat + milliseconds(350)),
        spells_(timing) {}

  void see(const Look& look, const Memory& memory, Problems& problems) override;

 private:
  Duration patience_;
  Spells spells_;
};

// Who answers reads by a lease is the newest leader: nobody has been elected after it.
class OneLease final : public Rule {
 public:
  static constexpr std::string_view kName = "lease";
  void see(const Look& look, const Memory& memory, Problems& problems) override;
};

// A leader whose disk completes nothing any more gives up in time, though its followers' disks
// suffice for every commit. If writes took long before, in a longer time. A group of one has nobody
// to lead instead.
class HungLeader final : public Rule {
 public:
  static constexpr std::string_view kName = "hung leader";

  explicit HungLeader(const Timing& timing)
      : // It waits for two election time-outs, and looks at each heartbeat; or for three times the
        // slowest write of late, up to ten election time-outs.
        usual_(timing.election * 2),
        longest_(timing.election * 10),
        patience_(usual_ + timing.heartbeat * 3 + milliseconds(100)),
        spells_(timing) {}

  void see(const Look& look, const Memory& memory, Problems& problems) override;

 private:
  Duration usual_;
  Duration longest_;
  Duration patience_;
  Spells spells_;
};

// A leader takes no commands of clients while no majority of the nodes is there and has room for them,
// if one of those who are there says that it has none.
class NoRoom final : public Rule {
 public:
  static constexpr std::string_view kName = "no room";

  // The others' disks are heard of by heartbeats; that one is gone, after an election time-out.
  explicit NoRoom(const Timing& timing)
      : patience_(timing.heartbeat * 4 + milliseconds(800)), spells_(timing) {}

  void see(const Look& look, const Memory& memory, Problems& problems) override;

 private:
  static bool has_command(const consensus::Entry& entry);

  Duration patience_;
  Spells spells_;
};

// A leader that is to rest hands over to others who could lead.
class RestingLeader final : public Rule {
 public:
  static constexpr std::string_view kName = "resting leader";

  // A change of voters, which begins within a tenth of a second, and a transfer, which may fail.
  explicit RestingLeader(const Timing& timing)
      : patience_(timing.election * 10 + seconds(2)), spells_(timing) {}

  void see(const Look& look, const Memory& memory, Problems& problems) override;

 private:
  Duration patience_;
  Spells spells_;
};

}  // namespace holdfast::sim
