#include "consensus/invariants.h"

#include "base/check.h"

namespace holdfast::consensus {

void check_state(const Status& status, const LogTail& log) {
  CHECK(status.first == log.first());
  CHECK(status.last == log.last());
  CHECK(log.before() <= status.commit, "{} > {}", log.before(), status.commit);
  CHECK(status.commit <= log.last(), "{} > {}", status.commit, log.last());
  CHECK(status.durable <= log.last(), "{} > {}", status.durable, log.last());
  CHECK(log.before() <= status.durable, "{} > {}", log.before(), status.durable);
  CHECK(log.last_epoch() <= status.epoch, "{} > {}", log.last_epoch(), status.epoch);

  Epoch previous = *log.epoch_at(log.before());
  for (Index index = log.first(); index <= log.last(); index = index.next()) {
    const Entry& entry = log.at(index);
    CHECK(entry.index == index, "{} at {}", entry.index, index);
    CHECK(entry.epoch >= previous, "{} after {}", entry.epoch, previous);
    previous = entry.epoch;
  }
}

void StepChecker::reset() { *this = StepChecker(); }

void StepChecker::check(const Protocol& protocol, const Effects& effects) {
  const Status status = protocol.status();
  CHECK(status.role == protocol.role());
  CHECK(status.epoch == protocol.epoch());
  CHECK(status.leader == protocol.leader());
  CHECK(status.commit == protocol.commit());
  CHECK(status.durable == protocol.durable());

  if (effects.promise) CHECK(*effects.promise == status.epoch);
  CHECK((effects.write != 0) == (effects.promise.has_value() || effects.append.has_value()));
  if (effects.append && !effects.append->entries.empty()) {
    CHECK(effects.append->entries.front().index == effects.append->from);
    CHECK(effects.append->entries.back().index == status.last);
  }
  if (effects.committed_up_to) CHECK(*effects.committed_up_to == status.commit);
  if (effects.role) {
    CHECK(effects.role->role == status.role && effects.role->epoch == status.epoch &&
          effects.role->leader == status.leader);
  }

  check_epoch(status);
  check_committed(status, protocol.log());
  known_ = true;
}

void StepChecker::check_epoch(const Status& status) {
  if (known_) CHECK(status.epoch >= epoch_, "{} after {}", status.epoch, epoch_);
  if (!known_ || status.epoch != epoch_) {
    epoch_ = status.epoch;
    leader_of_epoch_ = {};
    led_ = false;
    deposed_ = false;
  }
  if (status.leader) {
    CHECK(!leader_of_epoch_ || leader_of_epoch_ == status.leader, "two leaders in epoch {}: {}, {}",
          epoch_, leader_of_epoch_, status.leader);
    leader_of_epoch_ = status.leader;
  }
  const bool leads = status.role == Role::leader;
  CHECK(!(leads && deposed_), "leads epoch {} again", epoch_);
  if (led_ && !leads) deposed_ = true;
  if (leads) led_ = true;
}

void StepChecker::check_committed(const Status& status, const LogTail& log) {
  CHECK(status.commit >= commit_, "commit {} after {}", status.commit, commit_);
  for (Index index = commit_.next(); index <= status.commit; index = index.next()) {
    if (index > log.before()) committed_[index] = log.at(index).content;
  }
  commit_ = status.commit;
  committed_.erase(committed_.begin(), committed_.upper_bound(log.before()));
  for (const auto& [index, content] : committed_) {
    CHECK(log.at(index).content == content, "committed entry {} has changed", index);
  }
}

}  // namespace holdfast::consensus
