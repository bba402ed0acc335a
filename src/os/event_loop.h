// The loop of one thread: sleeps until something is ready, hands it out, ends the turn.
//
// A turn: wait for work or for the handler's wake_at, at first without sleeping if that is allowed and
// worthwhile (os/busy_poll.h); run what is ready, at most kTurnWork items and
// no new one after kTurnTime of the processor's, so that a flood cannot put off the end of the turn;
// on_turn_end; then everything that asked for it writes (each TCP stream once).
//
// Threads: run() and everything that runs on it belong to one thread; post() and stop() may be
// called from any. Order of destruction: what uses the loop dies before the loop.
#pragma once

#include <functional>
#include <memory>

#include "env/clock.h"
#include "env/loop.h"

namespace holdfast::os {

class EventLoop final : public env::LoopWatch {
 public:
  static constexpr int kTurnWork = 256;
  static constexpr Duration kTurnTime = milliseconds(3);

  explicit EventLoop(const env::Clock& clock);
  ~EventLoop() override;
  EventLoop(const EventLoop&) = delete;
  EventLoop& operator=(const EventLoop&) = delete;

  // Turn after turn until stop(). The turn in which stop() is called is finished.
  void run(env::TurnHandler& handler);
  void stop();
  // Runs `work` in a later turn, or a later step of this one; in the order of the posts of a
  // thread.
  void post(std::function<void()> work);
  // `handler` gets SIGTERM and SIGINT, as part of a turn, as often as they come. Without it they
  // end the process. SIGPIPE is ignored as soon as a loop exists.
  void on_terminate(std::function<void(int signal)> handler);

  // `handler` gets SIGHUP likewise.
  void on_hangup(std::function<void()> handler);

  // How long a wait may be looked through before it is slept through; 0, as at first: not at all.
  void set_busy_poll(Duration longest);

  Duration longest_turn() const override;
  void forget_longest_turn() override;
  Duration busy_polled() const override;

  // What only os/ may touch (os/event_loop_parts.h).
  struct Parts;
  Parts& parts() { return *parts_; }

 private:
  std::unique_ptr<Parts> parts_;
};

}  // namespace holdfast::os
