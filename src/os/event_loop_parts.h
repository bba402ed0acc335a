// The inside of the loop, for os/*.cc only: whoever includes this pays for Asio.
#pragma once

#include <boost/asio/executor_work_guard.hpp>
#include <boost/asio/io_context.hpp>
#include <boost/asio/signal_set.hpp>
#include <functional>
#include <optional>
#include <vector>

#include "os/busy_poll.h"
#include "os/event_loop.h"

namespace holdfast::os {

struct EventLoop::Parts {
  explicit Parts(const env::Clock& loop_clock)
      : clock(loop_clock), io(1), work(io.get_executor()) {}

  // While this turn may begin something more. An item that is much in itself asks between its parts.
  bool in_time();
  // Until something was run, or so much time has passed.
  void wait(Duration at_most);
  bool run_without_sleep(Instant until);
  void wait_signal();
  void wait_hangup();

  const env::Clock& clock;
  boost::asio::io_context io;
  // Keeps the loop waiting when no socket is open.
  boost::asio::executor_work_guard<boost::asio::io_context::executor_type> work;
  std::optional<boost::asio::signal_set> signals;
  std::function<void(int)> on_signal;
  std::optional<boost::asio::signal_set> hangups;
  std::function<void()> on_hangup;
  BusyPoll busy_poll;
  // Of the processor's time.
  Duration longest_turn;
  Duration worked;  // up to the end of the last turn
  // Not before this has kTurnTime passed; Instant{}: nobody has asked in this turn.
  Instant turn_until;
  // Called at the end of each turn, after the handler; set by the network.
  std::function<void()> flush;
};

}  // namespace holdfast::os
