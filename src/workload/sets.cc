#include "workload/sets.h"

namespace holdfast::workload {

void SetOperation::ask(Round& round) {
  const std::string key = names_.set(number_);
  asked_ = true;
  if (element_.empty()) {
    which_ = journal_.begin(round.operation(Op::read_all, key, {}));
    return round.add({"GET", key});
  }
  which_ = journal_.begin(round.operation(Op::insert, key, element_));
  round.add({"APPEND", key, element_ + " "});
}

void SetOperation::on_answer(const Answer& answer) {
  journal_.settle(which_, answer, element_.empty() ? read_text : read_integer);
  over_ = true;
  const Operation& operation = journal_.at(which_);
  if (operation.ended != Ended::ok) return;
  const auto bytes = element_.empty() ? static_cast<std::int64_t>(operation.ret.size())
                                      : number_field(operation.ret, 0);
  names_.saw_set(number_, operation.key, bytes);
}

void SetOperation::finish(Instant now) {
  if (asked_ && !over_) journal_.end(which_, Ended::unknown, {}, now);
}

}  // namespace holdfast::workload
