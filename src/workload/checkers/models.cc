#include "workload/checkers/models.h"

#include <algorithm>

namespace holdfast::workload {
namespace {

// What is there when somebody looks for `seen`: a value past its time is none.
bool shows(RegisterModel::State& state, std::int32_t seen) {
  if (seen == 0 && state.ends) state = {};
  return state.value == seen;
}

}  // namespace

bool RegisterModel::apply(const Step& step, State& state) const {
  switch (step.op) {
    case Op::read:
      return shows(state, step.seen);
    case Op::cas:
      if (!shows(state, step.seen)) return false;
      if (step.answered && !step.done) return true;
      break;
    case Op::erase:
      if (!step.answered) break;
      if (step.done && state.value == 0) return false;
      if (!step.done && !shows(state, 0)) return false;
      break;
    default:
      break;
  }
  state = {step.written, step.op == Op::write_ttl};
  return true;
}

bool CounterModel::apply(const Step& step, State& state) const {
  if (!step.reads) state += step.amount;
  return !step.answered || state == step.result;
}

bool SetModel::apply(const Step& step, State& state) const {
  if (step.reads) return state == step.at;
  if (step.at >= 0 ? state != step.at : state < known) return false;
  state += step.bytes;
  return step.result < 0 || state == step.result;
}

bool LockModel::acquire(const Step& step, State& state) const {
  const bool mine = state.held && state.owner == step.owner && step.owner != kNobody;
  if (!step.answered) {
    if (!mine) state = {0, state.newest, step.owner, true};
    return true;
  }
  // A waiter may have been refused for another's hold that came and went.
  if (!step.held) return step.waits || (state.held && !mine);
  if (mine && state.token == step.token) return true;
  if (step.token <= state.newest) return false;
  state = {step.token, step.token, step.owner, true};
  return true;
}

bool LockModel::apply(const Step& step, State& state) const {
  if (step.op == Op::acquire) return acquire(step, state);
  if (step.op == Op::look) {
    if (step.token == 0) {
      state.held = false;
      return true;
    }
    // A look tells of a grant whose owner never heard of it.
    if (state.held && state.token == 0 && step.token > state.newest) {
      state.token = state.newest = step.token;
    }
    return state.held && state.token == step.token;
  }
  const bool current = state.held && state.token == step.token;
  if (step.answered && step.held && !current && !step.repeated) return false;
  const bool ends = step.op == Op::release || (step.answered && !step.held);
  if (current && ends) state.held = false;
  return true;
}

std::uint64_t LockModel::hash(const State& state) const {
  std::uint64_t sum = static_cast<std::uint64_t>(state.token) * 0x9e3779b97f4a7c15;
  sum = (sum ^ static_cast<std::uint64_t>(state.newest)) * 0xff51afd7ed558ccd;
  return (sum ^ (static_cast<std::uint64_t>(state.owner) * 2 + (state.held ? 1 : 0))) *
         0xc4ceb9fe1a85ec53;
}

}  // namespace holdfast::workload
