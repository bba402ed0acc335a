// One client: a machine of its own that drives one workload::Actor over simulated wires, as a
// program with one connection does.
//
// It dials a node by chance, sends pipelines and reads their answers, goes elsewhere now and then,
// and when a node says that it knows no leader or stays silent for longer than its patience; such a
// node is avoided until another has answered. It is also as careless as programs are: it hangs up
// right after sending, or in the middle of a command.
#pragma once

#include <cstdint>
#include <deque>
#include <functional>
#include <memory>
#include <set>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "base/prng.h"
#include "resp/reply_parser.h"
#include "sim/habits.h"
#include "sim/network.h"
#include "sim/world.h"
#include "workload/actor.h"

namespace holdfast::sim {

class Client final : private Loop {
 public:
  // Told that a write is done, with its words as they were sent.
  using Acknowledged = std::function<void(std::span<const std::string> words)>;

  // `number` from 0 on. The history takes what the client saw; both outlive the client.
  Client(World& world, std::uint32_t number, const workload::Mix& mix, const Habits& habits,
         workload::History& history, Acknowledged acknowledged = nullptr);
  ~Client() override;
  Client(const Client&) = delete;
  Client& operator=(const Client&) = delete;

  void start();
  // No new operations from now on; done() once what was begun has ended.
  void wind_down() { winding_down_ = true; }
  bool done() const { return state_ == State::done; }

  // There is no more time: what has not ended is unknown.
  void finish() { actor_.finish(now()); }

  const workload::Actor& actor() const { return actor_; }
  // What came over the wire and was no answer to anything. Empty unless a node is wrong.
  const std::vector<std::string>& problems() const { return problems_; }

 private:
  enum class State : std::uint8_t { away, connecting, thinking, waiting, done };
  class Connection;

  void post(std::function<void()> work) override;
  void take_turn();
  // Runs `what` in a turn after that time, unless the client has gone on to something else.
  void later(Duration delay, void (Client::*what)());
  void enter(State state);

  void dial();
  MachineId choose_node();
  void ask();
  // Sends a pipeline, or something a careless program would send instead.
  void send(std::string bytes);
  void on_connected();
  void on_bytes(std::string_view bytes);
  void on_gone();
  void on_reply(const resp::Reply& reply);
  void on_answered();
  void give_up();
  // Ends the connection; what was asked and not answered is told to the actor. Then dials again.
  void part(bool at_once);
  void rest();
  bool finished();
  Instant now() const { return world_.now(); }

  World& world_;
  MachineId machine_;
  Habits habits_;
  Prng prng_;
  workload::Actor actor_;
  Acknowledged acknowledged_;
  std::unique_ptr<env::Network> network_;
  std::shared_ptr<Connection> connection_;  // null: away
  MachineId node_ = 0;                      // it belongs to
  std::set<MachineId> avoid_;               // no help so far
  resp::ReplyParser parser_;
  std::deque<workload::Command> asked_;  // not answered yet
  std::string last_answered_;            // a command's name, for people
  State state_ = State::away;
  std::uint64_t step_ = 0;  // counts changes of state; timers of an older step do nothing
  bool winding_down_ = false;
  bool leaderless_ = false;
  std::vector<std::function<void()>> ready_;
  bool turn_planned_ = false;
  std::vector<std::string> problems_;
};

}  // namespace holdfast::sim
