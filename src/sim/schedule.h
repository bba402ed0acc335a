// What will happen and when, in virtual time. Events at the same instant happen in the order in
// which they were planned, so a run is a function of its seed.
#pragma once

#include <cstdint>
#include <functional>
#include <map>
#include <utility>

#include "base/time.h"

namespace holdfast::sim {

class Schedule {
 public:
  Instant now() const { return now_; }
  // REQUIRES: delay >= 0.
  void after(Duration delay, std::function<void()> event) { at(now_ + delay, std::move(event)); }
  void at(Instant when, std::function<void()> event) {
    events_.emplace(std::pair(when < now_ ? now_ : when, sequence_++), std::move(event));
  }
  // Runs the next event. False if there is none.
  bool step() {
    if (events_.empty()) return false;
    auto event = events_.extract(events_.begin());
    now_ = event.key().first;
    event.mapped()();
    return true;
  }
  std::uint64_t events_run() const { return sequence_ - events_.size(); }

 private:
  Instant now_{1'000'000'000};
  std::uint64_t sequence_ = 0;
  std::map<std::pair<Instant, std::uint64_t>, std::function<void()>> events_;
};

}  // namespace holdfast::sim
