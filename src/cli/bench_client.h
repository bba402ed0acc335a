// One client of the load: drives a workload::Actor over one connection at a time to one of the
// servers, as a program does that was told of all of them.
//
// It goes to another server when its own is gone, refuses to be connected to, knows no leader or
// stays silent for longer than its patience; and now and then without a reason, so that a server
// that comes back gets clients again.
//
// The times in its history are taken right before a command is handed to the network and right
// after its answer came from there: what happened, happened in between.
//
// Threads: the loop's. Its owner calls on_turn() in each turn; so all that is sent in a turn leaves
// at its end.
#pragma once

#include <cstdint>
#include <deque>
#include <functional>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "base/prng.h"
#include "cli/bench_figures.h"
#include "env/clock.h"
#include "env/network.h"
#include "resp/reply_parser.h"
#include "workload/actor.h"

namespace holdfast::cli {

class BenchClient {
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
  ~BenchClient();
  BenchClient(const BenchClient&) = delete;
  BenchClient& operator=(const BenchClient&) = delete;

  // Does what is due.
  void on_turn(Instant now);
  Instant wake_at() const { return wake_at_; }

  // No new operations from now on; done() once what was begun has ended.
  void wind_down() { winding_down_ = true; }
  bool done() const { return state_ == State::done; }
  // The end, however it stands.
  void finish(Instant now);

  // Operations that ended with an answer.
  std::uint64_t acknowledged() const { return acknowledged_ + actor_->acknowledged(); }
  // Since the last time it was dropped. REQUIRES: finished.
  const workload::History& history() const { return history_; }
  // Answers that no promise allows, or to nothing at all. Empty unless a server is wrong.
  std::vector<std::string> problems() const;

 private:
  enum class State : std::uint8_t { away, connecting, greeting, thinking, waiting, done };
  class Connection;

  // What is to be known of a command when its answer comes.
  struct Asked {
    bool writes = false;
    bool timed = false;  // its latency is that of a server, not of somebody who holds a lock
  };

  void enter(State state, Instant wake_at);
  void dial(Instant now);
  void ask();
  void send(const std::vector<workload::Command>& commands);
  void on_connected();
  void on_bytes(std::string_view bytes);
  void on_reply(const resp::Reply& reply, Instant now);
  void on_answered(Instant now);
  void on_gone();
  // Ends the connection; the actor is told of what was asked and not answered. Then dials another.
  void part(Instant now);
  void lose(Instant now);
  void rest(Instant now);
  void problem(std::string text);
  // Whether there is nothing left to do.
  bool finished(Instant now);
  void begin_anew();

  const Plan& plan_;
  std::uint32_t number_;
  Prng prng_;
  env::Network& network_;
  const env::Clock& clock_;
  Figures& figures_;

  workload::History history_;
  std::unique_ptr<workload::Actor> actor_;
  std::uint32_t actors_ = 0;        // so far, this one included
  std::uint64_t acknowledged_ = 0;  // by the actors before
  std::vector<std::string> problems_;

  std::shared_ptr<Connection> connection_;  // null: away
  resp::ReplyParser parser_;
  std::size_t server_;
  State state_ = State::away;
  Instant wake_at_;
  Instant asked_at_;
  std::deque<Asked> asked_;
  bool winding_down_ = false;
  bool leaderless_ = false;
};

}  // namespace holdfast::cli
