#include "workload/checkers/caches.h"

#include <fmt/format.h>

#include <algorithm>
#include <map>
#include <string_view>
#include <vector>

#include "workload/checkers/describe.h"

namespace holdfast::workload {
namespace {

// What is known of one key; places in the history.
struct Cache {
  std::vector<std::size_t> changes;  // that may have been made: each voids what lease there is
  std::vector<std::size_t> gets;     // answered
  std::map<std::int64_t, std::size_t> leases;          // who was told of them
  std::map<std::string_view, std::size_t> values;      // who stored them, or may have
};

std::int64_t lease_of(const Operation& get) {
  return field(get.ret, 0) == "l" ? number_field(get.ret, 1) : 0;
}

// The value that it was told: the key's, or what is kept beside a lease.
std::string_view value_told(const Operation& get) {
  return field(get.ret, field(get.ret, 0) == "l" ? 2 : 1);
}

std::string_view value_stored(const Operation& change) {
  if (change.op == Op::cache_put) return change.arg;
  return change.op == Op::cache_fill ? field(change.arg, 1) : std::string_view();
}

bool certain(const Operation& change) { return change.ended == Ended::ok; }

class CacheJudge {
 public:
  CacheJudge(const History& history, const CheckOptions& options, const Cache& cache)
      : history_(history), options_(options), cache_(cache) {}

  Verdict judge() const {
    for (const std::size_t fill : cache_.changes) {
      if (history_[fill].op != Op::cache_fill || !certain(history_[fill])) continue;
      if (Verdict verdict = on_fill(fill); !verdict.ok) return verdict;
    }
    for (auto lease = cache_.leases.begin(); lease != cache_.leases.end(); ++lease) {
      const auto next = std::next(lease);
      if (next == cache_.leases.end()) break;
      if (Verdict verdict = on_leases(lease->second, next->second); !verdict.ok) return verdict;
    }
    for (const std::size_t get : cache_.gets) {
      Verdict verdict = history_[get].ret.empty() ? on_nothing(get) : on_value(get);
      if (!verdict.ok) return verdict;
    }
    return {};
  }

 private:
  // Something was stored: the lease was good.
  Verdict on_fill(std::size_t which) const {
    const Operation& fill = history_[which];
    const std::int64_t lease = number_field(fill.arg, 0);
    const auto told = cache_.leases.find(lease);
    if (told == cache_.leases.end()) return objection("stored under a lease that nobody was told", which);
    const auto later = cache_.leases.upper_bound(lease);
    if (later != cache_.leases.end() && history_[later->second].return_ns < fill.call_ns) {
      return objection("stored although a later lease was out", which, later->second);
    }
    const Operation& got = history_[told->second];
    for (const std::size_t other : cache_.changes) {
      if (other == which || !certain(history_[other])) continue;
      const bool same = history_[other].op == Op::cache_fill &&
                        number_field(history_[other].arg, 0) == lease;
      if (same) return objection("stored twice under one lease", which, other);
      if (history_[other].call_ns > got.return_ns && history_[other].return_ns < fill.call_ns) {
        return objection("stored under a lease that a change had voided", which, other);
      }
    }
    if (options_.late.ns == INT64_MAX) return {};
    const std::int64_t ends =
        got.return_ns + options_.at_most_ns(number_field(got.arg, 0)) + options_.late.ns;
    if (fill.call_ns > ends) return objection("stored after the lease was over", which, told->second);
    return {};
  }

  // One after the other: by then the first was over, or may have been voided.
  Verdict on_leases(std::size_t first, std::size_t second) const {
    const Operation& a = history_[first];
    const Operation& b = history_[second];
    if (b.return_ns >= a.call_ns + options_.surely_ns(number_field(a.arg, 0))) return {};
    const bool voided = std::any_of(cache_.changes.begin(), cache_.changes.end(), [&](std::size_t i) {
      return history_[i].call_ns <= b.return_ns &&
             (!certain(history_[i]) || history_[i].return_ns >= a.call_ns);
    });
    if (voided) return {};
    return objection("two leases were good at once", second, first);
  }

  Verdict on_value(std::size_t which) const {
    const Operation& get = history_[which];
    const std::string_view value = value_told(get);
    if (value.empty()) return {};
    const auto stored = cache_.values.find(value);
    if (stored == cache_.values.end() || history_[stored->second].call_ns > get.return_ns) {
      return objection("told what nobody had stored", which);
    }
    const Operation& source = history_[stored->second];
    if (!certain(source)) return {};
    for (const std::size_t other : cache_.changes) {
      if (other == stored->second || !certain(history_[other])) continue;
      if (history_[other].call_ns > source.return_ns && history_[other].return_ns < get.call_ns) {
        return objection("told what was out of date before it was asked", which, other);
      }
    }
    if (source.op != Op::cache_fill || options_.late.ns == INT64_MAX) return {};
    const std::int64_t kept = std::min(number_field(get.arg, 2), number_field(source.arg, 3));
    const std::int64_t ends = source.return_ns + options_.late.ns +
                              options_.at_most_ns(number_field(source.arg, 2) + kept);
    if (get.call_ns > ends) return objection("told what is staler than it asked for", which, stored->second);
    return {};
  }

  // It was told that there is nothing, while or after it waited.
  Verdict on_nothing(std::size_t which) const {
    const Operation& get = history_[which];
    const std::int64_t wait_ms = number_field(get.arg, 1);
    // Sent away early may be who seems to be gone.
    if (wait_ms <= 0 || get.call_ns < options_.calm_from.ns) return {};
    const std::int64_t until = get.call_ns + options_.surely_ns(wait_ms);
    for (const std::size_t stored : cache_.changes) {
      const Operation& change = history_[stored];
      if (!certain(change) || value_stored(change).empty()) continue;
      if (change.call_ns < get.call_ns || change.return_ns > until) continue;
      const bool stays = change.op == Op::cache_put ||
                         get.return_ns < change.call_ns + options_.surely_ns(number_field(change.arg, 2));
      if (!stays || gone_again(stored, get)) continue;
      return objection("waited, and was not told what was stored", which, stored);
    }
    return {};
  }

  // Whether something else may have been done to the key between that change and the get's end. What
  // was given up before the calm has been done by then, or never is.
  bool gone_again(std::size_t stored, const Operation& get) const {
    return std::any_of(cache_.changes.begin(), cache_.changes.end(), [&](std::size_t i) {
      const Operation& other = history_[i];
      const bool over = certain(other) || other.return_ns < options_.calm_from.ns;
      return i != stored && other.call_ns <= get.return_ns &&
             (!over || other.return_ns >= history_[stored].call_ns);
    });
  }

  Verdict objection(std::string_view why, std::size_t which, std::size_t other = SIZE_MAX) const {
    std::vector<std::size_t> all = {which};
    if (other != SIZE_MAX) all.push_back(other);
    return {false, fmt::format("caches: {}: {}:{}\naround it:{}", history_[which].key, why,
                               describe(history_, all), describe_around(history_, which))};
  }

  const History& history_;
  const CheckOptions& options_;
  const Cache& cache_;
};

}  // namespace

Verdict check_caches(const History& history, const CheckOptions& options) {
  std::map<std::string_view, Cache> caches;
  for (std::size_t i = 0; i < history.size(); ++i) {
    const Operation& operation = history[i];
    if (operation.ended == Ended::failed) continue;
    switch (operation.op) {
      case Op::cache_get:
        if (operation.ended != Ended::ok) break;
        caches[operation.key].gets.push_back(i);
        if (lease_of(operation) > 0) {
          const bool fresh = caches[operation.key].leases.emplace(lease_of(operation), i).second;
          if (!fresh) {
            return {false, fmt::format("caches: one lease was told twice: {}", describe(operation))};
          }
        }
        break;
      case Op::cache_fill:
        if (operation.ended == Ended::ok && operation.ret == "0") break;  // it did nothing
        [[fallthrough]];
      case Op::cache_put:
        caches[operation.key].values.emplace(value_stored(operation), i);
        [[fallthrough]];
      case Op::cache_drop:
        caches[operation.key].changes.push_back(i);
        break;
      default:
        break;
    }
  }
  for (const auto& [key, cache] : caches) {
    Verdict verdict = CacheJudge(history, options, cache).judge();
    if (!verdict.ok) return verdict;
  }
  return {};
}

}  // namespace holdfast::workload
