#include "consensus/log_tail.h"

#include <utility>

#include "base/check.h"

namespace holdfast::consensus {

void LogTail::append(Entry entry) {
  CHECK(entry.index == last().next(), "{} after {}", entry.index, last());
  CHECK(entry.epoch >= last_epoch(), "{} after {}", entry.epoch, last_epoch());
  bytes_ += entry.payload.size();
  entries_.push_back(std::move(entry));
}

void LogTail::cut(Index from) {
  CHECK(from > before_, "{} is not after {}", from, before_);
  while (last() >= from) {
    bytes_ -= entries_.back().payload.size();
    entries_.pop_back();
  }
}

void LogTail::forget(Index index) {
  CHECK(index <= last(), "{} is after {}", index, last());
  while (before_ < index) {
    before_epoch_ = entries_.front().epoch;
    bytes_ -= entries_.front().payload.size();
    entries_.pop_front();
    before_ = before_.next();
  }
}

void LogTail::reset(Index index, Epoch epoch) {
  entries_.clear();
  bytes_ = 0;
  before_ = index;
  before_epoch_ = epoch;
}

Epoch LogTail::last_epoch() const {
  return entries_.empty() ? before_epoch_ : entries_.back().epoch;
}

std::optional<Epoch> LogTail::epoch_at(Index index) const {
  if (index == before_) return before_epoch_;
  if (index < before_ || index > last()) return std::nullopt;
  return at(index).epoch;
}

const Entry& LogTail::at(Index index) const {
  CHECK(index > before_ && index <= last(), "{} is not in [{}, {}]", index, first(), last());
  return entries_[static_cast<std::size_t>(index - first())];
}

std::vector<Entry> LogTail::slice(Index from, std::uint64_t bytes) const {
  std::vector<Entry> result;
  std::uint64_t sum = 0;
  for (Index index = from; index <= last(); index = index.next()) {
    const Entry& entry = at(index);
    sum += entry.payload.size();
    if (!result.empty() && sum > bytes) break;
    result.push_back(entry);
  }
  return result;
}

Index LogTail::last_not_above(Index index, Epoch epoch) const {
  // Epochs do not decrease along the log, so the border can be found by halving.
  if (index < before_) return index;
  Index low = before_;  // taken to match: what lies before it is a snapshot of committed entries
  Index high = index < last() ? index : last();
  while (low < high) {
    const Index middle(high.value - (high.value - low.value) / 2);
    if (*epoch_at(middle) <= epoch) {
      low = middle;
    } else {
      high = middle.previous();
    }
  }
  return low;
}

}  // namespace holdfast::consensus
