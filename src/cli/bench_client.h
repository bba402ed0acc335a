// One client of the load: a workload::Driver over the process's sockets, counted and timed.
//
// Threads: the loop's. Its owner calls on_turn() in each turn; so all that is sent in a turn leaves
// at its end.
#pragma once

#include <cstdint>
#include <functional>
#include <memory>
#include <string>
#include <vector>

#include "base/prng.h"
#include "cli/bench_figures.h"
#include "env/clock.h"
#include "env/network.h"
#include "workload/actor.h"
#include "workload/driver.h"

namespace holdfast::cli {

class BenchClient final : private workload::Driver::Owner {
 public:
  struct Plan {
    std::vector<env::Address> servers;
    std::string password;
    workload::Mix mix;
    Duration patience = seconds(3);
    // Given the history whenever it has grown long, which is then forgotten and begun anew, by
    // another actor: memory does not grow. Without it the whole history is there in the end.
    std::function<void(const workload::History&)> drop = {};
  };

  // All that is handed in outlives the client. `number` from 0 on, below plan.mix.clients.
  BenchClient(const Plan& plan, std::uint32_t number, Prng prng, env::Network& network,
              const env::Clock& clock, Figures& figures);
  BenchClient(const BenchClient&) = delete;
  BenchClient& operator=(const BenchClient&) = delete;

  // Does what is due.
  void on_turn(Instant now) { driver_.on_turn(now); }
  Instant wake_at() const { return driver_.wake_at(); }

  // No new operations from now on; done() once what was begun has ended.
  void wind_down() { driver_.wind_down(); }
  bool done() const { return driver_.done(); }
  // The end, however it stands.
  void finish(Instant now) { driver_.finish(now); }

  // Operations that ended with an answer.
  std::uint64_t acknowledged() const { return acknowledged_ + actor_->acknowledged(); }
  // Since the last time it was dropped. REQUIRES: finished.
  const workload::History& history() const { return history_; }
  // Answers that no promise allows, or to nothing at all. Empty unless a server is wrong.
  std::vector<std::string> problems() const;

 private:
  Instant now() const override { return clock_.now(); }
  void on_connected() override { ++figures_.connections; }
  void before_asking() override;
  void on_asked(const std::vector<workload::Command>& commands, Instant now) override;
  void on_answer(const workload::Command& command, const resp::Reply& reply, Instant now) override;
  std::unique_ptr<workload::Actor> another_actor();

  const Plan& plan_;
  std::uint32_t number_;
  Prng prng_;
  const env::Clock& clock_;
  Figures& figures_;

  workload::History history_;
  std::uint32_t actors_ = 0;           // so far, the present one included
  std::uint64_t acknowledged_ = 0;     // by those before
  std::vector<std::string> problems_;  // likewise
  std::unique_ptr<workload::Actor> actor_;

  Instant asked_at_;    // the pipeline that is to be answered
  bool timed_ = false;  // its latency is that of a server, not of somebody who holds a lock
  workload::Driver driver_;
};

}  // namespace holdfast::cli
