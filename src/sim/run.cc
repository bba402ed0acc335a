#include "sim/run.h"

#include <fmt/format.h>

#include <algorithm>
#include <functional>
#include <map>
#include <memory>
#include <optional>
#include <set>
#include <span>
#include <string>
#include <utility>

#include "base/checksum.h"
#include "commands/roster.h"
#include "replica/replica.h"
#include "replica/steward.h"
#include "sim/client.h"
#include "sim/observers.h"
#include "sim/timeline.h"
#include "sim/world.h"
#include "workload/checkers/check_all.h"

namespace holdfast::sim {
namespace {

// A node that is told to end in order does so within this.
constexpr Duration kOrderlyEnd = milliseconds(2500);
// What was under way when the cluster served everybody again has ended after this.
constexpr Duration kUnderWay = seconds(3);
// So long clients work without any fault, to be judged by stricter rules.
constexpr Duration kCalm = seconds(4);

workload::Finals finals_of(const keyspace::Keyspace& keyspace) {
  workload::Finals finals;
  keyspace.for_each([&](const keyspace::Object& object) {
    finals.emplace(object.name(), object.value().to_string());
    return true;
  });
  return finals;
}

class Run {
 public:
  Run(const Scenario& scenario, const RunOptions& options)
      : scenario_(scenario),
        timeline_(scenario.machines(), options.timeline, options.log),
        observers_(scenario.machines(), scenario.timing),
        world_({.seed = options.seed,
                .nodes = scenario.nodes,
                .spares = scenario.spares,
                .replace_after = scenario.replace_after,
                .segment_bytes = scenario.segment_bytes,
                .snapshot_after_bytes = scenario.snapshot_after_bytes,
                .snapshot_after_max_bytes = scenario.snapshot_after_max_bytes,
                .pending_bytes = scenario.pending_bytes,
                .snapshot_rate = scenario.snapshot_rate,
                .scrub = scenario.scrub,
                .disk = scenario.disk,
                .timing = scenario.timing,
                .last = scenario.last,
                .leases = scenario.leases(options.seed),
                .secret = options.seed % 2 == 1},
               observers_, [this](MachineId node) -> Trace& { return timeline_.trace_of(node); }) {
    timeline_.attach(world_.schedule());
    observers_.attach(world_);
    observers_.also_tell(&timeline_);
    world_.network().all() = scenario.wire;
    for (std::uint32_t i = 0; i < scenario.mix.clients; ++i) {
      clients_.push_back(std::make_unique<Client>(world_, i, scenario.mix, scenario.habits,
                                                  report_.history,
                                                  [this](std::span<const std::string> words) {
                                                    observers_.acknowledged(world_.now(), words);
                                                  }));
    }
  }

  Report go() {
    if (found()) {
      work();
      recover();
      settle();
    }
    judge();
    return std::move(report_);
  }

 private:
  bool found();
  void work();
  void suffer(Fault fault);
  void recover();
  void freeze_all_but_a_core();
  bool is_core_enough(const std::set<MachineId>& core) const;
  void choose_a_core();
  void settle();
  void judge();
  void judge_inside();
  void judge_scrub();
  std::string unmended();
  void judge_history();
  Duration clock_slack() const;
  std::uint64_t hash() const;

  bool wait_for(Duration patience, const std::function<bool()>& what);
  bool serves_everyone(const std::vector<std::uint64_t>& before) const;
  bool changes_members() const { return scenario_.changes_members(); }
  bool owes_service();
  const replica::Replica* leading_replica() const;
  commands::Roster roster() const;
  bool settled() const;
  bool settles();
  bool is_listed(MachineId id) const;
  std::set<MachineId> in_step();
  bool at_rest();
  std::string positions();
  // Those of the core that run as members of the cluster.
  std::set<MachineId> up();
  std::optional<MachineId> last_recovering();
  void problem(std::string text);

  const Scenario& scenario_;
  Report report_;
  Timeline timeline_;
  Observers observers_;
  World world_;
  std::vector<std::unique_ptr<Client>> clients_;
  std::set<MachineId> core_;     // of whom service is expected after the faults
  std::set<MachineId> damaged_;  // whose disks did not keep what they had confirmed
  std::uint32_t clock_ppm_ = 0;  // the fastest of all clocks gained so much
  std::map<MachineId, Duration> longest_freeze_;
  bool serves_ = false;  // after the faults
  bool rests_ = false;   // at the end
  Instant calm_from_ = Instant::never();
};

void Run::problem(std::string text) {
  timeline_.note(text);
  report_.problems.push_back(std::move(text));
}

bool Run::wait_for(Duration patience, const std::function<bool()>& what) {
  const Instant end = world_.now() + patience;
  while (!what()) {
    if (world_.now() >= end) return false;
    world_.run_until(world_.now() + milliseconds(50));
  }
  return true;
}

// ---- The course of a run ------------------------------------------------------------------------

bool Run::found() {
  for (MachineId id = 1; id <= world_.nodes(); ++id) {
    if (world_.in_use(id)) world_.host(id).start();
    core_.insert(id);
  }
  if (wait_for(kRecovery, [this] { return world_.leader() != 0; })) return true;
  problem("founding: no leader");
  return false;
}

void Run::work() {
  const Instant began = world_.now();
  for (auto& client : clients_) client->start();
  const auto script = script_of(scenario_, world_.streams().seed());
  world_.administrator().rely_on_none_of(damaged_by(script));
  for (const Fault& fault : script) {
    world_.run_until(began + fault.at);
    suffer(fault);
  }
  world_.run_until(began + scenario_.length);
}

void Run::suffer(Fault fault) {
  const MachineId leader = std::max<MachineId>(1, world_.leader());
  std::replace(fault.nodes.begin(), fault.nodes.end(), MachineId{0}, leader);
  timeline_.fault(fault);
  if (fault.kind == FaultKind::drift && fault.amount > 0) {
    clock_ppm_ = std::max(clock_ppm_, static_cast<std::uint32_t>(fault.amount));
  }
  if (fault.kind == FaultKind::freeze) {
    for (const MachineId id : fault.nodes) {
      longest_freeze_[id] = std::max(longest_freeze_[id], milliseconds(fault.amount));
    }
  }
  ++report_.faults[static_cast<std::size_t>(fault.kind)];
  if (damages(fault.kind)) {
    for (const MachineId id : fault.nodes) {
      damaged_.insert(id);
      // A flipped bit alone can always be noticed; not so if it hits what would tell of another loss.
      const bool noticeable =
          fault.kind == FaultKind::bit_flip && !world_.host(id).disk().has_wrong_sectors();
      if (!noticeable) observers_.distrust_disk(id);
    }
  }
  inflict(fault, world_);
}

void Run::recover() {
  if (scenario_.only_rots()) {
    // A node that rests for so long has read everything twice.
    const Duration patience = scenario_.scrub * 3 + seconds(10);
    if (!wait_for(patience, [this] { return unmended().empty(); })) {
      problem("scrub: damage was not found, or not mended: " + unmended());
    }
  }
  if (scenario_.mode == Mode::safety) {
    timeline_.note("everything is healed");
    heal(world_);
  } else {
    world_.administrator().stop();
    freeze_all_but_a_core();
  }
  // Who was told to end in order before that may only end now.
  world_.run_until(world_.now() + kOrderlyEnd);
  for (const MachineId id : core_) {
    if (!world_.host(id).running() && world_.in_use(id)) heal(world_.host(id));
  }
  if (changes_members() && !wait_for(kRecovery, [this] { return settles(); })) {
    if (owes_service()) problem("membership: it did not settle: " + positions());
  }
  std::vector<std::uint64_t> before;
  for (const auto& client : clients_) before.push_back(client->actor().acknowledged());
  serves_ = wait_for(kRecovery, [&] { return serves_everyone(before); });
  // What is damaged may stay away for good, and without a majority nobody can serve.
  if (!serves_ && owes_service()) {
    problem(fmt::format("liveness: not every client was served within {} s of the last fault: {}",
                        kRecovery.ms() / 1000, positions()));
  }
  if (!serves_ || up().size() != world_.nodes()) return;
  const MachineId ordinary = scenario_.nodes - scenario_.last;
  const auto leads_first = [&] { return world_.leader() <= ordinary; };
  if (scenario_.last > 0 && !wait_for(kRecovery, leads_first)) {
    problem("priority: who is to lead last goes on leading: " + positions());
  }
  world_.run_until(world_.now() + kUnderWay);
  calm_from_ = world_.now();
  world_.run_until(world_.now() + kCalm);
}

void Run::settle() {
  for (auto& client : clients_) client->wind_down();
  const bool done = wait_for(kRecovery, [this] {
    return std::all_of(clients_.begin(), clients_.end(), [](auto& one) { return one->done(); });
  });
  for (auto& client : clients_) {
    if (!client->done()) client->finish();
  }
  if (!serves_) return;
  if (!done) problem("liveness: an operation never ended");
  if (!wait_for(kRecovery, [this] { return !last_recovering(); })) {
    problem(fmt::format("liveness: node {} is still recovering", *last_recovering()));
  }
  rests_ = wait_for(kRecovery, [this] { return at_rest(); });
  if (!rests_) problem("liveness: the replicas did not reach the same entry: " + positions());
}

// ---- The end ------------------------------------------------------------------------------------

// What is cut, paused, down or out of step outside of the core stays so.
bool Run::is_core_enough(const std::set<MachineId>& core) const {
  const Memory& memory = observers_.memory();
  const auto inside = [&](const std::set<MachineId>& machines) {
    return [&memory, &machines](NodeId node) {
      const MachineId machine = memory.machine_of(node);
      return machine != 0 && machines.contains(machine);
    };
  };
  for (MachineId id = 1; id <= world_.nodes(); ++id) {
    const Sight* sight = memory.sight(id);
    if (sight == nullptr || world_.host(id).disk().wiped()) continue;
    // A membership that not even all could carry is not in force any more.
    if (!is_quorum(*sight->membership, inside(core_))) continue;
    if (!is_quorum(*sight->membership, inside(core))) return false;
  }
  return true;
}

// A quorum of each membership that may be in force.
void Run::choose_a_core() {
  std::erase_if(core_, [this](MachineId id) { return !world_.in_use(id); });
  Prng prng = world_.streams().of(Purpose::faults, 1);
  for (std::uint32_t i = 0; i < 4 * world_.nodes(); ++i) {
    std::set<MachineId> fewer = core_;
    fewer.erase(static_cast<MachineId>(1 + prng.below(world_.nodes())));
    if (is_core_enough(fewer)) core_ = std::move(fewer);
  }
}

void Run::freeze_all_but_a_core() {
  // A damaged node may never come back.
  for (const MachineId id : damaged_) core_.erase(id);
  if (changes_members()) choose_a_core();
  Prng prng = world_.streams().of(Purpose::faults, 1);
  while (!changes_members() && core_.size() > world_.nodes() / 2 + 1) {
    core_.erase(static_cast<MachineId>(1 + prng.below(world_.nodes())));
  }
  Network& network = world_.network();
  std::vector<std::pair<MachineId, MachineId>> cut;
  for (MachineId from = 1; from <= world_.nodes(); ++from) {
    for (MachineId to = 1; to <= world_.nodes(); ++to) {
      const bool inside = core_.contains(from) && core_.contains(to);
      if (from != to && !inside && !network.connected(from, to)) cut.push_back({from, to});
    }
  }
  network.heal();
  for (const auto& [from, to] : cut) network.cut(from, to);
  for (MachineId id = 1; id <= world_.nodes(); ++id) {
    Host& host = world_.host(id);
    if (!world_.in_use(id)) continue;
    if (!core_.contains(id)) {
      if (host.paused()) host.pause(kRecovery * 10);
      continue;
    }
    timeline_.node(id, "is healed for good");
    heal(host);
  }
}

bool Run::serves_everyone(const std::vector<std::uint64_t>& before) const {
  for (std::size_t i = 0; i < clients_.size(); ++i) {
    if (clients_[i]->actor().acknowledged() == before[i]) return false;
  }
  return true;
}

std::set<MachineId> Run::up() {
  std::set<MachineId> members;
  for (const MachineId id : core_) {
    const server::Node* node = world_.host(id).node();
    if (node == nullptr || node->replica() == nullptr) continue;
    if (!node->replica()->protocol().status().recovering) members.insert(id);
  }
  return members;
}

// Who recovers needs a word of every other node. When all others are whole it has that soon.
std::optional<MachineId> Run::last_recovering() {
  const std::set<MachineId> members = up();
  if (members.size() + 1 != world_.nodes()) return std::nullopt;
  for (const MachineId id : core_) {
    const server::Node* node = world_.host(id).node();
    const bool here = node != nullptr && node->replica() != nullptr && !world_.host(id).paused();
    if (here && !members.contains(id)) return id;
  }
  return std::nullopt;
}

bool Run::owes_service() {
  if (scenario_.promise != Promise::live) return false;
  return changes_members() ? damaged_.empty() : up().size() > world_.nodes() / 2;
}

const replica::Replica* Run::leading_replica() const {
  const MachineId leader = world_.leader();
  return leader == 0 ? nullptr : world_.host(leader).node()->replica();
}

commands::Roster Run::roster() const {
  const auto* replica = leading_replica();
  const auto* text = replica == nullptr
                         ? nullptr
                         : replica->keyspace().setting(commands::Roster::kSetting);
  auto roster = commands::Roster::decode(text == nullptr ? "" : *text);
  return roster ? *std::move(roster) : commands::Roster();
}

// No order is under way, nobody is on his way in or out, an odd number votes, and who learns has caught
// up. If only a core is left others may be missed: then it is enough that no change is left half done.
bool Run::settled() const {
  const auto* replica = leading_replica();
  if (replica == nullptr || !world_.administrator().idle()) return false;
  const auto status = replica->status().protocol;
  if (!status.membership.outgoing.empty() || status.membership_index > status.commit) return false;
  if (scenario_.mode == Mode::liveness || !damaged_.empty()) return true;
  const auto nodes = roster().nodes;
  const auto active = std::count_if(nodes.begin(), nodes.end(), [](const auto& one) {
    return one.state == commands::NodeState::active;
  });
  const bool as_listed = std::all_of(nodes.begin(), nodes.end(), [&](const auto& one) {
    return one.state == commands::NodeState::active && status.membership.contains(one.node);
  });
  const auto voters = status.membership.voters.size();
  const bool caught_up = std::all_of(status.peers.begin(), status.peers.end(), [&](const auto& one) {
    return !status.membership.contains(one.node) ||
           one.match + consensus::kNearlyAll >= status.commit;
  });
  return as_listed && caught_up && voters % 2 == 1 && voters <= 5 &&
         voters == replica::voters_for(static_cast<std::size_t>(active));
}

// Whoever runs a cluster looks after it until it is as it should be.
bool Run::settles() {
  if (settled()) return true;
  if (scenario_.mode == Mode::safety && world_.administrator().idle()) world_.administrator().tidy();
  return false;
}

// Whether the list has a node at the address of this machine.
bool Run::is_listed(MachineId id) const {
  const auto nodes = roster().nodes;
  return std::any_of(nodes.begin(), nodes.end(), [&](const auto& one) {
    return one.address == world_.host(id).address().text();
  });
}

// For people: how far each node is.
std::string Run::positions() {
  std::string text;
  for (MachineId id = 1; id <= world_.nodes(); ++id) {
    const server::Node* node = world_.host(id).node();
    text += fmt::format("{}node {}", text.empty() ? "" : ", ", id);
    if (!core_.contains(id)) text += " (outside)";
    if (node == nullptr || node->replica() == nullptr) {
      text += node == nullptr ? " is down" : " has no place";
      continue;
    }
    const replica::Replica& replica = *node->replica();
    text += fmt::format("{} at {} in epoch {} of node {}",
                        replica.role() == consensus::Role::leader ? " leads" : "",
                        replica.applied(), replica.epoch(), replica.leader());
  }
  return text;
}

// Those of the core who must reach the leader's entry. A leader outside of the core may be unable
// to reach some of them, or to hear from them: it needs no more than a majority.
std::set<MachineId> Run::in_step() {
  const MachineId leader = world_.leader();
  std::set<MachineId> nodes;
  if (leader == 0) return nodes;
  const auto& membership = leading_replica()->status().protocol.membership;
  for (const MachineId id : up()) {
    if (changes_members() && !membership.contains(world_.host(id).node()->self())) continue;
    const Network& network = world_.network();
    if (id == leader || (network.connected(leader, id) && network.connected(id, leader))) {
      nodes.insert(id);
    }
  }
  return nodes;
}

bool Run::at_rest() {
  const MachineId leader = world_.leader();
  if (leader == 0) return false;
  const auto applied_at = [this](MachineId id) {
    const server::Node* node = world_.host(id).node();
    return node == nullptr || node->replica() == nullptr ? Index() : node->replica()->applied();
  };
  const Index target = applied_at(leader);
  for (const MachineId id : in_step()) {
    if (applied_at(id) != target) return false;
  }
  if (changes_members()) {
    const auto& membership = leading_replica()->status().protocol.membership;
    return is_quorum(membership, [&](NodeId node) {
      const MachineId machine = observers_.memory().machine_of(node);
      return machine != 0 && applied_at(machine) == target;
    });
  }
  std::uint32_t reached = 0;
  for (MachineId id = 1; id <= world_.nodes(); ++id) reached += applied_at(id) == target;
  return reached > world_.nodes() / 2;
}

// ---- The verdict --------------------------------------------------------------------------------

void Run::judge() {
  for (const auto& client : clients_) {
    for (const auto& text : client->problems()) problem("protocol: " + text);
    for (const auto& text : client->actor().problems()) problem("answers: " + text);
  }
  judge_inside();
  judge_scrub();
  judge_history();
  for (const auto& operation : report_.history) {
    report_.acknowledged += operation.ended == workload::Ended::ok;
    report_.failed += operation.ended == workload::Ended::failed;
    report_.unknown += operation.ended == workload::Ended::unknown;
  }
  report_.hash = hash();
  report_.simulated = world_.now() - Instant();
  report_.timeline = timeline_.text();
}

// A node may only be down if its disk has lost or forgotten what it had confirmed.
void Run::judge_inside() {
  for (const MachineId id : core_) {
    if (world_.host(id).running() || damaged_.contains(id)) continue;
    if (changes_members() && !is_listed(id)) continue;
    problem(fmt::format("liveness: node {} is down: {}", id, world_.host(id).last_words()));
  }
  observers_.finish();
  for (const auto& one : observers_.problems()) problem(one.text());
  report_.elections = observers_.counts().elections;
  report_.deaths = observers_.counts().deaths;
  report_.snapshots_installed = observers_.counts().installed;
}

// A file of a running node that does not hold any more what was written to it.
std::string Run::unmended() {
  for (MachineId id = 1; id <= world_.nodes(); ++id) {
    const server::Node* node = world_.host(id).node();
    if (node == nullptr || node->scrub() == nullptr) continue;
    for (const storage::ScrubFile& file : node->scrub()->files()) {
      if (world_.host(id).disk().wrong_within(file.name, file.bytes)) {
        return fmt::format("{} of node {}", file.name, id);
      }
    }
  }
  return {};
}

// Who finds damage on a disk that never had any has looked where he must not.
void Run::judge_scrub() {
  for (MachineId id = 1; id <= world_.nodes(); ++id) {
    const server::Node* node = world_.host(id).node();
    if (node == nullptr || node->scrub() == nullptr) continue;
    const Disk::Counts& counts = world_.host(id).disk().counts();
    const std::uint64_t faults = counts.flipped_bits + counts.lost_writes +
                                 counts.misdirected_writes + counts.failed_reads +
                                 counts.failed_syncs + counts.ignored_syncs;
    if (faults == 0 && node->scrub()->figures().found > 0) {
      problem(fmt::format("scrub: node {} found damage on a disk that has none", id));
    }
  }
}

void Run::judge_history() {
  std::vector<workload::Finals> finals;
  if (rests_) {
    for (const MachineId id : in_step()) {
      finals.push_back(finals_of(world_.host(id).node()->replica()->keyspace()));
    }
  }
  workload::CheckOptions options;
  options.clock_ppm += clock_ppm_;
  options.clock_slack = clock_slack();
  options.calm_from = calm_from_;
  // One that is under way, one's own, and the news of it.
  options.answer_within = options.answer_within + scenario_.disk.sync_max * 3;
  for (const auto& verdict : workload::check_all(report_.history, finals, options)) {
    problem(verdict.explanation);
  }
}

// A clock that stood still runs ahead at once, and cluster time with it if that node leads.
Duration Run::clock_slack() const {
  Duration sum;
  for (const auto& [node, length] : longest_freeze_) sum = sum + length;
  return sum;
}

std::uint64_t Run::hash() const {
  std::uint64_t sum = world_.hash();
  for (const auto& one : report_.history) {
    sum = mix(sum, checksum(one.key, checksum(one.arg, checksum(one.ret))));
    sum = mix(sum, mix(static_cast<std::uint64_t>(one.call_ns),
                       static_cast<std::uint64_t>(one.return_ns)));
    sum = mix(sum, mix(one.client, static_cast<std::uint64_t>(one.ended)));
  }
  return sum;
}

}  // namespace

Report run(const Scenario& scenario, const RunOptions& options) {
  return Run(scenario, options).go();
}

}  // namespace holdfast::sim
