// What will happen and when, in virtual time. Events at the same instant happen in the order in
// which they were planned, so a run is a function of its seed.
#pragma once

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <functional>
#include <tuple>
#include <utility>
#include <vector>

#include "base/time.h"

namespace holdfast::sim {

class Schedule {
 public:
  Instant now() const { return now_; }
  // REQUIRES: delay >= 0.
  void after(Duration delay, std::function<void()> event) { at(now_ + delay, std::move(event)); }
  void at(Instant when, std::function<void()> event) {
    planned_.push_back({std::max(when, now_), sequence_++, keep(std::move(event))});
    std::push_heap(planned_.begin(), planned_.end());
  }
  // Runs the next event. False if there is none.
  bool step() {
    if (planned_.empty()) return false;
    std::pop_heap(planned_.begin(), planned_.end());
    const Planned next = planned_.back();
    planned_.pop_back();
    now_ = next.when;
    const auto event = std::exchange(events_[next.place], nullptr);
    free_.push_back(next.place);
    event();
    return true;
  }
  std::uint64_t events_run() const { return sequence_ - planned_.size(); }

 private:
  // Small and plain, because a heap moves them about; what is to happen stays at its place.
  struct Planned {
    Instant when;
    std::uint64_t sequence;
    std::size_t place;
    // The last of them is the next to happen.
    bool operator<(const Planned& other) const {
      return std::tie(other.when, other.sequence) < std::tie(when, sequence);
    }
  };

  std::size_t keep(std::function<void()> event) {
    if (free_.empty()) {
      events_.push_back(std::move(event));
      return events_.size() - 1;
    }
    const std::size_t place = free_.back();
    free_.pop_back();
    events_[place] = std::move(event);
    return place;
  }

  Instant now_{1'000'000'000};
  std::uint64_t sequence_ = 0;
  std::vector<Planned> planned_;  // a heap
  std::vector<std::function<void()>> events_;
  std::vector<std::size_t> free_;  // places of events_
};

}  // namespace holdfast::sim
