#include "replica/proposals.h"

#include <iterator>
#include <utility>

#include "base/check.h"
#include "base/mutation.h"

namespace holdfast::replica {

Turn& Proposals::open() {
  if (gathered_.empty() || gathered_.back().items.size() >= kMostItems) gathered_.emplace_back();
  return gathered_.back();
}

void Proposals::add_write(std::string_view record, bool from_elsewhere) {
  Turn* turn = &open();
  if (!turn->writes.empty() && turn->writes.bytes() + record.size() > batch_bytes_) {
    turn = &gathered_.emplace_back();
  }
  turn->entry = true;
  turn->from_elsewhere = turn->from_elsewhere || from_elsewhere;
  turn->items.push_back({true, turn->writes.add(record), record.size()});
}

void Proposals::add_read(std::string_view record, ClusterTime since) {
  const bool overtakes = mutated(Mutation::read_overtakes_gathered);
  Turn* turn = overtakes ? &gathered_.emplace_front() : &open();
  // The bounds hold for reads as well: a turn is run in one go.
  if (turn->reads.size() + record.size() > batch_bytes_ && !turn->items.empty()) {
    turn = &gathered_.emplace_back();
  }
  if (turn->reads.empty()) turn->since = since;
  turn->items.push_back({false, turn->reads.size(), record.size()});
  turn->reads.append(record);
}

std::uint64_t Proposals::bytes_to_write() const {
  std::uint64_t total = 0;
  for (const auto& turn : gathered_) total += turn.writes.empty() ? 0 : turn.writes.bytes();
  return total;
}

std::size_t Proposals::writes_gathered() const {
  std::size_t total = 0;
  for (const auto& turn : gathered_) total += turn.writes.records();
  return total;
}

void Proposals::want_entry() {
  if (gathered_.empty()) gathered_.emplace_back();
  gathered_.back().entry = true;
}

void Proposals::under_way(Turn turn) {
  running_bytes_ += turn.payload.size();
  if (turn.entry) ++entries_running_;
  running_.push_back(std::move(turn));
}

Turn Proposals::pop() {
  CHECK(!running_.empty());
  Turn turn = std::move(running_.front());
  running_.pop_front();
  running_bytes_ -= turn.payload.size();
  if (turn.entry) --entries_running_;
  return turn;
}

std::uint64_t Proposals::bytes() const {
  std::uint64_t total = running_bytes_;
  for (const auto& turn : gathered_) total += turn.writes.bytes() + turn.reads.size();
  return total;
}

std::deque<Turn> Proposals::take_all() {
  std::deque<Turn> all = std::move(running_);
  all.insert(all.end(), std::make_move_iterator(gathered_.begin()),
             std::make_move_iterator(gathered_.end()));
  running_.clear();
  gathered_.clear();
  running_bytes_ = 0;
  entries_running_ = 0;
  return all;
}

}  // namespace holdfast::replica
