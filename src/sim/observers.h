// Watches the insides of a simulated cluster after every turn of every node, and objects when what
// agreement promises does not hold. Believes nothing that a node says about itself but what it
// could not act otherwise upon: role, epoch, log, indexes and the data.
//
//   Observers observers(nodes);
//   World world(options, observers, …);
//   observers.attach(world);                     // before the first turn
//   …
//   observers.acknowledged(now, words);          // a client was told that this write is done
//   observers.finish();                          // at rest, with everyone back
//   for (const auto& problem : observers.problems()) …
//
// The rules, each a small class with a test that shows it catches its violation:
//
//   election safety        an epoch has one leader, in one process of it     observer_elections.h
//   leader append-only     a leader never cuts its own log                    observer_elections.h
//   commit of own epoch    a leader counts replicas of its own entries only  observer_elections.h
//   leader completeness    a leader has what was committed before it          observer_elections.h
//   deaf leader            a leader that no majority reaches gives up in time observer_elections.h
//   lease                  who has a lease is the newest leader                observer_elections.h
//   log matching           same index and epoch: same entry, same past        observer_logs.h
//   committed entries      at each index one, for ever, whoever says so       observer_logs.h
//   state machine safety   what is applied is what was committed              observer_logs.h
//   quorum durability      what is committed is on the disks of a quorum      observer_disks.h
//   membership             the newest of the log is in force; it changes one safe step at a time
//   leader votes           who leads was elected by a quorum of voters, as one of them
//   one folder             a number is borne by one data folder               observer_members.h
//   synced first           an entry counts as durable once its write is      observer_disks.h
//   durability             what was durable is there after a restart          observer_disks.h
//   nothing goes back      epoch, commit, applied, snapshot of a process      observer_disks.h
//   replica equality       same index, same data                              observer_data.h
//   acknowledged           what a client was told is done is committed        observer_data.h
//   snapshots              what a snapshot holds is the state after its entry observer_snapshots.h
//   notices                all tell the same of an entry, and nothing twice   observer_notices.h
//   waiters                who is let wait for a lock is in its queue         observer_data.h
//
// Beside them the engine's own invariants are asked whenever a role or an epoch changes; what is
// wrong there ends the program with a CHECK.
//
// Cheap: a turn that changed none of what is looked at costs a few comparisons.
#pragma once

#include <cstdint>
#include <memory>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "sim/host.h"
#include "sim/observer.h"

namespace holdfast::sim {

class World;

class Observers final : public HostObserver {
 public:
  explicit Observers(std::uint32_t nodes, const Timing& timing = {});
  ~Observers() override;

  // From here on on_turn() looks at the machines of this world. It must outlive the observers' use.
  void attach(World& world);
  // Somebody else who wants to be told the same (a timeline). Null: nobody.
  void also_tell(HostObserver* other) { other_ = other; }

  void on_turn(MachineId machine) override;
  void on_death(MachineId machine, const std::string& why) override;
  void on_noticed(MachineId machine, const replica::EntryNotices& entry) override;
  void on_notices_missed(MachineId machine) override;

  // A client was told that this write is done: these words, as it sent them.
  void acknowledged(Instant at, std::span<const std::string> words);
  // A fault may make this machine's disk forget what it has confirmed. The rules do not hold it to
  // that until its loss could no longer be overlooked (Memory::distrust_disk).
  void distrust_disk(MachineId machine);
  // A fault has changed data in this machine's memory: it is not compared until trusted again.
  void distrust_data(MachineId machine);
  void trust_data(MachineId machine);
  // Looks at every running machine once more, thoroughly, and compares the data of all.
  void finish();

  const std::vector<Problem>& problems() const;
  bool ok() const { return problems().empty(); }

  // What was seen last of each machine.
  const Memory& memory() const;

  struct Counts {
    std::uint64_t looks = 0;      // turns looked at
    std::uint64_t changes = 0;    // … at which anything had changed
    std::uint64_t elections = 0;  // epochs with a leader
    std::uint64_t committed = 0;  // entries
    std::uint64_t installed = 0;  // snapshots of peers
    std::uint64_t digests = 0;    // of data, compared
    std::uint64_t deaths = 0;     // of nodes, of their own accord
  };
  const Counts& counts() const;

 private:
  struct State;
  std::unique_ptr<State> state_;
  HostObserver* other_ = nullptr;
};

}  // namespace holdfast::sim
