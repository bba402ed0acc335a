#include "replica/session_keeper.h"

#include <algorithm>

#include "base/mutation.h"

namespace holdfast::replica {

void SessionKeeper::begin(ClusterTime now) {
  stop();
  since_ = now;
}

void SessionKeeper::stop() {
  for (Part& part : parts_) part = {};
  soonest_ = ClusterTime::never();
}

void SessionKeeper::add(std::uint64_t id, std::int64_t ttl_ms, ClusterTime opened) {
  Part& part = part_of(id);
  const bool old_times = mutated(Mutation::sessions_timed_from_opening);
  const Entry entry{old_times ? opened : std::max(opened, since_), ttl_ms};
  if (part.entries.emplace(id, entry).second) push(part, entry.due(), id);
}

void SessionKeeper::remove(std::uint64_t id) {
  Part& part = part_of(id);
  part.entries.erase(id);
  tidy(part);
}

void SessionKeeper::tell_time(ClusterTime asked, ClusterTime now) {
  asked_ = asked;
  now_ = std::max(asked, now);
}

std::optional<std::int64_t> SessionKeeper::keep(std::uint64_t id, std::int64_t ttl_ms) {
  Part& part = part_of(id);
  auto found = part.entries.find(id);
  if (found == part.entries.end()) {
    add(id, ttl_ms, asked_);
    found = part.entries.find(id);
  }
  Entry& entry = found->second;
  if (entry.ending && !mutated(Mutation::kept_after_end_proposed)) return std::nullopt;
  if (!mutated(Mutation::keeping_forgotten)) entry.kept = std::max(entry.kept, asked_);
  return std::max<std::int64_t>(0, asked_.plus_ms(ttl_ms).ms - now_.ms);
}

std::int64_t SessionKeeper::remaining(std::uint64_t id, std::int64_t ttl_ms) const {
  const Part& part = parts_[id % kParts];
  const auto found = part.entries.find(id);
  const bool known = found != part.entries.end();
  if (known && found->second.ending) return 0;
  const ClusterTime due = known ? found->second.due() : since_.plus_ms(ttl_ms);
  return std::max<std::int64_t>(0, due.ms - now_.ms);
}

std::vector<std::uint64_t> SessionKeeper::take_due(ClusterTime horizon, std::size_t most) {
  std::vector<std::uint64_t> due;
  std::size_t steps = kSteps;
  if (!soonest_.passed(horizon)) return due;
  for (std::size_t i = 0; i < kParts; ++i, next_part_ = (next_part_ + 1) % kParts) {
    // Not further: the part goes on the next time.
    if (!take_from(parts_[next_part_], horizon, most, steps, due)) break;
  }
  soonest_ = ClusterTime::never();
  for (const Part& part : parts_) {
    if (!part.heap.empty()) soonest_ = std::min(soonest_, part.heap.front().when);
  }
  return due;
}

// False: there is more to be done than may be.
bool SessionKeeper::take_from(Part& part, ClusterTime horizon, std::size_t most, std::size_t& steps,
                              std::vector<std::uint64_t>& due) {
  while (!part.heap.empty() && part.heap.front().when.passed(horizon)) {
    if (due.size() == most || steps == 0) return false;
    --steps;
    const std::uint64_t id = part.heap.front().id;
    std::pop_heap(part.heap.begin(), part.heap.end());
    part.heap.pop_back();
    const auto found = part.entries.find(id);
    if (found == part.entries.end() || found->second.ending) continue;
    if (found->second.due().passed(horizon)) {
      found->second.ending = true;
      due.push_back(id);
    } else {
      push(part, found->second.due(), id);
    }
  }
  return true;
}

void SessionKeeper::give_back(const std::vector<std::uint64_t>& ids) {
  for (const std::uint64_t id : ids) {
    Part& part = part_of(id);
    const auto found = part.entries.find(id);
    if (found == part.entries.end() || !found->second.ending) continue;
    found->second.ending = false;
    push(part, found->second.due(), id);
  }
}

std::size_t SessionKeeper::size() const {
  std::size_t all = 0;
  for (const Part& part : parts_) all += part.entries.size();
  return all;
}

std::size_t SessionKeeper::lines() const {
  std::size_t all = 0;
  for (const Part& part : parts_) all += part.heap.size();
  return all;
}

void SessionKeeper::push(Part& part, ClusterTime when, std::uint64_t id) {
  soonest_ = std::min(soonest_, when);
  part.heap.push_back({when, id});
  std::push_heap(part.heap.begin(), part.heap.end());
}

// Lines of sessions that are gone are thrown away when they are the most of it.
void SessionKeeper::tidy(Part& part) {
  constexpr std::size_t kFew = 64;
  if (part.heap.size() < kFew + 2 * part.entries.size()) return;
  std::erase_if(part.heap, [&](const Line& line) { return !part.entries.contains(line.id); });
  std::make_heap(part.heap.begin(), part.heap.end());
}

}  // namespace holdfast::replica
