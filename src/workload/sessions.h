// The life of one session: opened, a key bound to it, a lock held by it, kept for a while, at times by
// the connection itself; then closed, or left to end by itself, and its key and its lock looked at to
// the last.
//
// The key has a name of its own, under which all of the life stands in the history, but for the lock,
// which others want as well and which stands under its own.
#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "workload/activity.h"
#include "workload/names.h"

namespace holdfast::workload {

class SessionLife final : public Activity {
 public:
  struct Plan {
    std::int64_t ttl_ms = 0;
    int rounds = 0;        // of keeping
    bool close = false;    // instead of letting it end
    bool attach = false;   // the connection keeps it for a while
    bool bind = false;
    std::string lock = {};  // to be held by it; "": none
  };
  static Plan draw(Prng& prng, const Names& names, std::uint64_t locks);

  SessionLife(Journal& journal, Names& names, Plan plan)
      : journal_(journal), plan_(plan), key_(names.ephemeral()) {}

  void ask(Round& round) override;
  void on_answer(const Answer& answer) override;
  bool over() const override { return state_ == State::over; }
  Instant wake_at() const override { return wake_at_; }
  void hurry() override;
  void finish(Instant now) override;

 private:
  enum class State : std::uint8_t { opening, setting, binding, keeping, leaving, looking, over };

  void ask_one(Round& round, Op op, std::string arg, std::vector<std::string> words);
  void keep(Round& round);
  void claim(Round& round);
  void on_claimed(const Operation& operation);
  void look(Round& round);
  void on_round_done(Instant now);
  void leave(Instant now);

  Journal& journal_;
  Plan plan_;
  std::string key_;
  std::string id_;
  State state_ = State::opening;
  bool hurried_ = false;
  bool bound_ = false;     // for certain
  bool attached_ = false;  // perhaps
  bool ended_ = false;     // somebody said so
  std::string token_;      // of its lock; "": not held, as far as is known
  bool again_ = false;     // something of the round was not done
  bool doubtful_ = false;  // or perhaps
  int tries_ = 0;
  Duration pause_;
  Instant wake_at_;
  std::vector<std::size_t> asked_;  // of this round, and not answered
};

}  // namespace holdfast::workload
