#include "workload/checkers/expiry.h"

#include <fmt/format.h>

#include <algorithm>
#include <map>
#include <vector>

#include "workload/checkers/describe.h"
#include "workload/checkers/windows.h"

namespace holdfast::workload {
namespace {

struct TimedKey {
  std::vector<std::size_t> writes;  // of any kind, erasing included
  std::vector<std::size_t> reads;
};

class ExpiryJudge {
 public:
  ExpiryJudge(const History& history, const CheckOptions& options)
      : history_(history), windows_(windows_of(history)), options_(options) {}

  Verdict judge(const TimedKey& key) const {
    for (const std::size_t write : key.writes) {
      if (history_[write].op != Op::write_ttl) continue;
      for (const std::size_t read : key.reads) {
        const Operation& seen = history_[read];
        const bool early = seen.ret.empty() && must_see(key, write, read);
        const bool late = seen.ret == value_written(history_[write]) && must_be_gone(write, read);
        if (!early && !late) continue;
        return {false, fmt::format("expiry: {} {}:{}", seen.key,
                                   early ? "was gone before its time" : "was there after its time",
                                   describe(history_, {write, read}))};
      }
    }
    return {};
  }

 private:
  // Written for certain before the read, its time not over for certain at its end, and nothing in
  // between that may have taken it away.
  bool must_see(const TimedKey& key, std::size_t write, std::size_t read) const {
    if (!windows_[write].certain || windows_[write].latest > windows_[read].earliest) return false;
    const auto ttl_ms = number_field(history_[write].arg, 1);
    const std::int64_t sure = windows_[write].earliest + options_.surely_ns(ttl_ms);
    if (windows_[read].latest >= sure) return false;
    return std::none_of(key.writes.begin(), key.writes.end(), [&](std::size_t other) {
      return other != write && windows_[other].latest >= windows_[write].earliest &&
             windows_[other].earliest <= windows_[read].latest;
    });
  }

  bool must_be_gone(std::size_t write, std::size_t read) const {
    if (options_.late.ns == INT64_MAX || windows_[write].latest == kOpen) return false;
    const auto ttl_ms = number_field(history_[write].arg, 1);
    return windows_[read].earliest >
           windows_[write].latest + options_.at_most_ns(ttl_ms) + options_.late.ns;
  }

  const History& history_;
  std::vector<Window> windows_;
  const CheckOptions& options_;
};

}  // namespace

Verdict check_expiry(const History& history, const CheckOptions& options) {
  std::map<std::string_view, TimedKey> keys;
  for (const Operation& operation : history) {
    if (operation.op == Op::write_ttl) keys.try_emplace(operation.key);
  }
  if (keys.empty()) return {};
  for (std::size_t i = 0; i < history.size(); ++i) {
    const Operation& operation = history[i];
    const auto key = keys.find(key_written(operation));
    if (key == keys.end() || operation.ended == Ended::failed) continue;
    if (operation.op != Op::read) {
      key->second.writes.push_back(i);
    } else if (operation.ended == Ended::ok) {
      key->second.reads.push_back(i);
    }
  }
  const ExpiryJudge judge(history, options);
  for (const auto& [name, key] : keys) {
    Verdict verdict = judge.judge(key);
    if (!verdict.ok) return verdict;
  }
  return {};
}

}  // namespace holdfast::workload
