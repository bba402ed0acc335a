// The turn of a loop, as seen by what runs on it.
//
// A loop gathers what is ready (bytes, disk completions), hands it out, and then ends the turn:
// the node closes its batches, and only then is anything written to a socket. When nothing is
// ready the loop sleeps until the node's wake_at.
#pragma once

#include "base/time.h"

namespace holdfast::env {

class TurnHandler {
 public:
  virtual ~TurnHandler() = default;
  // Called once per turn, after the handlers of everything that was ready.
  virtual void on_turn_end() = 0;
  // When to run a turn even if nothing happens.
  virtual Instant wake_at() const = 0;
};

// What the loop tells of itself, to whoever watches the node.
class LoopWatch {
 public:
  virtual ~LoopWatch() = default;
  // Processor time of the longest turn since the start or the last forget: for so long nobody else
  // was served, waiting for the processor aside.
  virtual Duration longest_turn() const = 0;
  virtual void forget_longest_turn() = 0;
  // Since the start it has looked for work so long before it slept, others' turns on the same
  // processor included.
  virtual Duration busy_polled() const = 0;
};

}  // namespace holdfast::env
