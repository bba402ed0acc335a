// What is done to our own nodes while clients are at work: SIGKILL and a new start after a moment,
// SIGSTOP and SIGCONT after a given time. Evenly over the time, one node at a time, so that a
// majority of three is never gone; the leader mostly, else any node.
//
// Threads: the loop's; on_turn() in each turn.
#pragma once

#include <cstdint>
#include <memory>
#include <optional>
#include <vector>

#include "base/prng.h"
#include "base/time.h"
#include "cli/bench_figures.h"
#include "cli/bench_nodes.h"
#include "env/network.h"

namespace holdfast::cli {

// Asks all nodes whether they lead, over a connection each that is made for it: a node that is
// silent or busy with clients keeps nobody waiting.
class LeaderWatch {
 public:
  LeaderWatch(env::Network& network, const std::vector<env::Address>& servers)
      : network_(network), servers_(servers) {}
  ~LeaderWatch();
  LeaderWatch(const LeaderWatch&) = delete;
  LeaderWatch& operator=(const LeaderWatch&) = delete;

  // Forgets what was answered, and asks again.
  void ask();
  // Of those that said since that they lead: the one with the highest epoch.
  std::optional<std::size_t> leader() const;

 private:
  class Question;
  void stop_asking();

  env::Network& network_;
  const std::vector<env::Address>& servers_;
  std::vector<std::shared_ptr<Question>> questions_;
};

class BenchFaults {
 public:
  struct Plan {
    std::uint32_t kills = 0;
    std::uint32_t pauses = 0;
    Duration pause = seconds(1);
    Duration length;  // of the load
  };

  // Begins now.
  BenchFaults(const Plan& plan, BenchNodes& nodes, env::Network& network, Prng prng,
              Figures& figures, Instant now);

  void on_turn(Instant now);
  Instant wake_at() const { return wake_at_; }
  // All nodes run from here on, and nothing more is done to them.
  void end(Instant now);
  // What there was no time for.
  std::size_t left() const { return kinds_.size() - next_; }

 private:
  enum class State : std::uint8_t { quiet, asking, down, over };

  void plan_next(Instant now);
  void strike(Instant now);
  void come_back(Instant now);

  Plan plan_;
  BenchNodes& nodes_;
  Prng prng_;
  Figures& figures_;
  LeaderWatch watch_;
  Instant began_;
  std::vector<Disturbance::Kind> kinds_;  // in the order in which they are done
  std::size_t next_ = 0;
  Disturbance present_;
  State state_ = State::quiet;
  Instant wake_at_;
};

}  // namespace holdfast::cli
