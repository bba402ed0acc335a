#include "workload/checkers/limits.h"

#include <fmt/format.h>

#include <algorithm>
#include <map>
#include <string>
#include <string_view>
#include <vector>

#include "workload/checkers/describe.h"

namespace holdfast::workload {
namespace {

struct Asked {
  std::size_t which = 0;
  std::int64_t quantity = 0;
};

// What is asked of a limit is the same each time, the quantity apart.
struct Limit {
  std::int64_t most = 0;  // at once
  std::int64_t interval_ns = 0;
  std::vector<Asked> passed;

  explicit Limit(const Operation& operation) {
    most = number_field(operation.arg, 0) + 1;
    const std::int64_t count = number_field(operation.arg, 1);
    interval_ns = (number_field(operation.arg, 2) * 1'000'000'000 + count - 1) / count;
  }
};

// What is wrong with an answer by itself.
std::string_view senseless(const Limit& limit, std::int64_t quantity, std::string_view ret) {
  const bool limited = number_field(ret, 0) == 1;
  const std::int64_t remaining = number_field(ret, 2);
  const std::int64_t retry_s = number_field(ret, 3);
  const std::int64_t reset_s = number_field(ret, 4);
  const std::int64_t longest_s = (limit.interval_ns * limit.most + 999'999'999) / 1'000'000'000;
  if (number_field(ret, 1) != limit.most) return "tells of another limit";
  if (remaining < 0 || remaining > limit.most) return "leaves what there never is";
  if (reset_s < 0 || reset_s > longest_s) return "has counted more than can pass";
  if (!limited && remaining + quantity > limit.most) return "left more than can be left";
  if (limited && remaining >= quantity) return "was refused though there was room";
  const bool comes_again = limited && quantity <= limit.most;
  if (comes_again ? retry_s < 1 : retry_s != -1) return "is told a time that makes no sense";
  return {};
}

// A limit of `most` has, in a span of cluster time, that much and what the rate gives meanwhile.
std::int64_t may_pass(const Limit& limit, std::int64_t span_ns, const CheckOptions& options) {
  constexpr std::int64_t kStampNs = 1'000'000;  // stamps are cut to milliseconds
  const std::int64_t faster = span_ns / 1'000'000 * options.clock_ppm;
  return limit.most + (span_ns + faster + options.clock_slack.ns + kStampNs) / limit.interval_ns;
}

Verdict judge(const History& history, Limit& limit, const CheckOptions& options) {
  const auto by_return = [&](const Asked& a, const Asked& b) {
    return history[a.which].return_ns < history[b.which].return_ns;
  };
  std::stable_sort(limit.passed.begin(), limit.passed.end(), by_return);
  for (const Asked& first : limit.passed) {
    const std::int64_t from = history[first.which].call_ns;
    std::int64_t sum = 0;
    for (const Asked& next : limit.passed) {
      if (history[next.which].call_ns < from) continue;
      sum += next.quantity;
      const std::int64_t span = history[next.which].return_ns - from;
      const std::int64_t most = may_pass(limit, span, options);
      if (sum <= most) continue;
      return {false, fmt::format("limits: {}: {} passed in {} ms, at most {} may:{}\naround it:{}",
                                 history[next.which].key, sum, span / 1'000'000, most,
                                 describe(history, {first.which, next.which}),
                                 describe_around(history, next.which))};
    }
  }
  return {};
}

}  // namespace

Verdict check_limits(const History& history, const CheckOptions& options) {
  std::map<std::string_view, Limit> limits;
  for (std::size_t i = 0; i < history.size(); ++i) {
    const Operation& operation = history[i];
    // What nobody knows of may have passed: that lets less of the others pass, not more.
    if (operation.op != Op::throttle || operation.ended != Ended::ok) continue;
    Limit& limit = limits.try_emplace(operation.key, operation).first->second;
    const std::int64_t quantity = number_field(operation.arg, 3);
    const std::string_view why = senseless(limit, quantity, operation.ret);
    if (!why.empty()) {
      return {false, fmt::format("limits: {}: {} {}\naround it:{}", operation.key,
                                 describe(operation), why, describe_around(history, i))};
    }
    if (number_field(operation.ret, 0) == 0) limit.passed.push_back({i, quantity});
  }
  for (auto& [name, limit] : limits) {
    Verdict verdict = judge(history, limit, options);
    if (!verdict.ok) return verdict;
  }
  return {};
}

}  // namespace holdfast::workload
