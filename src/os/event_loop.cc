#include "os/event_loop.h"

#include <sched.h>
#include <signal.h>
#include <time.h>

#include <algorithm>
#include <boost/asio/post.hpp>
#include <chrono>
#include <utility>

#include "os/event_loop_parts.h"

namespace holdfast::os {
namespace {

// An idle loop looks around this often, so that a handler whose wake_at has changed for a reason
// that the loop cannot see is late by this much at most.
constexpr Duration kLongestSleep = seconds(10);

Duration thread_cpu_time() {
  timespec time{};
  ::clock_gettime(CLOCK_THREAD_CPUTIME_ID, &time);
  return seconds(time.tv_sec) + Duration{time.tv_nsec};
}

}  // namespace

EventLoop::EventLoop(const env::Clock& clock) : parts_(std::make_unique<Parts>(clock)) {
  // A write to a broken connection shall be an error of that write.
  ::signal(SIGPIPE, SIG_IGN);
}

EventLoop::~EventLoop() = default;

void EventLoop::run(env::TurnHandler& handler) {
  auto& io = parts_->io;
  Duration sleep{};  // the first turn does not wait: something may have been sent before
  parts_->worked = thread_cpu_time();
  while (true) {
    if (sleep.ns > 0) parts_->wait(sleep);
    for (int count = 1; count < kTurnWork && parts_->in_time() && io.poll_one() > 0; ++count) {
    }
    parts_->turn_until = {};
    handler.on_turn_end();
    if (parts_->flush) parts_->flush();
    const Duration work = thread_cpu_time();
    parts_->longest_turn = std::max(parts_->longest_turn, work - parts_->worked);
    parts_->worked = work;
    if (io.stopped()) break;
    const Instant now = parts_->clock.now();
    const Instant wake = std::min(handler.wake_at(), now + kLongestSleep);
    sleep = std::max(wake - now, Duration{});
  }
  io.restart();
}

void EventLoop::Parts::wait(Duration at_most) {
  const Instant until = clock.now() + at_most;
  if (!run_without_sleep(until)) {
    const Duration left = until - clock.now();
    if (left.ns > 0) io.run_one_for(std::chrono::nanoseconds(left.ns));
  }
  busy_poll.end(clock.now());
}

// True: something was run, or the loop is to stop.
bool EventLoop::Parts::run_without_sleep(Instant until) {
  Instant now = clock.now();
  if (!busy_poll.begin(now)) return false;
  do {
    worked = thread_cpu_time();  // looking is no part of a turn
    if (io.poll_one() > 0 || io.stopped()) return true;
    ::sched_yield();
    now = clock.now();
  } while (busy_poll.goes_on(now) && now < until);
  return false;
}

void EventLoop::set_busy_poll(Duration longest) { parts_->busy_poll.set_longest(longest); }
Duration EventLoop::busy_polled() const { return parts_->busy_poll.spent(); }

Duration EventLoop::longest_turn() const { return parts_->longest_turn; }
void EventLoop::forget_longest_turn() { parts_->longest_turn = {}; }

void EventLoop::stop() { parts_->io.stop(); }

void EventLoop::post(std::function<void()> work) { boost::asio::post(parts_->io, std::move(work)); }

void EventLoop::on_terminate(std::function<void(int signal)> handler) {
  parts_->on_signal = std::move(handler);
  if (parts_->signals) return;
  parts_->signals.emplace(parts_->io, SIGTERM, SIGINT);
  parts_->wait_signal();
}

void EventLoop::on_hangup(std::function<void()> handler) {
  parts_->on_hangup = std::move(handler);
  if (parts_->hangups) return;
  parts_->hangups.emplace(parts_->io, SIGHUP);
  parts_->wait_hangup();
}

bool EventLoop::Parts::in_time() {
  const Instant now = clock.now();
  if (turn_until == Instant{}) turn_until = now + kTurnTime;
  if (now < turn_until) return true;
  // Others may have had the processor meanwhile. That is asked last: it takes a system call.
  const Duration left = worked + kTurnTime - thread_cpu_time();
  if (left.ns <= 0) return false;
  turn_until = now + left;
  return true;
}

void EventLoop::Parts::wait_hangup() {
  hangups->async_wait([this](const boost::system::error_code& error, int) {
    if (error) return;
    wait_hangup();
    on_hangup();
  });
}

void EventLoop::Parts::wait_signal() {
  signals->async_wait([this](const boost::system::error_code& error, int signal) {
    if (error) return;
    wait_signal();
    on_signal(signal);
  });
}

}  // namespace holdfast::os
