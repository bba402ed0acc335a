#include "workload/counters.h"

#include <fmt/format.h>

namespace holdfast::workload {

void OnceAdd::ask(Round& round) {
  Operation operation = round.operation(Op::once_add, key_, fmt::format("{} {}", id_, amount_));
  pause_ = milliseconds(round.prng().between(0, 20));
  if (!begun_) {
    which_ = journal_.begin(std::move(operation));
    begun_ = true;
  } else if (doubtful_) {
    journal_.at(which_).place = kNoPlace;
  } else {
    journal_.at(which_) = std::move(operation);  // what was tried before did certainly nothing
  }
  round.add({"ONCE", id_, "INCRBY", key_, fmt::format("{}", amount_)});
}

void OnceAdd::on_answer(const Answer& answer) {
  wake_at_ = answer.now + pause_;
  if (answer.meaning == Meaning::not_done) {
    // Stays as it is in the history while it is asked again.
    if (!doubtful_) journal_.end(which_, Ended::failed, {}, answer.now);
    return;
  }
  if (answer.meaning == Meaning::unknown) {
    doubtful_ = true;
    return journal_.end(which_, Ended::unknown, {}, answer.now);
  }
  journal_.settle(which_, answer, read_integer);
  over_ = true;
}

void OnceAdd::finish(Instant now) {
  if (begun_ && !over_ && journal_.at(which_).ended == Ended::unknown) {
    journal_.end(which_, Ended::unknown, {}, now);
  }
}

}  // namespace holdfast::workload
