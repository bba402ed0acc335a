// A latch that clients count down together: set once, under an id that all of them use; then each
// counts, under a name of its own and at times again, or waits until it is open.
#pragma once

#include <cstdint>
#include <string>

#include "workload/activity.h"

namespace holdfast::workload {

class LatchTurn final : public Activity {
 public:
  static constexpr std::int64_t kCount = 3;
  // There is a new one so often, the same for everybody.
  static constexpr Duration kEach = milliseconds(700);

  // `wait_ms`: how long to wait for it; 0: count, `times` under the same name.
  LatchTurn(Journal& journal, std::string latch, std::string owner, std::int64_t wait_ms, int times)
      : journal_(journal),
        latch_(std::move(latch)),
        owner_(std::move(owner)),
        wait_ms_(wait_ms),
        times_(times) {}

  void ask(Round& round) override;
  void on_answer(const Answer& answer) override;
  bool over() const override { return over_; }
  void hurry() override { times_ = 0; }
  void finish(Instant now) override;

 private:
  Journal& journal_;
  std::string latch_;
  std::string owner_;
  std::int64_t wait_ms_;
  int times_;
  bool set_ = false;   // for certain
  bool open_ = false;  // an operation is under way
  bool over_ = false;
  std::size_t which_ = 0;
};

}  // namespace holdfast::workload
