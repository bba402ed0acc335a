// What became of the newest order to hand leadership over that this node was given. The engine tries it
// for an election time-out and goes on leading if nobody could take it; that is the right thing to do,
// and whoever gave the order has to hear of it.
//
// Threads: the loop's.
#pragma once

#include <cstdint>
#include <string>

#include "base/ids.h"
#include "base/time.h"

namespace holdfast::server {

class TransferWatch {
 public:
  // Under this epoch this node led when it was told to. `to` 0: to whoever is furthest. `patience`: for
  // how long the engine tries it.
  void begin(NodeId to, Epoch under, Instant now, Duration patience);
  bool under_way() const { return state_ == State::under_way; }
  // How it is now: who leads (0: nobody known), and under which epoch. True: it has just ended.
  bool look(NodeId self, NodeId leader, Epoch epoch, Instant now);
  // It led to what was wanted. REQUIRES: look() has been true.
  bool succeeded() const { return state_ == State::done; }
  // For INFO: "none", "to node 3: under way", "to node 3: node 3 leads", …
  std::string text() const;
  Instant wake_at() const { return under_way() ? until_ : Instant::never(); }

 private:
  enum class State : std::uint8_t { none, under_way, done, other, stayed };

  State state_ = State::none;
  NodeId to_;
  NodeId leader_;
  Epoch under_;
  Instant until_;
};

}  // namespace holdfast::server
