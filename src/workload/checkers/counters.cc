#include "workload/checkers/counters.h"

#include <fmt/format.h>

#include <algorithm>
#include <map>
#include <vector>

#include "workload/checkers/describe.h"

namespace holdfast::workload {
namespace {

struct Count {
  std::size_t operation = 0;
  std::int64_t amount = 0;  // 0: a read
  std::int64_t result = 0;  // of what was answered
};

// Adds up amounts by time.
class Sums {
 public:
  void add(std::int64_t time, std::int64_t amount) { steps_.emplace_back(time, amount); }
  void prepare() {
    std::sort(steps_.begin(), steps_.end());
    for (std::size_t i = 1; i < steps_.size(); ++i) steps_[i].second += steps_[i - 1].second;
  }
  // Of everything before that time.
  std::int64_t before(std::int64_t time) const {
    const auto end = std::lower_bound(steps_.begin(), steps_.end(), std::pair(time, INT64_MIN));
    return end == steps_.begin() ? 0 : std::prev(end)->second;
  }

 private:
  std::vector<std::pair<std::int64_t, std::int64_t>> steps_;
};

class Counter {
 public:
  explicit Counter(const History& history) : history_(history) {}

  std::string add(std::size_t which, bool once) {
    const Operation& operation = history_[which];
    Count count;
    count.operation = which;
    if (operation.op != Op::read) {
      count.amount = number_field(operation.arg, once ? 1 : 0);
      if (count.amount <= 0) return "is not counted up";
    }
    if (operation.ended == Ended::ok) {
      count.result =
          operation.ret.empty() && count.amount == 0 ? 0 : number_field(operation.ret, 0);
      if (count.result < 0) return "was answered by no number";
      answered_.push_back(count);
    }
    if (count.amount == 0) return {};
    if (operation.ended == Ended::ok) done_.add(operation.return_ns, count.amount);
    called_.add(operation.call_ns, count.amount);
    if (!once) return {};
    // One id counts once, however often it was asked.
    const auto [at, fresh] = ids_.emplace(field(operation.arg, 0), which);
    return fresh ? "" : "used a request id twice";
  }

  // An operation that cannot be, and why.
  std::pair<std::size_t, std::string> judge() {
    done_.prepare();
    called_.prepare();
    for (const Count& count : answered_) {
      const Operation& operation = history_[count.operation];
      const std::int64_t least = done_.before(operation.call_ns) + count.amount;
      const std::int64_t most = called_.before(operation.return_ns + 1);
      if (count.result >= least && count.result <= most) continue;
      return {count.operation,
              fmt::format("must be from {} (acknowledged before) to {} (all that was asked)", least,
                          most)};
    }
    return judge_order();
  }

 private:
  // Each number once, and none lower than what was known before.
  std::pair<std::size_t, std::string> judge_order() {
    std::map<std::int64_t, std::size_t> given;
    for (const Count& count : answered_) {
      if (count.amount == 0) continue;
      const auto [at, fresh] = given.emplace(count.result, count.operation);
      if (!fresh)
        return {count.operation, "was answered to two:" + describe(history_, {at->second})};
    }
    const auto by_return = [&](const Count& a, const Count& b) {
      return history_[a.operation].return_ns < history_[b.operation].return_ns;
    };
    const auto by_call = [&](const Count& a, const Count& b) {
      return history_[a.operation].call_ns < history_[b.operation].call_ns;
    };
    std::vector<Count> ended = answered_;
    std::vector<Count> begun = answered_;
    std::stable_sort(ended.begin(), ended.end(), by_return);
    std::stable_sort(begun.begin(), begun.end(), by_call);
    std::size_t next = 0;
    std::size_t highest = SIZE_MAX;
    std::int64_t known = 0;
    for (const Count& count : begun) {
      const std::int64_t call = history_[count.operation].call_ns;
      for (; next < ended.size() && history_[ended[next].operation].return_ns < call; ++next) {
        if (ended[next].result <= known) continue;
        known = ended[next].result;
        highest = ended[next].operation;
      }
      if (count.result >= known + (count.amount == 0 ? 0 : count.amount)) continue;
      return {count.operation, "runs backwards, after:" + describe(history_, {highest})};
    }
    return {SIZE_MAX, ""};
  }

  const History& history_;
  std::vector<Count> answered_;
  Sums done_;
  Sums called_;
  std::map<std::string, std::size_t, std::less<>> ids_;
};

Verdict objection(const History& history, std::size_t which, std::string_view why) {
  return {false, fmt::format("counters: {}: {} {}\naround it:{}", history[which].key,
                             describe(history[which]), why, describe_around(history, which))};
}

}  // namespace

Verdict check_counters(const History& history) {
  std::map<std::string_view, Counter> counters;
  for (const Operation& operation : history) {
    if (operation.op != Op::add && operation.op != Op::once_add) continue;
    counters.try_emplace(operation.key, history);
  }
  for (std::size_t i = 0; i < history.size(); ++i) {
    const Operation& operation = history[i];
    const auto found = counters.find(operation.key);
    if (found == counters.end() || operation.ended == Ended::failed) continue;
    if (operation.op != Op::add && operation.op != Op::once_add && operation.op != Op::read)
      continue;
    const std::string why = found->second.add(i, operation.op == Op::once_add);
    if (!why.empty()) return objection(history, i, why);
  }
  for (auto& [key, counter] : counters) {
    const auto [which, why] = counter.judge();
    if (which != SIZE_MAX) return objection(history, which, why);
  }
  return {};
}

}  // namespace holdfast::workload
