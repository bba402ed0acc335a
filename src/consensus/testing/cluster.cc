#include "consensus/testing/cluster.h"

#include <algorithm>

#include "base/check.h"
#include "consensus/quorum.h"
#include "consensus/testing/printing.h"

namespace holdfast::consensus::testing {

NodeId node_id(std::uint64_t number) { return NodeId(number); }

Membership voters(const std::vector<std::uint64_t>& nodes) {
  Membership membership;
  for (const std::uint64_t node : nodes) membership.voters.push_back(NodeId(node));
  return membership;
}

Epoch epoch(std::uint64_t round, std::uint64_t node) { return {round, NodeId(node)}; }

Found found(Epoch promise, const std::vector<Epoch>& epochs) {
  Found result;
  result.promise = promise;
  for (const Epoch one : epochs) result.entries.emplace_back(one, std::nullopt);
  return result;
}

bool Disk::holds(Index index, Epoch epoch) const {
  if (index <= mark.index) return true;
  const std::uint64_t offset = index - mark.index.next();
  return offset < entries.size() && entries[static_cast<std::size_t>(offset)].epoch == epoch;
}

Cluster::Cluster(ClusterOptions options) : options_(std::move(options)) {
  membership_ = voters(options_.voters);
  for (const std::uint64_t node : options_.learners) membership_.learners.push_back(NodeId(node));
  if (!options_.make) options_.make = make_protocol;
  Prng seeds(options_.seed);
  for (const NodeId node : membership_.everyone()) add(node.value, membership_, seeds.fork());
  for (const std::uint64_t node : options_.spare) add(node, {}, seeds.fork());
}

void Cluster::add(std::uint64_t node, const Membership& membership, Prng prng) {
  Replica& replica = replicas_[node];
  replica.number = node;
  replica.now = Instant{seconds(1).ns};
  replica.prng = prng;
  replica.disk.mark.membership = membership;
  replica.snapshot = replica.disk.mark;
  const auto found = options_.found.find(node);
  if (found != options_.found.end()) fill(replica.disk, found->second);
  start(replica, true);
}

void Cluster::fill(Disk& disk, const Found& found) const {
  disk.promise = found.promise;
  for (const auto& [epoch, membership] : found.entries) {
    Entry entry;
    entry.index = Index(disk.entries.size() + 1);
    entry.epoch = epoch;
    entry.kind = membership ? EntryKind::config : EntryKind::batch;
    std::string payload = fmt::format("e{}", entry.index);
    if (membership) {
      payload.clear();
      membership->encode(payload);
    }
    entry.payload = SharedBytes(std::move(payload));
    entry.content =
        content_checksum(options_.protocol.group, entry.index, entry.kind, entry.payload.view());
    disk.entries.push_back(std::move(entry));
  }
}

Cluster::Replica& Cluster::at(std::uint64_t node) {
  const auto found = replicas_.find(node);
  CHECK(found != replicas_.end(), "no node {}", node);
  return found->second;
}

const Cluster::Replica& Cluster::at(std::uint64_t node) const {
  return const_cast<Cluster*>(this)->at(node);
}

const Protocol& Cluster::protocol(std::uint64_t node) const {
  CHECK(up(node), "node {} is down", node);
  return *at(node).engine;
}

void Cluster::say(const std::string& line) {
  if (transcript != nullptr) *transcript += line + "\n";
}

void Cluster::start(Replica& replica, bool first) {
  ProtocolOptions protocol = options_.protocol;
  protocol.self = NodeId(replica.number);
  protocol.leads_last = options_.last_to_lead.contains(replica.number);
  Recovered recovered{replica.disk.promise, replica.disk.mark, replica.disk.entries,
                      replica.disk.lost,
                      first || !options_.lease_reads ? Duration{} : protocol.election_timeout};
  replica.engine = options_.make(protocol, std::move(recovered), replica.now, replica.prng.fork());
  replica.checker.reset();
  load_state(replica, replica.disk.mark.index);
  replica.effects.clear();
  replica.engine->check_invariants();
  if (!first) say(fmt::format("  {}", to_text(replica.engine->status())));
}

// ---- One replica at a time ----------------------------------------------------------------------

const Effects& Cluster::input(std::uint64_t node, Input input) {
  Replica& replica = at(node);
  CHECK(replica.engine != nullptr, "node {} is down", node);
  const Role role_before = replica.engine->role();
  replica.effects.clear();
  replica.engine->step(replica.now, std::move(input), replica.effects);
  if (transcript != nullptr) *transcript += to_text(replica.effects, "  ");
  take_effects(replica);
  check_step(replica, role_before);
  return replica.effects;
}

void Cluster::take_effects(Replica& replica) {
  const Effects& effects = replica.effects;
  if (effects.write != 0) {
    replica.writes.push_back({effects.write, effects.promise, effects.append});
  }
  for (const Message& message : effects.send_now) post(message);
  for (const Message& message : effects.send_after_sync) {
    if (replica.writes.empty()) {
      post(message);
    } else {
      replica.after_sync.emplace_back(replica.writes.back().id, message);
    }
  }
  const auto add = [](auto& to, const auto& from) {
    to.insert(to.end(), from.begin(), from.end());
  };
  add(replica.readable, effects.readable);
  add(replica.refused, effects.reads_refused);
  for (const SnapshotWish& wish : effects.send_snapshot) replica.wishes.push_back(wish.to);
  if (effects.install) replica.install = effects.install;
  if (effects.recovered) {
    CHECK(replica.disk.lost);
    replica.whole = true;
    note_whole(replica);
  }
}

// The host says so to itself once everything that was issued is durable.
void Cluster::note_whole(Replica& replica) {
  if (replica.whole && replica.writes.empty()) replica.disk.lost = replica.whole = false;
}

void Cluster::elapse(std::uint64_t node, Duration duration, const std::function<bool()>& until) {
  Replica& replica = at(node);
  const Instant end = replica.now + duration;
  while (replica.now < end && !(until && until())) {
    replica.now = std::clamp(replica.engine->wake_at(), replica.now, end);
    if (replica.engine->wake_at() > replica.now) break;
    input(node, Tick{});
  }
}

void Cluster::jump(std::uint64_t node, Duration duration) {
  at(node).now = at(node).now + duration;
  input(node, Tick{});
}

void Cluster::campaign(std::uint64_t node) {
  const Epoch before = epoch(node);
  elapse(node, seconds(10), [&] { return role(node) == Role::candidate || epoch(node) > before; });
}

Proposed Cluster::propose(std::uint64_t node, std::string_view payload) {
  return *input(node, Propose{EntryKind::batch, SharedBytes(std::string(payload))}).proposed;
}

MembershipChange Cluster::change(std::uint64_t node, const Membership& target) {
  return *input(node, MembershipRequested{target}).membership_change;
}

void Cluster::read(std::uint64_t node, ReadTicket ticket, ReadMode mode) {
  input(node, ReadRequest{ticket, mode});
}

void Cluster::apply_write(Disk& disk, const Write& write) {
  if (write.promise) disk.promise = *write.promise;
  if (!write.append) return;
  const Index first = disk.mark.index.next();
  const Index from = std::max(write.append->from, first);
  const std::uint64_t keep = from - first;
  CHECK(keep <= disk.entries.size(), "a hole before {}", from);
  disk.entries.resize(static_cast<std::size_t>(keep));
  for (const Entry& entry : write.append->entries) {
    if (entry.index >= first) disk.entries.push_back(entry);  // the rest is in a snapshot by now
  }
}

void Cluster::complete_oldest(Replica& replica) {
  const Write write = replica.writes.front();
  replica.writes.pop_front();
  apply_write(replica.disk, write);
  while (!replica.after_sync.empty() && replica.after_sync.front().first <= write.id) {
    post(replica.after_sync.front().second);
    replica.after_sync.pop_front();
  }
  say(fmt::format("{}: write {} is durable", replica.number, write.id));
  note_whole(replica);
  input(replica.number, WriteCompleted{write.id});
}

void Cluster::sync(std::uint64_t node, std::size_t count) {
  Replica& replica = at(node);
  count = std::min(count, replica.writes.size());
  for (std::size_t i = 0; i < count && !replica.writes.empty(); ++i) complete_oldest(replica);
}

void Cluster::crash(std::uint64_t node, std::size_t kept) {
  Replica& replica = at(node);
  for (std::size_t i = 0; i < kept && i < replica.writes.size(); ++i) {
    apply_write(replica.disk, replica.writes[i]);
  }
  replica.engine.reset();
  replica.writes.clear();
  replica.after_sync.clear();
  replica.install.reset();
  replica.whole = false;
  replica.readable.clear();
  replica.refused.clear();
  replica.wishes.clear();
}

void Cluster::load_state(Replica& replica, Index index) {
  replica.applied = index;
  replica.committed.clear();
  for (const auto& [at_index, entry] : history_) {
    if (at_index > index) break;
    if (entry.kind == EntryKind::batch) replica.committed.emplace_back(entry.payload.view());
  }
}

void Cluster::restart(std::uint64_t node) {
  CHECK(!up(node));
  start(at(node), false);
}

void Cluster::lose_log(std::uint64_t node) {
  CHECK(!up(node));
  Disk& disk = at(node).disk;
  if (!disk.lost) at(node).before_loss = disk;
  disk.promise = {};
  disk.entries.clear();
  disk.lost = true;
}

void Cluster::compact(std::uint64_t node, std::uint64_t index, std::uint64_t keep_from) {
  Replica& replica = at(node);
  const Index mark(index);
  const auto epoch = replica.engine->log().epoch_at(mark);
  CHECK(epoch && mark <= replica.engine->commit());
  const Index keep = keep_from == 0 ? mark.next() : Index(keep_from);
  replica.snapshot = {mark, *epoch, replica.engine->membership_at(mark)};
  snapshots_[mark] = replica.snapshot;
  // On disk the snapshot takes the place of what it contains, whether that is on the disk or not.
  auto& entries = replica.disk.entries;
  const auto gone = std::min<std::uint64_t>(mark - replica.disk.mark.index, entries.size());
  entries.erase(entries.begin(), entries.begin() + static_cast<std::ptrdiff_t>(gone));
  replica.disk.mark = replica.snapshot;
  input(node, SnapshotStored{replica.snapshot, keep, false});
}

void Cluster::send_snapshot(std::uint64_t from, std::uint64_t to) {
  Replica& sender = at(from);
  Message message;
  message.kind = MessageKind::snapshot;
  message.from = NodeId(from);
  message.to = NodeId(to);
  message.epoch = sender.engine->epoch();
  message.index = sender.snapshot.index;
  message.index_epoch = sender.snapshot.epoch;
  post(message);
}

void Cluster::install(std::uint64_t node) {
  Replica& replica = at(node);
  CHECK(replica.install);
  while (!replica.writes.empty()) complete_oldest(replica);
  const SnapshotMark mark = snapshots_.at(replica.install->index);
  replica.snapshot = mark;
  replica.install.reset();
  replica.disk.mark = mark;
  replica.disk.entries.clear();
  load_state(replica, mark.index);
  replica.checker.reset();
  input(node, SnapshotStored{mark, mark.index.next(), true});
}

// ---- The network --------------------------------------------------------------------------------

void Cluster::post(Message message) {
  if (tamper && !tamper(message)) return;
  network_.push_back(std::move(message));
}

bool Cluster::deliver_one(const Filter& filter) {
  for (auto one = network_.begin(); one != network_.end(); ++one) {
    if (filter && !filter(*one)) continue;
    Message message = std::move(*one);
    network_.erase(one);
    const std::uint64_t to = message.to.value;
    if (cut_links_.count({message.from.value, to}) != 0 || replicas_.count(to) == 0 || !up(to)) {
      say(fmt::format("lost {}", to_text(message)));
      return true;
    }
    say(fmt::format("{}", to_text(message)));
    input(to, Received{std::move(message)});
    return true;
  }
  return false;
}

void Cluster::deliver_nth(std::size_t n, bool keep) {
  CHECK(n < network_.size());
  const auto one = network_.begin() + static_cast<std::ptrdiff_t>(n);
  const Message message = *one;
  network_.erase(one);
  network_.push_front(message);
  deliver_one();
  if (keep) network_.push_back(message);
}

std::size_t Cluster::deliver(const Filter& filter) {
  std::deque<Message> passing;
  std::deque<Message> others;
  for (Message& message : network_) {
    (!filter || filter(message) ? passing : others).push_back(std::move(message));
  }
  network_ = std::move(others);
  const std::size_t count = passing.size();
  for (Message& message : passing) {
    // To the front, so that it is the one which deliver_one takes.
    network_.push_front(std::move(message));
    deliver_one();
  }
  return count;
}

std::size_t Cluster::drop(const Filter& filter) {
  const auto count =
      std::erase_if(network_, [&](const Message& message) { return !filter || filter(message); });
  return count;
}

void Cluster::stabilize(const std::vector<std::uint64_t>& only) {
  const auto chosen = [&](std::uint64_t node) {
    return only.empty() || std::find(only.begin(), only.end(), node) != only.end();
  };
  const auto between_chosen = [&](const Message& message) {
    return chosen(message.from.value) && chosen(message.to.value);
  };
  for (bool moved = true; moved;) {
    moved = deliver_one(between_chosen);
    if (moved) continue;
    for (auto& [number, replica] : replicas_) {
      if (!chosen(number) || replica.engine == nullptr || replica.writes.empty()) continue;
      complete_oldest(replica);
      moved = true;
    }
  }
}

void Cluster::run(Duration duration, const std::function<bool()>& until) {
  const Duration step = milliseconds(5);
  for (Duration passed{}; passed < duration && !(until && until()); passed = passed + step) {
    for (auto& [number, replica] : replicas_) {
      if (replica.engine == nullptr) {
        replica.now = replica.now + step;
      } else {
        const Instant end = replica.now + step;
        elapse(number, step);
        replica.now = std::max(replica.now, end);
      }
    }
    stabilize();
  }
}

void Cluster::cut_link(std::uint64_t from, std::uint64_t to) { cut_links_.insert({from, to}); }

void Cluster::isolate(std::uint64_t node) {
  for (const std::uint64_t other : nodes()) {
    if (other == node) continue;
    cut_link(node, other);
    cut_link(other, node);
  }
}

void Cluster::heal() { cut_links_.clear(); }

// ---- Short cuts and looking ---------------------------------------------------------------------

void Cluster::elect(std::uint64_t node) {
  campaign(node);
  stabilize();
  CHECK(role(node) == Role::leader, "node {} is {}", node, to_text(status(node)));
}

std::uint64_t Cluster::leader() const {
  std::uint64_t best = 0;
  for (const auto& [number, replica] : replicas_) {
    if (replica.engine == nullptr || replica.engine->role() != Role::leader) continue;
    if (best == 0 || epoch(best) < replica.engine->epoch()) best = number;
  }
  return best;
}

std::string Cluster::log_text(std::uint64_t node) const {
  const LogTail& log = protocol(node).log();
  return to_text(log.slice(log.first(), UINT64_MAX));
}

std::vector<std::string> Cluster::committed(std::uint64_t node) const { return at(node).committed; }

std::size_t Cluster::count(MessageKind kind) const {
  return static_cast<std::size_t>(std::count_if(
      network_.begin(), network_.end(), [&](const Message& one) { return one.kind == kind; }));
}

std::vector<std::uint64_t> Cluster::nodes() const {
  std::vector<std::uint64_t> numbers;
  for (const auto& [number, replica] : replicas_) numbers.push_back(number);
  return numbers;
}

Index Cluster::newest_commit() const {
  return history_.empty() ? Index() : history_.rbegin()->first;
}

bool Cluster::has_news(std::uint64_t node) const {
  const Replica& replica = at(node);
  return !replica.readable.empty() || !replica.refused.empty() || !replica.wishes.empty() ||
         replica.install.has_value();
}

std::vector<Readable> Cluster::take_readable(std::uint64_t node) {
  return std::exchange(at(node).readable, {});
}

std::vector<ReadTicket> Cluster::take_refused(std::uint64_t node) {
  return std::exchange(at(node).refused, {});
}

std::vector<NodeId> Cluster::take_snapshot_wishes(std::uint64_t node) {
  return std::exchange(at(node).wishes, {});
}

// ---- Checking -----------------------------------------------------------------------------------

void Cluster::check_step(Replica& replica, Role role_before) {
  replica.engine->check_invariants();
  replica.checker.check(*replica.engine, replica.effects);
  if (replica.engine->role() == Role::leader) {
    const auto [one, fresh] = leaders_.emplace(replica.engine->epoch(), replica.number);
    CHECK(one->second == replica.number, "two leaders in {}", replica.engine->epoch());
    if (role_before != Role::leader) {
      // Leader completeness: whatever anyone has committed is in the log of every later leader.
      for (const auto& [index, what] : history_) {
        const LogTail& log = replica.engine->log();
        if (index <= log.before()) continue;
        CHECK(index <= log.last() && log.at(index).content == what.content,
              "leader {} lacks committed entry {}", replica.number, to_text(what));
      }
    }
  }
  check_commit(replica);
}

void Cluster::check_commit(Replica& replica) {
  const LogTail& log = replica.engine->log();
  for (Index index = replica.applied.next(); index <= replica.engine->commit();
       index = index.next()) {
    const Entry& entry = log.at(index);
    CHECK(content_checksum(options_.protocol.group, index, entry.kind, entry.payload.view()) ==
          entry.content);
    const auto [one, fresh] = history_.emplace(index, entry);
    const bool same_epoch = one->second.epoch == entry.epoch || !options_.epochs_are_fixed;
    CHECK(same_epoch && one->second.content == entry.content,
          "entry {} was committed as {} and as {}", index, to_text(one->second), to_text(entry));
    if (fresh) {
      // Committed is durable: it would survive a crash of the whole group, now.
      const auto vote_of = [&](NodeId node) -> std::optional<bool> {
        // What was acknowledged before it was lost counts: no other leader is elected without it
        // until it is there again.
        const Replica& voter = at(node.value);
        return voter.disk.holds(index, entry.epoch) ||
               (voter.disk.lost && voter.before_loss.holds(index, entry.epoch));
      };
      CHECK(count_votes(replica.engine->status().membership, vote_of) == VoteResult::won,
            "entry {} was committed and is not on a quorum of disks", index);
    }
    if (entry.kind == EntryKind::batch) {
      replica.committed.emplace_back(entry.payload.view());
    }
    replica.applied = index;
  }
}

void Cluster::check_log_matching() const {
  for (const auto& [a, left] : replicas_) {
    for (const auto& [b, right] : replicas_) {
      if (a >= b || left.engine == nullptr || right.engine == nullptr) continue;
      const LogTail& one = left.engine->log();
      const LogTail& two = right.engine->log();
      bool same = false;
      const Index lowest = std::max(one.first(), two.first());
      for (Index index = std::min(one.last(), two.last()); index >= lowest;
           index = index.previous()) {
        const bool equal = one.at(index).epoch == two.at(index).epoch;
        CHECK(equal || !same, "logs of {} and {} differ at {} and agree later", a, b, index);
        if (equal) CHECK(one.at(index).content == two.at(index).content);
        same = same || equal;
        if (index.value == 0) break;
      }
    }
  }
}

}  // namespace holdfast::consensus::testing
