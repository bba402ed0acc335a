// What the observers of a cluster see, and what all of them need: the looks at its machines, and
// the memory of what was seen before.
//
// A rule is a small class that objects when a property of agreement is broken. It is told every
// look at which anything has changed, in the order of virtual time, and sees plain values; so a
// test can make them up. observers.h looks at a running world and tells all rules.
#pragma once

#include <cstdint>
#include <functional>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "base/ids.h"
#include "base/time.h"
#include "consensus/log_tail.h"
#include "consensus/membership.h"
#include "consensus/protocol.h"
#include "keyspace/keyspace.h"
#include "server/services.h"
#include "sim/network.h"

namespace holdfast::sim {

// Settings of all nodes that rules have to know.
struct Timing {
  Duration heartbeat = milliseconds(50);
  Duration election = milliseconds(300);
};

// One replica after a turn.
struct Sight {
  MachineId machine = 0;
  std::uint64_t process = 1;  // counts the starts of this machine
  NodeId node;
  Instant at;
  consensus::Role role = consensus::Role::follower;
  Epoch epoch;    // promised
  NodeId leader;  // whom it follows, 0: nobody
  Index commit;
  Index applied;
  Index durable;                             // of its own log, as its engine knows
  consensus::WriteId issued = 0;             // the newest of its writes that went to the log,
  consensus::WriteId synced = 0;             // and the newest that the log says is on the disk
  Index snapshot;                            // its newest stored one
  Index before;                              // its log holds what comes after this …
  Index last;                                // … up to this,
  Epoch last_epoch;                          // which is of this epoch
  std::uint32_t wipes = 0;  // how often the machine got an empty disk
  const consensus::Membership* membership = nullptr;  // in force
  const consensus::LogTail* log = nullptr;   // these two are valid during the call only
  const keyspace::Keyspace* data = nullptr;  // null: not looked at
  // Its own clock. Whether the wires bring it nothing from so many others that what it hears is no
  // majority (told of leaders only); and how often anything was mended in the network so far.
  Instant clock;
  bool deaf = false;
  Duration slowest_write;  // of those of late that are on its disk, without the wait for others
  // A node whose lease runs while another one leads a later epoch (told of leaders only; 0: none).
  NodeId leased;
  bool recovering = false;  // its disk has lost something, and it knows: decision 0010
  std::uint64_t mends = 0;
  bool full = false;  // its disk takes no more entries
  // Of a leader all of whose members run and hear each other: no majority of them has room on its disk;
  // and its list of nodes says that it is to rest, and others who follow it have all that is committed.
  bool no_room = false;
  bool unneeded = false;
  // A leader: for how long what it has gathered has waited for its log to end a sync, by its own clock.
  Duration gathers;
  bool puts_off = false;  // it left to the next turn to apply what it could have applied in this one
  // Of its clients, who waits for a lock; valid during the call only, null: not looked at.
  const std::vector<server::LockWait>* waits = nullptr;
  bool making_snapshot = false;  // of its present state, since the turn in which this became true
  // The file of the newest snapshot, if it is another than before; valid during the call only.
  const std::string* stored = nullptr;
  bool disk_may_lose = false;  // a fault lets its disk confirm what it does not keep
  // The process has found that its data is not that of the others (and perhaps mended it by now).
  bool differed = false;

  bool leads() const { return role == consensus::Role::leader; }
};

// The epochs of a machine's log by index. Outlives its processes: what the disk owes.
class LogMirror {
 public:
  // Takes over what the sight shows. Returns the first index at which the log is new or has changed
  // since; last + 1 if nowhere. The end of the log is compared, and all of it where that differs;
  // `thorough`: all of it.
  Index take(const Sight& sight, bool thorough);
  // Nothing outside of the log, nor where a snapshot stands for the entry.
  std::optional<Epoch> epoch_at(Index index) const;
  // The entry itself, or a snapshot that stands for it.
  bool holds(Index index, Epoch epoch) const;

 private:
  Index last() const { return Index(epochs_.size() - 1); }

  std::vector<Epoch> epochs_ = {Epoch{}};  // by index; [0]: before the log
  Index before_;                           // up to here a snapshot stands for all
};

// Whether those of whom `has` is true are a quorum: a majority of the voters, and in a joint
// membership of those before as well. (Not consensus/quorum.h, which is what is being watched.)
bool is_quorum(const consensus::Membership& membership, const std::function<bool(NodeId)>& has);

// A sight beside what was seen of that machine before.
struct Look {
  const Sight& now;
  // Null at the first sight of the machine. Its pointers are null.
  const Sight* before = nullptr;
  // The process is another than before, or the first.
  bool started = true;
  // Entries from here on were not seen in this machine's log before.
  Index changed_from{};
  // What was durable before: the last such entry, and its epoch if no snapshot stood for it.
  Index owed{};
  std::optional<Epoch> owed_epoch{};
  // Look at everything again, not only at what is new.
  bool thorough = false;

  // The entries of the log that were not committed, or applied, when last seen.
  Index first_new(Index Sight::*position) const;
  // Whether in one of the memberships that were in force since the look before those of whom `has`
  // is true are a quorum.
  bool is_quorum_of_any(const std::function<bool(NodeId)>& has) const;
};

// What a rule objects to.
struct Problem {
  std::string_view rule;
  std::string what;
  Instant at;

  // "election safety: nodes 1 and 2 both lead epoch 4.1"
  std::string text() const;
};

class Problems {
 public:
  // Of one rule only the first are kept: one broken thing is seen at every turn.
  static constexpr std::size_t kKeptOfEachRule = 3;

  void add(std::string_view rule, Instant at, std::string what);
  const std::vector<Problem>& all() const { return all_; }
  bool none() const { return all_.empty(); }

 private:
  std::vector<Problem> all_;
};

// The machines of the cluster as they were seen last.
class Memory {
 public:
  explicit Memory(std::uint32_t machines) : machines_(machines) {}

  std::uint32_t machines() const { return static_cast<std::uint32_t>(machines_.size()); }
  // The machine that bears this node, 0: none was seen.
  MachineId machine_of(NodeId node) const;
  // Null: never seen.
  const Sight* sight(MachineId machine) const;
  const LogMirror& mirror(MachineId machine) const { return at(machine).mirror; }
  // Whether the disk of a machine owes all that it had confirmed, or the node its refusal to go on
  // with less.
  bool disk_trusted(MachineId machine) const { return at(machine).disk_trusted; }
  // It may have lost something that nobody can miss: the end of the log. Trusted again once it has
  // kept something newer, which shows that there was more.
  void distrust_disk(MachineId machine);
  // What it had on its disk and knows to have lost: it may have said before that it has it, and somebody
  // may hear that only now and rightly count it, since it vouches for nothing new until it has it again
  // (decision 0010).
  bool had(MachineId machine, Index index, Epoch epoch) const;
  // Whether the data in its memory is what it has applied.
  bool data_trusted(MachineId machine) const { return at(machine).data_trusted; }
  void trust_data(MachineId machine, bool trusted) {
    machines_.at(machine - 1).data_trusted = trusted;
  }

  // Whether the sight shows anything that the last one of this machine did not.
  bool changed(const Sight& sight) const;
  // Takes the log over. remember() must follow when the rules have seen the look.
  Look look(const Sight& sight, bool thorough);
  void remember(const Sight& sight);

 private:
  struct Loss {
    LogMirror mirror;
    Index durable;
  };
  struct Machine {
    bool seen = false;
    bool disk_trusted = true;
    std::uint32_t kept = 0;  // how often anything became durable since the disk keeps it again
    bool data_trusted = true;
    Sight sight;
    consensus::Membership membership;  // of the sight
    LogMirror mirror;
    std::vector<Loss> losses;  // that it has not recovered from yet
  };
  const Machine& at(MachineId machine) const { return machines_.at(machine - 1); }
  static void regain_trust(Machine& machine, const Sight& sight);

  std::vector<Machine> machines_;
};

class Rule {
 public:
  virtual ~Rule() = default;
  // `memory` holds the log of this look already, but everything else of the look before.
  virtual void see(const Look& look, const Memory& memory, Problems& problems) = 0;
};

}  // namespace holdfast::sim
