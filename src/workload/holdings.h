// The life of one hold of a shared lock, of permits, or of an office: acquired, perhaps after a wait;
// renewed, checked and looked at; given back, taken away by force, or left to end by itself and then
// tried once more. What locks do that are never shared is in locks.h.
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

class HoldingLife final : public Activity {
 public:
  enum class Kind : std::uint8_t { lock, semaphore, election };

  struct Plan {
    Kind kind = Kind::lock;
    std::string name;
    std::uint64_t number = 0;  // of the name, among those of its kind
    std::int64_t ttl_ms = 0;
    std::int64_t wait_ms = 0;
    bool shared = false;        // a lock
    std::string hold = {};      // of a lock; "": the unnamed one
    std::int64_t delay_ms = 0;  // of a lock
    std::int64_t permits = 1;   // of a semaphore
    int rounds = 0;             // while it is held
    int repeats = 0;            // of an acquire or release whose outcome is unknown, at most
    bool let_it_end = false;    // instead of releasing
    bool acquire_again = false;
    bool may_force = false;
  };
  // Name 0 of each kind has what makes it harder to say who must be let in: delays, limits that
  // change.
  static Plan draw(Prng& prng, const Names& names, std::uint64_t count);

  HoldingLife(Journal& journal, Names& names, Plan plan)
      : journal_(journal), names_(names), plan_(std::move(plan)), owner_(names.fresh_name()) {}

  void ask(Round& round) override;
  void on_answer(const Answer& answer) override;
  bool over() const override { return state_ == State::over; }
  Instant wake_at() const override { return wake_at_; }
  void hurry() override;
  void finish(Instant now) override;

 private:
  enum class State : std::uint8_t { acquiring, holding, releasing, ended, over };

  std::string word(std::string_view verb) const;
  void add(Round& round, Op op, std::string arg, std::vector<std::string> words);
  void ask_acquire(Round& round);
  void ask_release(Round& round);
  void use(Round& round);
  void use_once(Round& round, Op op);
  void on_acquired(const Operation& operation, const Answer& answer);
  void on_round_done(const Answer& answer);
  bool try_again();

  Journal& journal_;
  Names& names_;
  Plan plan_;
  std::string owner_;
  std::string token_;
  State state_ = State::acquiring;
  bool hurried_ = false;
  bool given_back_ = false;
  Duration pause_;
  Instant wake_at_;
  std::vector<std::size_t> asked_;  // of this round, and not answered
};

}  // namespace holdfast::workload
