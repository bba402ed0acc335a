// For tests: a loop that runs until something is true, and handlers that write down what happens.
#pragma once

#include <gtest/gtest.h>
#include <time.h>

#include <functional>
#include <memory>
#include <string>
#include <utility>

#include "env/network.h"
#include "os/event_loop.h"
#include "os/system_clock.h"

namespace holdfast::os {

inline const env::Address kAnyPort{"127.0.0.1", 0};

// Uses the processor for a millisecond.
inline void work_a_millisecond() {
  timespec begin{};
  timespec now{};
  ::clock_gettime(CLOCK_THREAD_CPUTIME_ID, &begin);
  do {
    ::clock_gettime(CLOCK_THREAD_CPUTIME_ID, &now);
  } while ((now.tv_sec - begin.tv_sec) * 1'000'000'000 + now.tv_nsec - begin.tv_nsec < 1'000'000);
}

class TestLoop final : public env::TurnHandler {
 public:
  TestLoop() : loop_(clock_) {}

  EventLoop& loop() { return loop_; }
  const SystemClock& clock() const { return clock_; }

  // Turns until `done` holds at the end of one. False: it did not within `limit`.
  bool run_until(std::function<bool()> done, Duration limit = seconds(10)) {
    done_ = std::move(done);
    limit_ = clock_.now() + limit;
    reached_ = false;
    loop_.run(*this);
    return reached_;
  }
  // For as long as nothing is expected to happen.
  void run_for(Duration time) {
    run_until([] { return false; }, time);
  }

  void on_turn_end() override {
    ++turns;
    if (at_turn_end) at_turn_end();
    reached_ = done_();
    if (reached_ || clock_.now() >= limit_) loop_.stop();
  }
  Instant wake_at() const override { return limit_; }

  int turns = 0;
  std::function<void()> at_turn_end;

 private:
  SystemClock clock_;
  EventLoop loop_;
  std::function<bool()> done_;
  Instant limit_;
  bool reached_ = false;
};

struct RecordingHandler : env::StreamHandler {
  void on_connected() override { connected = true; }
  void on_bytes(std::string_view bytes) override {
    received += bytes;
    ++reads;
    if (when_bytes) when_bytes();
  }
  void on_drained() override { ++drained; }
  void on_closed(bool was_clean, std::string_view why) override {
    ++closed;
    clean = was_clean;
    reason = why;
  }

  std::string received;
  int reads = 0;
  bool connected = false;
  int drained = 0;
  int closed = 0;
  bool clean = false;
  std::string reason;
  std::function<void()> when_bytes;
};

}  // namespace holdfast::os
