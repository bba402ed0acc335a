#include "workload/checkers/latches.h"

#include <fmt/format.h>

#include <algorithm>
#include <map>
#include <string_view>
#include <vector>

#include "workload/checkers/describe.h"

namespace holdfast::workload {
namespace {

// When an owner has counted: not before `earliest`, and by `latest` for certain.
struct Counted {
  std::int64_t earliest = INT64_MAX;
  std::int64_t latest = INT64_MAX;
};

struct Latch {
  std::map<std::string_view, Counted> owners;
  std::vector<std::size_t> downs;
  std::vector<std::size_t> waits;
};

class LatchJudge {
 public:
  LatchJudge(const History& history, const CheckOptions& options, const Latch& latch)
      : history_(history), options_(options), latch_(latch) {}

  Verdict judge() const {
    for (const std::size_t i : latch_.downs) {
      const Operation& down = history_[i];
      const std::int64_t left = number_field(down.ret, 0);
      const std::int64_t count = number_field(down.arg, 0);
      const auto own = latch_.owners.find(field(down.arg, 1));
      // Itself counts, by now at the latest.
      const bool known = own->second.latest < down.call_ns;
      const std::int64_t least = std::max<std::int64_t>(0, count - may_have(down.return_ns));
      const std::int64_t most =
          std::max<std::int64_t>(0, count - have(down.call_ns) - (known ? 0 : 1));
      if (left >= least && left <= most) continue;
      return objection(i, fmt::format("must be from {} to {}", least, most));
    }
    for (const std::size_t i : latch_.waits) {
      const Operation& wait = history_[i];
      const std::int64_t count = number_field(wait.arg, 0);
      if (wait.ret == "1") {
        if (may_have(wait.return_ns) >= count) continue;
        return objection(i, "was told that it is open, and not enough had counted");
      }
      if (have(wait.call_ns) >= count) return objection(i, "was not told that it is open");
      // Sent away early may be who seems to be gone.
      if (wait.call_ns < options_.calm_from.ns) continue;
      const std::int64_t until = wait.call_ns + options_.surely_ns(number_field(wait.arg, 1));
      if (have(until) >= count) return objection(i, "was not told when it opened");
    }
    return {};
  }

 private:
  // For certain before that moment.
  std::int64_t have(std::int64_t before_ns) const {
    return std::count_if(latch_.owners.begin(), latch_.owners.end(),
                         [&](const auto& one) { return one.second.latest < before_ns; });
  }
  std::int64_t may_have(std::int64_t by_ns) const {
    return std::count_if(latch_.owners.begin(), latch_.owners.end(),
                         [&](const auto& one) { return one.second.earliest <= by_ns; });
  }
  Verdict objection(std::size_t which, std::string_view why) const {
    return {false, fmt::format("latches: {}: {} {}\naround it:{}", history_[which].key,
                               describe(history_[which]), why, describe_around(history_, which))};
  }

  const History& history_;
  const CheckOptions& options_;
  const Latch& latch_;
};

}  // namespace

Verdict check_latches(const History& history, const CheckOptions& options) {
  std::map<std::string_view, Latch> latches;
  for (std::size_t i = 0; i < history.size(); ++i) {
    const Operation& operation = history[i];
    if (operation.ended == Ended::failed) continue;
    const bool answered = operation.ended == Ended::ok;
    if (operation.op == Op::latch_down) {
      Latch& latch = latches[operation.key];
      Counted& counted = latch.owners[field(operation.arg, 1)];
      counted.earliest = std::min(counted.earliest, operation.call_ns);
      if (!answered) continue;
      counted.latest = std::min(counted.latest, operation.return_ns);
      latch.downs.push_back(i);
    } else if (operation.op == Op::latch_wait && answered) {
      latches[operation.key].waits.push_back(i);
    }
  }
  for (const auto& [name, latch] : latches) {
    Verdict verdict = LatchJudge(history, options, latch).judge();
    if (!verdict.ok) return verdict;
  }
  return {};
}

}  // namespace holdfast::workload
