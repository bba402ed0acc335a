// What the things that clients share do, as functions of one state: for the search for an order.
#pragma once

#include <cstdint>
#include <map>
#include <string>
#include <string_view>

#include "workload/history.h"

namespace holdfast::workload {

// A register that may be read, written, set if unchanged and erased. A value that was written to
// end by itself may do so whenever that is needed: when it may is the concern of expiry.h.
struct RegisterModel {
  struct State {
    std::int32_t value = 0;  // 0: none
    bool ends = false;
    bool operator==(const State&) const = default;
  };
  struct Step {
    Op op = Op::read;
    bool answered = false;
    bool done = false;         // what a cas or erase answered
    std::int32_t seen = 0;     // the value that was read
    std::int32_t written = 0;  // the value that is there afterwards
  };

  bool apply(const Step& step, State& state) const;
  bool lost(const Step&, const State&) const { return false; }
  // A value that ends while somebody looks ends as well when the next one needs it.
  bool looks(const Step& step) const {
    return step.op == Op::read ||
           (step.answered && !step.done && (step.op == Op::erase || step.op == Op::cas));
  }
  std::uint64_t hash(const State& state) const {
    return static_cast<std::uint64_t>(state.value) * 2 + (state.ends ? 1 : 0);
  }
};

// A number that only grows.
struct CounterModel {
  using State = std::int64_t;
  struct Step {
    bool reads = false;
    bool answered = false;
    std::int64_t amount = 0;
    std::int64_t result = 0;
  };

  bool apply(const Step& step, State& state) const;
  bool lost(const Step& step, const State& state) const {
    return step.answered && step.result - step.amount < state;
  }
  bool looks(const Step& step) const { return step.reads; }
  std::uint64_t hash(const State& state) const { return static_cast<std::uint64_t>(state); }
};

// Elements one behind the other. The longest read says in which order the first of them came, so
// the state is how many bytes there are; `known` is the length of that read.
struct SetModel {
  using State = std::int64_t;
  struct Step {
    bool reads = false;
    std::int64_t at = -1;      // where the element stands, or a read ends; -1: behind what is known
    std::int64_t bytes = 0;    // of the element
    std::int64_t result = -1;  // the length that was answered; -1: none was
  };

  std::int64_t known = 0;

  bool apply(const Step& step, State& state) const;
  bool lost(const Step& step, const State& state) const {
    return (step.at >= 0 && step.at < state) ||
           (step.result >= 0 && step.result - step.bytes < state);
  }
  bool looks(const Step& step) const { return step.reads; }
  std::uint64_t hash(const State& state) const { return static_cast<std::uint64_t>(state); }
};

// A lock with tokens. A hold may end by itself whenever that is needed: when it may is the concern
// of locks.h.
struct LockModel {
  struct State {
    std::int64_t token = 0;   // of the last grant; 0: granted to somebody who never heard of it
    std::int64_t newest = 0;  // the highest token that is known to have been given
    std::int32_t owner = 0;
    bool held = false;
    bool operator==(const State&) const = default;
  };
  struct Step {
    Op op = Op::acquire;
    bool answered = false;
    bool waits = false;     // an acquire that may wait
    bool repeated = false;  // a release, when another one of the same token may have been before it
    bool held = false;      // the answer: granted, or still held
    std::int32_t owner = 0;  // kNobody: none that is ever told of a grant
    std::int64_t token = 0;
  };
  static constexpr std::int32_t kNobody = 0;

  bool apply(const Step& step, State& state) const;
  bool lost(const Step& step, const State& state) const {
    const bool current = state.held && state.token == step.token;
    return step.answered && step.held && !step.repeated && !current && step.token <= state.newest;
  }
  bool looks(const Step&) const { return false; }
  std::uint64_t hash(const State& state) const;

 private:
  bool acquire(const Step& step, State& state) const;
};

// Gives equal words equal numbers, from 1 on; "" is 0.
class Numbers {
 public:
  std::int32_t of(std::string_view word) {
    if (word.empty()) return 0;
    return numbers_.emplace(word, static_cast<std::int32_t>(numbers_.size()) + 1).first->second;
  }
  // The number of a word that was given one, or else `other`.
  std::int32_t find(std::string_view word, std::int32_t other) const {
    if (word.empty()) return 0;
    const auto found = numbers_.find(word);
    return found == numbers_.end() ? other : found->second;
  }

 private:
  std::map<std::string, std::int32_t, std::less<>> numbers_;
};

}  // namespace holdfast::workload
