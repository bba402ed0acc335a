// Drives an actor over one connection at a time to one of several servers, as a program does that
// was told of all of them. It does not know what its network is made of: the simulator uses it on
// simulated wires, `holdfast bench` on real ones.
//
// It sends pipelines and reads their answers. Now and then it goes to another server, so that one
// that comes back gets clients again; and when its own is gone, cannot be connected to, knows no
// leader or stays silent for longer than its patience. Such a one is avoided until another has
// answered. It is also as careless as its habits say: it hangs up right after sending, or in the
// middle of a command.
//
// The times in the history are taken right before a command is handed to the network and right
// after its answer came from there: what happened, happened in between.
//
// Threads: its owner's, who calls on_turn() at the end of each turn of its loop, and lets no more
// time pass than until wake_at(); so all that is sent in a turn leaves at its end.
#pragma once

#include <cstdint>
#include <deque>
#include <memory>
#include <set>
#include <string>
#include <string_view>
#include <vector>

#include "base/prng.h"
#include "base/time.h"
#include "env/network.h"
#include "resp/reply_parser.h"
#include "workload/actor.h"
#include "workload/habits.h"

namespace holdfast::workload {

class Driver {
 public:
  class Owner {
   public:
    virtual ~Owner() = default;
    virtual Instant now() const = 0;
    virtual void on_connected() {}
    // Nothing is outstanding, and the actor is about to be asked. May put another in its place.
    virtual void before_asking() {}
    virtual void on_asked(const std::vector<Command>&, Instant) {}
    // Before the actor is told.
    virtual void on_answer(const Command&, const resp::Reply&, Instant) {}
  };

  struct Plan {
    std::vector<env::Address> servers;
    std::string password = {};  // "": none is asked for
    Habits habits = {};
  };

  // `number` from 0 on, of the client. All that is handed in outlives the driver.
  Driver(Plan plan, std::uint32_t number, Prng prng, env::Network& network, Owner& owner,
         Actor& actor);
  ~Driver();
  Driver(const Driver&) = delete;
  Driver& operator=(const Driver&) = delete;

  // Does what is due; dials the first time.
  void on_turn(Instant now);
  Instant wake_at() const { return wake_at_; }
  // Goes on with this actor. REQUIRES: called from before_asking().
  void use(Actor& actor) { actor_ = &actor; }

  // No new operations from now on; done() once what was begun has ended.
  void wind_down() { winding_down_ = true; }
  bool done() const { return state_ == State::done; }
  // The end, however it stands: what has not ended is unknown, and answers to it are not heard.
  void finish(Instant now);

  // What came over the wire and was no answer to anything. Empty unless a server is wrong.
  const std::vector<std::string>& problems() const { return problems_; }

 private:
  enum class State : std::uint8_t { away, connecting, greeting, thinking, waiting, done };
  class Connection;

  void enter(State state, Instant wake_at);
  void dial(Instant now);
  void greet();
  void ask();
  // Sends a pipeline, or something a careless program would send instead.
  void send(std::string_view bytes);
  void on_connected();
  void on_bytes(std::string_view bytes);
  void on_reply(const resp::Reply& reply, Instant now);
  void on_answered(Instant now);
  void on_gone();
  // Ends the connection with a server that was no help.
  void give_up(Instant now);
  void part(bool at_once, Instant now);
  // The actor is told of what was asked and not answered. Then another server is dialled.
  void lose(Instant now);
  std::size_t choose();
  void problem(std::string_view text);
  // Whether there is nothing left to do.
  bool finished();

  Plan plan_;
  std::uint32_t number_;
  Prng prng_;
  env::Network& network_;
  Owner& owner_;
  Actor* actor_;

  std::shared_ptr<Connection> connection_;  // null: away
  std::size_t server_;                      // it belongs to, or will
  std::set<std::size_t> avoid_;             // no help so far
  resp::ReplyParser parser_;
  std::deque<Command> asked_;  // not answered yet
  std::string last_answered_;  // a command's name, for people
  State state_ = State::away;
  Instant wake_at_;
  bool winding_down_ = false;
  bool leaderless_ = false;  // said in answer to this pipeline
  std::vector<std::string> problems_;
};

}  // namespace holdfast::workload
