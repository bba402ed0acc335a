#include "workload/checkers/session.h"

#include <fmt/format.h>

#include <algorithm>
#include <map>
#include <tuple>
#include <utility>
#include <vector>

#include "workload/checkers/describe.h"
#include "workload/checkers/windows.h"

namespace holdfast::workload {
namespace {

// One connection's operations, in the order sent.
class Session {
 public:
  Session(const History& history, std::vector<std::size_t> operations)
      : history_(history), operations_(std::move(operations)) {}

  Verdict judge() {
    for (const std::size_t i : operations_) {
      const Operation& operation = history_[i];
      if (operation.ended != Ended::ok) continue;
      if (last_ != SIZE_MAX && operation.return_ns < history_[last_].return_ns) {
        return objection("was answered before what was sent earlier", last_, i);
      }
      last_ = i;
      Verdict verdict = on_answered(i);
      if (!verdict.ok) return verdict;
    }
    return {};
  }

 private:
  Verdict on_answered(std::size_t i) {
    const Operation& operation = history_[i];
    if (operation.op == Op::add || operation.op == Op::once_add) {
      const auto [at, fresh] = counted_.emplace(operation.key, i);
      if (fresh) return {};
      const std::size_t before = std::exchange(at->second, i);
      if (number_field(operation.ret, 0) > number_field(history_[before].ret, 0)) return {};
      return objection("counted before what was sent earlier", before, i);
    }
    if (operation.op == Op::read) return on_read(i);
    const std::string_view value = value_written(operation);
    if (value.empty() || !in_session_order(operation)) return {};
    std::vector<std::size_t>& mine = written_[key_written(operation)];
    mine.push_back(i);
    return {};
  }

  // Reads its own last write, or something newer than that.
  Verdict on_read(std::size_t i) {
    const auto found = written_.find(history_[i].key);
    if (found == written_.end()) return {};
    const std::vector<std::size_t>& mine = found->second;
    for (std::size_t k = 0; k + 1 < mine.size(); ++k) {
      if (value_written(history_[mine[k]]) != history_[i].ret) continue;
      return objection("does not see what was sent before it", mine.back(), i);
    }
    return {};
  }

  Verdict objection(std::string_view what, std::size_t earlier, std::size_t later) const {
    return {false, fmt::format("session: {}:{}", what, describe(history_, {earlier, later}))};
  }

  const History& history_;
  std::vector<std::size_t> operations_;
  std::size_t last_ = SIZE_MAX;
  std::map<std::string_view, std::size_t> counted_;
  std::map<std::string_view, std::vector<std::size_t>> written_;
};

// What the order of connections and what others saw say together has to be possible.
Verdict check_windows(const History& history) {
  const auto windows = windows_of(history);
  for (std::size_t i = 0; i < history.size(); ++i) {
    if (!windows[i].certain || windows[i].earliest <= windows[i].latest) continue;
    return {false,
            fmt::format("session: by the order of connections and by what others saw, this took "
                        "effect after {:.6f} and before {:.6f} ms: {}\naround it:{}",
                        static_cast<double>(windows[i].earliest) / 1e6,
                        static_cast<double>(windows[i].latest) / 1e6, describe(history[i]),
                        describe_around(history, i))};
  }
  return {};
}

}  // namespace

Verdict check_sessions(const History& history) {
  std::map<std::tuple<std::uint32_t, std::uint32_t>, std::vector<std::size_t>> sessions;
  for (std::size_t i = 0; i < history.size(); ++i) {
    if (history[i].place == kNoPlace) continue;
    sessions[{history[i].client, history[i].connection}].push_back(i);
  }
  for (auto& [id, operations] : sessions) {
    std::sort(operations.begin(), operations.end(),
              [&](std::size_t a, std::size_t b) { return history[a].place < history[b].place; });
    Verdict verdict = Session(history, std::move(operations)).judge();
    if (!verdict.ok) return verdict;
  }
  return check_windows(history);
}

}  // namespace holdfast::workload
