#include "workload/checkers/linearizable.h"

#include <fmt/format.h>

#include <algorithm>
#include <cstddef>
#include <map>
#include <unordered_set>
#include <vector>

namespace holdfast::workload {
namespace {

constexpr std::int64_t kOpen = INT64_MAX;

struct Step {
  const Operation* operation;
  std::int64_t called;
  std::int64_t returned;  // kOpen: never, as far as we know
};

// A set of operations and the register's value, as bytes: the identity of a configuration.
std::string configuration(const std::vector<bool>& done, std::size_t first_open,
                          const std::string& value) {
  std::string bytes = fmt::format("{}:", first_open);
  for (std::size_t i = first_open; i < done.size(); ++i) bytes.push_back(done[i] ? '1' : '0');
  // Operations behind the last done one say nothing.
  while (!bytes.empty() && bytes.back() == '0') bytes.pop_back();
  return bytes + "=" + value;
}

class Search {
 public:
  Search(std::vector<Step> steps, std::uint64_t budget)
      : steps_(std::move(steps)), done_(steps_.size(), false), budget_(budget) {}

  enum class End { found, none, gave_up };

  // Depth first, with an explicit stack: histories are long.
  End run() {
    std::string value;
    struct Frame {
      std::size_t chosen;
      std::string value_before;
    };
    std::vector<Frame> stack;
    std::size_t next = 0;
    while (true) {
      if (must_left() == 0) return End::found;
      const std::size_t step = candidate(next, value);
      if (step != steps_.size()) {
        const Operation& operation = *steps_[step].operation;
        std::string after = operation.kind == OperationKind::write ? operation.value : value;
        done_[step] = true;
        advance_first();
        if (visited_.insert(configuration(done_, first_, after)).second) {
          if (visited_.size() > budget_) return End::gave_up;
          stack.push_back({step, std::move(value)});
          value = std::move(after);
          deepest_ = std::max(deepest_, stack.size());
          next = first_;
          continue;
        }
        undo(step);
        next = step + 1;
        continue;
      }
      if (stack.empty()) return End::none;
      undo(stack.back().chosen);
      next = stack.back().chosen + 1;
      value = std::move(stack.back().value_before);
      stack.pop_back();
    }
  }

  std::size_t deepest() const { return deepest_; }

 private:
  // The next operation from `from` on that may take effect now: it was called before every operation
  // not yet done has returned, and it agrees with the value.
  std::size_t candidate(std::size_t from, const std::string& value) const {
    std::int64_t horizon = kOpen;
    for (std::size_t i = first_; i < steps_.size() && steps_[i].called <= horizon; ++i) {
      if (!done_[i]) horizon = std::min(horizon, steps_[i].returned);
    }
    for (std::size_t i = std::max(from, first_); i < steps_.size(); ++i) {
      if (steps_[i].called > horizon) break;
      if (done_[i]) continue;
      const Operation& operation = *steps_[i].operation;
      if (operation.kind == OperationKind::read && operation.value != value) continue;
      return i;
    }
    return steps_.size();
  }

  void advance_first() {
    while (first_ < steps_.size() && done_[first_]) ++first_;
  }
  void undo(std::size_t step) {
    done_[step] = false;
    first_ = std::min(first_, step);
  }
  // Operations that must take effect and have not. Unknown ones need not.
  std::size_t must_left() const {
    std::size_t left = 0;
    for (std::size_t i = first_; i < steps_.size(); ++i) {
      if (!done_[i] && steps_[i].returned != kOpen) ++left;
    }
    return left;
  }

  std::vector<Step> steps_;  // by call
  std::vector<bool> done_;
  std::size_t first_ = 0;  // all before are done
  std::size_t deepest_ = 0;
  std::uint64_t budget_;
  std::unordered_set<std::string> visited_;
};

std::string show(const std::vector<Step>& steps, std::size_t around) {
  std::string text;
  const std::size_t begin = around > 6 ? around - 6 : 0;
  for (std::size_t i = begin; i < std::min(steps.size(), around + 10); ++i) {
    const Operation& operation = *steps[i].operation;
    text += fmt::format("\n  client {} {} {} {} .. {}", operation.client,
                        operation.kind == OperationKind::read ? "read " : "wrote",
                        operation.value.empty() ? "(nothing)" : operation.value,
                        operation.called_ns,
                        steps[i].returned == kOpen ? "?" : fmt::format("{}", steps[i].returned));
  }
  return text;
}

}  // namespace

Verdict check_linearizable(const History& history, std::uint64_t budget) {
  std::map<std::string, std::vector<Step>> by_key;
  for (const auto& operation : history) {
    if (operation.ended == Ended::failed) continue;
    // A read without an answer tells nothing.
    if (operation.kind == OperationKind::read && operation.ended != Ended::ok) continue;
    const auto returned = operation.ended == Ended::ok ? operation.returned_ns : kOpen;
    by_key[operation.key].push_back({&operation, operation.called_ns, returned});
  }
  for (auto& [key, steps] : by_key) {
    std::stable_sort(steps.begin(), steps.end(),
                     [](const Step& a, const Step& b) { return a.called < b.called; });
    Search search(steps, budget);
    const auto end = search.run();
    if (end == Search::End::found) continue;
    return {false, fmt::format("key '{}': {}; the longest explanation covers {} of {} operations; "
                               "around there:{}",
                               key,
                               end == Search::End::none ? "no order explains what clients saw"
                                                        : "gave up searching for an order",
                               search.deepest(), steps.size(), show(steps, search.deepest()))};
  }
  return {};
}

}  // namespace holdfast::workload
