// The life of one hold of a lock: acquired, perhaps after a wait; renewed, checked, looked at and
// used for guarded writes; given back, or left to end by itself and then tried once more.
//
// Each life has an owner of its own, who is named again only when it is unknown what became of his
// acquire, or to show that a repeat is told of the same grant.
#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "workload/activity.h"
#include "workload/names.h"

namespace holdfast::workload {

class LockLife final : public Activity {
 public:
  struct Plan {
    std::string lock;
    std::string guarded;  // the key written under it
    std::int64_t ttl_ms = 0;
    std::int64_t wait_ms = 0;
    int rounds = 0;              // while it is held
    int repeats = 0;             // of an acquire or release whose outcome is unknown, at most
    bool let_it_end = false;     // instead of releasing
    bool acquire_again = false;  // while it is held
    bool release_again = false;
  };
  static Plan draw(Prng& prng, std::string lock, std::string guarded);

  LockLife(Journal& journal, Names& names, Plan plan)
      : journal_(journal), names_(names), plan_(std::move(plan)), owner_(names.fresh_name()) {}

  void ask(Round& round) override;
  void on_answer(const Answer& answer) override;
  bool over() const override { return state_ == State::over; }
  Instant wake_at() const override { return wake_at_; }
  void hurry() override;
  void finish(Instant now) override;

 private:
  enum class State : std::uint8_t { acquiring, holding, releasing, ended, over };

  void ask_acquire(Round& round);
  void ask_release(Round& round);
  void use(Round& round);
  void use_once(Round& round, Op op);
  void on_acquired(const Operation& operation, const Answer& answer);
  void on_released(const Operation& operation);
  void on_round_done(const Answer& answer);
  // Whether what is unknown is to be asked again.
  bool try_again();

  Journal& journal_;
  Names& names_;
  Plan plan_;
  std::string owner_;
  std::string token_;
  State state_ = State::acquiring;
  bool hurried_ = false;
  Duration pause_;
  Instant wake_at_;
  std::vector<std::size_t> asked_;  // of this round, and not answered
};

}  // namespace holdfast::workload
