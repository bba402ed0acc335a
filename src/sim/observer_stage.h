// For tests of observers: machines whose logs and claims a test makes up, seen by all rules.
#pragma once

#include <gtest/gtest.h>

#include <algorithm>
#include <deque>
#include <string>
#include <string_view>
#include <vector>

#include "keyspace/keyspace.h"
#include "replica/batch.h"
#include "replica/command_record.h"
#include "sim/observer_rules.h"

namespace holdfast::sim {

inline Epoch epoch_of(std::uint64_t round, std::uint64_t node) { return {round, NodeId(node)}; }

class Stage {
 public:
  struct Machine {
    Sight sight;
    consensus::Membership membership;
    consensus::LogTail log{Index(), Epoch()};
    keyspace::Keyspace data{1};
    std::vector<server::LockWait> waits;
  };

  // `votes`: the story tells of the promises of all before somebody leads.
  explicit Stage(std::uint32_t machines = 3, bool votes = false)
      : votes_(votes), rules_(machines, {}, votes) {
    for (MachineId id = 1; id <= machines; ++id) {
      Machine& machine = machines_.emplace_back();
      machine.sight.machine = id;
      machine.sight.node = NodeId(id);
      for (MachineId one = 1; one <= machines; ++one) {
        machine.membership.voters.push_back(NodeId(one));
      }
    }
  }

  Machine& machine(MachineId id) { return machines_.at(id - 1); }
  Sight& sight(MachineId id) { return machine(id).sight; }
  Rules& rules() { return rules_; }

  // Told to the rules: this machine as it is now.
  void see(MachineId id, bool thorough = false) {
    Machine& machine = machines_.at(id - 1);
    Sight& sight = machine.sight;
    sight.at = Instant{++now_};
    sight.before = machine.log.before();
    sight.last = machine.log.last();
    sight.last_epoch = machine.log.last_epoch();
    sight.log = &machine.log;
    sight.membership = &machine.membership;
    sight.data = &machine.data;
    sight.waits = &machine.waits;
    rules_.see(sight, thorough);
  }

  // Adds an entry to the log, not seen yet. `durable`: and it is on the disk.
  void append(MachineId id, Epoch epoch, std::string_view words = "", bool durable = true) {
    Machine& machine = machines_.at(id - 1);
    consensus::Entry entry;
    entry.index = machine.log.last().next();
    entry.epoch = epoch;
    if (!words.empty()) {
      entry.kind = consensus::EntryKind::batch;
      entry.payload = SharedBytes(batch_of(words));
    }
    entry.content =
        consensus::content_checksum(GroupId(), entry.index, entry.kind, entry.payload.view());
    machine.log.append(std::move(entry));
    ++machine.sight.issued;
    if (durable) sync(id);
  }
  // The same with a membership, which is in force at once.
  void append_membership(MachineId id, Epoch epoch, const consensus::Membership& membership,
                         bool durable = true) {
    Machine& machine = machines_.at(id - 1);
    consensus::Entry entry;
    entry.index = machine.log.last().next();
    entry.epoch = epoch;
    entry.kind = consensus::EntryKind::config;
    std::string payload;
    membership.encode(payload);
    entry.payload = SharedBytes(std::move(payload));
    entry.content =
        consensus::content_checksum(GroupId(), entry.index, entry.kind, entry.payload.view());
    machine.log.append(std::move(entry));
    machine.membership = membership;
    ++machine.sight.issued;
    if (durable) sync(id);
  }
  // All that was written is on the disk.
  void sync(MachineId id) {
    Machine& machine = machines_.at(id - 1);
    machine.sight.durable = machine.log.last();
    machine.sight.synced = machine.sight.issued;
  }
  void cut(MachineId id, std::uint64_t from) {
    Machine& machine = machines_.at(id - 1);
    machine.log.cut(Index(from));
    machine.sight.durable = std::min(machine.sight.durable, Index(from).previous());
  }
  void promise(MachineId id, Epoch epoch) {
    sight(id).epoch = epoch;
    sight(id).leader = NodeId();
    sight(id).role = consensus::Role::follower;
  }
  void lead(MachineId id, Epoch epoch) {
    promise(id, epoch);
    sight(id).leader = sight(id).node;
    sight(id).role = consensus::Role::leader;
  }
  void follow(MachineId id, MachineId leader, Epoch epoch) {
    promise(id, epoch);
    sight(id).leader = sight(leader).node;
  }
  void commit(MachineId id, std::uint64_t index, bool apply = true) {
    sight(id).commit = Index(index);
    if (apply) sight(id).applied = Index(index);
  }
  // The process is another; what it knew of commits is gone.
  void restart(MachineId id) {
    Sight& sight = machine(id).sight;
    ++sight.process;
    sight.role = consensus::Role::follower;
    sight.leader = NodeId();
    sight.commit = sight.applied = machine(id).log.before();
  }
  // A snapshot of the leader replaces log and state.
  void install(MachineId id, std::uint64_t index, Epoch epoch) {
    Machine& machine = machines_.at(id - 1);
    machine.log.reset(Index(index), epoch);
    machine.sight.snapshot = machine.sight.durable = Index(index);
    commit(id, index);
  }
  void put(MachineId id, std::string_view key, std::string_view value) {
    machine(id).data.put({key, Slot(7)}, keyspace::Value::string(value));
  }

  // One story without fault: node 1 leads 1.1, all hold and have applied `entries` entries.
  void founded(std::uint64_t entries) {
    for (MachineId id = 2; votes_ && id <= machines_.size(); ++id) {
      promise(id, epoch_of(1, 1));
      see(id);
    }
    lead(1, epoch_of(1, 1));
    for (std::uint64_t i = 0; i < entries; ++i) {
      append(1, epoch_of(1, 1), i == 0 ? "" : "SET k v" + std::to_string(i));
    }
    see(1);
    for (MachineId id = 2; id <= machines_.size(); ++id) {
      follow(id, 1, epoch_of(1, 1));
      for (std::uint64_t i = 0; i < entries; ++i) {
        append(id, epoch_of(1, 1), i == 0 ? "" : "SET k v" + std::to_string(i));
      }
      see(id);
    }
    for (MachineId id = 1; id <= machines_.size(); ++id) {
      commit(id, entries);
      see(id);
    }
  }

  // The names of the rules that have objected, without repetition.
  std::vector<std::string> objections() const {
    std::vector<std::string> names;
    for (const Problem& problem : rules_.problems()) {
      if (std::find(names.begin(), names.end(), problem.rule) == names.end()) {
        names.emplace_back(problem.rule);
      }
    }
    return names;
  }
  bool objects(std::string_view rule) const {
    const auto names = objections();
    return std::find(names.begin(), names.end(), rule) != names.end();
  }

 private:
  static std::string batch_of(std::string_view words) {
    std::vector<std::string_view> parts;
    while (!words.empty()) {
      const auto space = std::min(words.find(' '), words.size());
      parts.push_back(words.substr(0, space));
      words.remove_prefix(std::min(space + 1, words.size()));
    }
    std::string record;
    replica::encode_command(0, Origin{}, parts, record);
    replica::BatchWriter writer;
    writer.add(record);
    return writer.finish({});
  }

  bool votes_;
  Rules rules_;
  std::deque<Machine> machines_;
  std::int64_t now_ = 0;
};

using Names = std::vector<std::string>;

}  // namespace holdfast::sim
