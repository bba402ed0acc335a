#include "workload/latches.h"

#include <fmt/format.h>

namespace holdfast::workload {

void LatchTurn::ask(Round& round) {
  if (!set_) {
    // Not in the history: it is done once or not at all, and what follows knows that it was.
    return round.add({"ONCE", latch_, "LATCH.SET", latch_, fmt::format("{}", kCount)});
  }
  open_ = true;
  if (wait_ms_ > 0) {
    const std::string wait = fmt::format("{}", wait_ms_);
    which_ = journal_.begin(
        round.operation(Op::latch_wait, latch_, fmt::format("{} {}", kCount, wait)));
    return round.add({"LATCH.WAIT", latch_, "WAIT", wait});
  }
  which_ = journal_.begin(
      round.operation(Op::latch_down, latch_, fmt::format("{} {}", kCount, owner_)));
  round.add({"LATCH.DOWN", latch_, "OWNER", owner_});
}

void LatchTurn::on_answer(const Answer& answer) {
  if (!set_) {
    set_ = answer.meaning == Meaning::answered;
    over_ = !set_;
    if (set_ && read_one_or_zero(*answer.reply) != "1") {
      journal_.problem(
          fmt::format("LATCH.SET of {} was answered by {}", latch_, show(*answer.reply)));
    }
    if (answer.meaning == Meaning::nonsense) {
      journal_.problem(
          fmt::format("LATCH.SET of {} was answered by {}", latch_, show(*answer.reply)));
    }
    return;
  }
  open_ = false;
  journal_.settle(which_, answer, wait_ms_ > 0 ? read_one_or_zero : read_integer);
  over_ = wait_ms_ > 0 || --times_ <= 0 || answer.broken();
}

void LatchTurn::finish(Instant now) {
  if (open_) journal_.end(which_, Ended::unknown, {}, now);
}

}  // namespace holdfast::workload
