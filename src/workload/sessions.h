// The life of one session: opened, a key bound to it, kept for a while, at times by the connection
// itself; then closed, or left to end by itself, and its key looked at to the last.
//
// The key has a name of its own, under which all of the life stands in the history.
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
  };
  static Plan draw(Prng& prng);

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
  bool again_ = false;     // something of the round was not done
  bool doubtful_ = false;  // or perhaps
  int tries_ = 0;
  Duration pause_;
  Instant wake_at_;
  std::vector<std::size_t> asked_;  // of this round, and not answered
};

}  // namespace holdfast::workload
