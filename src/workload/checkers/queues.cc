#include "workload/checkers/queues.h"

#include <fmt/format.h>

#include <algorithm>
#include <map>
#include <numeric>
#include <tuple>
#include <vector>

#include "workload/checkers/describe.h"

namespace holdfast::workload {
namespace {

class Queue {
 public:
  Queue(const History& history, const std::vector<std::int64_t>& audible, std::string_view name,
        const LockStory& story, const CheckOptions& options)
      : history_(history), audible_(audible), name_(name), story_(story), options_(options) {}

  Verdict judge() {
    for (const std::size_t i : story_.operations) {
      if (history_[i].op != Op::look || history_[i].ended != Ended::ok) continue;
      Verdict verdict = look(i);
      if (!verdict.ok) return verdict;
    }
    Verdict verdict = order();
    if (!verdict.ok || options_.calm_from == Instant::never()) return verdict;
    find_free_times();
    for (const std::size_t i : story_.acquires) {
      if (history_[i].call_ns < options_.calm_from.ns) continue;
      verdict = calm(i);
      if (!verdict.ok) return verdict;
    }
    return {};
  }

 private:
  struct Waiter {
    std::int64_t queued_at = 0;  // as a look told: the index of the log's entry
    std::size_t seen = 0;        // the look
    std::size_t acquire = 0;
  };

  Verdict objection(std::string_view what, const std::vector<std::size_t>& which) const {
    return {false, fmt::format("locks: {}: {}:{}\naround it:{}", name_, what,
                               describe(history_, which), describe_around(history_, which.back()))};
  }

  static std::int64_t wait_ms(const Operation& acquire) { return number_field(acquire.arg, 2); }

  // Who asked once has one place for all his waiting; one who asked again may have lost it between.
  Verdict look(std::size_t i) {
    std::int64_t last = 0;
    for (std::size_t k = 1;; ++k) {
      const std::string_view word = field(history_[i].ret, k);
      if (word.empty()) return {};
      const std::size_t colon = word.rfind(':');
      const std::int64_t queued_at =
          colon == std::string_view::npos ? -1 : number_field(word.substr(colon + 1), 0);
      if (queued_at < last) return objection("its queue is out of order", {i});
      last = queued_at;
      const auto owner = story_.owners.find(word.substr(0, colon));
      if (owner == story_.owners.end() || owner->second.size() != 1) continue;
      const std::size_t acquire = owner->second.front();
      const auto [at, fresh] = seen_.emplace(acquire, Waiter{queued_at, i, acquire});
      if (!fresh && at->second.queued_at != queued_at) {
        return objection("a waiter has changed his place", {at->second.seen, i});
      }
    }
  }

  Verdict order() const {
    std::vector<Waiter> waiters;
    for (const auto& [acquire, waiter] : seen_) waiters.push_back(waiter);
    std::sort(waiters.begin(), waiters.end(), [](const Waiter& a, const Waiter& b) {
      return std::pair(a.queued_at, a.acquire) < std::pair(b.queued_at, b.acquire);
    });
    const Waiter* newest = nullptr;  // who has the highest token of those queued before
    for (std::size_t i = 0, settled = 0; i < waiters.size(); ++i) {
      for (; waiters[settled].queued_at < waiters[i].queued_at; ++settled) {
        if (newest == nullptr || token(waiters[settled]) > token(*newest)) {
          newest = &waiters[settled];
        }
      }
      if (newest == nullptr || token(waiters[i]) == 0) continue;
      if (token(*newest) > token(waiters[i])) {
        return objection("who was queued later was granted first",
                         {newest->seen, newest->acquire, waiters[i].acquire});
      }
    }
    return passed_over(waiters);
  }

  // In the calm: nobody behind a waiter is granted the lock while that one still waits for sure.
  Verdict passed_over(const std::vector<Waiter>& waiters) const {
    for (std::size_t i = 0; i < waiters.size(); ++i) {
      const Operation& first = history_[waiters[i].acquire];
      const bool in_vain = first.ended == Ended::ok && first.ret.empty();
      if (!in_vain || first.call_ns < options_.calm_from.ns) continue;
      const std::int64_t waits_until = first.call_ns + options_.surely_ns(wait_ms(first));
      for (std::size_t k = i + 1; k < waiters.size(); ++k) {
        const Operation& second = history_[waiters[k].acquire];
        if (waiters[k].queued_at == waiters[i].queued_at || token(waiters[k]) == 0) continue;
        if (second.return_ns >= waits_until) continue;
        return objection("a waiter was passed over",
                         {waiters[i].seen, waiters[i].acquire, waiters[k].acquire});
      }
    }
    return {};
  }

  // 0: was not granted, or nobody knows.
  std::int64_t token(const Waiter& waiter) const {
    const Operation& acquire = history_[waiter.acquire];
    const bool granted = acquire.ended == Ended::ok && !acquire.ret.empty();
    return granted ? number_field(acquire.ret, 0) : 0;
  }

  Verdict calm(std::size_t i) const {
    const Operation& acquire = history_[i];
    const std::int64_t took = acquire.return_ns - acquire.call_ns;
    const std::int64_t wait = wait_ms(acquire);
    // What is sent behind a waiter may only be begun when that one has been answered.
    const std::int64_t due = audible_[i] + options_.at_most_ns(wait);
    if (acquire.return_ns > due + options_.answer_within.ns) {
      return objection("a waiter was forgotten: he was told nothing in time", {i});
    }
    if (acquire.ended != Ended::ok || !acquire.ret.empty()) return {};
    if (wait <= 0) {
      if (!free_within(acquire.call_ns, acquire.return_ns, true)) return {};
      return objection("was refused though nobody can have held it any more", {i});
    }
    if (took < options_.surely_ns(wait)) {
      if (displaced(i)) return {};
      return objection("a waiter was sent away early", {i});
    }
    // By its end he had waited for all of his time: so long before it he was in the queue.
    const std::int64_t queued = acquire.return_ns - options_.surely_ns(wait);
    const std::int64_t gone = acquire.call_ns + options_.surely_ns(wait);
    if (queued > gone || !free_within(queued, gone, false)) return {};
    return objection("a waiter was forgotten: the lock was free", {i});
  }

  // Whether the same owner has asked on another connection as well, and may have been heard there
  // after this one: then the place is that one's, and who waits here is told nothing.
  bool displaced(std::size_t i) const {
    const Operation& acquire = history_[i];
    const std::string_view owner = field(acquire.arg, 0);
    return std::any_of(story_.acquires.begin(), story_.acquires.end(), [&](std::size_t k) {
      const Operation& other = history_[k];
      if (k == i || field(other.arg, 0) != owner || other.ended == Ended::failed) return false;
      const bool open = other.ended == Ended::unknown || other.return_ns > acquire.call_ns;
      return open && other.call_ns < acquire.return_ns;
    });
  }

  // Times in which nobody can have held the lock.
  void find_free_times() {
    std::vector<std::pair<std::int64_t, std::int64_t>> held;
    for (const auto& [token, hold] : story_.holds) {
      held.emplace_back(hold.asked_ns, hold.maybe_until_ns);
    }
    for (const std::size_t i : story_.acquires) {
      const Operation& acquire = history_[i];
      if (acquire.ended != Ended::unknown) continue;
      const std::int64_t done =
          std::max(options_.calm_from.ns, acquire.return_ns) + options_.answer_within.ns;
      held.emplace_back(acquire.call_ns, done + options_.at_most_ns(wait_ms(acquire)) +
                                             options_.at_most_ns(number_field(acquire.arg, 1)) +
                                             options_.answer_within.ns);
    }
    std::sort(held.begin(), held.end());
    std::int64_t until = INT64_MIN;
    for (const auto& [from, to] : held) {
      if (from > until) free_.emplace_back(until, from);
      until = std::max(until, to);
    }
    if (until != INT64_MAX) free_.emplace_back(until, INT64_MAX);
  }

  // Whether the lock was free for some of that time, or for all of it.
  bool free_within(std::int64_t from, std::int64_t to, bool all) const {
    return std::any_of(free_.begin(), free_.end(), [&](const auto& free) {
      return all ? free.first < from && to < free.second : free.first < to && from < free.second;
    });
  }

  const History& history_;
  const std::vector<std::int64_t>& audible_;
  std::string_view name_;
  const LockStory& story_;
  const CheckOptions& options_;
  std::map<std::size_t, Waiter> seen_;  // by acquire
  std::vector<std::pair<std::int64_t, std::int64_t>> free_;
};

}  // namespace

std::vector<std::int64_t> audible_from(const History& history) {
  std::vector<std::size_t> order(history.size());
  std::iota(order.begin(), order.end(), std::size_t{0});
  std::sort(order.begin(), order.end(), [&](std::size_t a, std::size_t b) {
    const Operation& x = history[a];
    const Operation& y = history[b];
    return std::tie(x.client, x.connection, x.place, a) <
           std::tie(y.client, y.connection, y.place, b);
  });
  std::vector<std::int64_t> audible(history.size());
  const Operation* last = nullptr;
  std::int64_t heard = INT64_MIN;
  for (const std::size_t i : order) {
    const Operation& operation = history[i];
    const bool same = last != nullptr && last->client == operation.client &&
                      last->connection == operation.connection;
    if (!same) heard = INT64_MIN;
    audible[i] = std::max(heard, operation.call_ns);
    heard = std::max(heard, operation.return_ns);
    last = &operation;
  }
  return audible;
}

Verdict check_queue(const History& history, const std::vector<std::int64_t>& audible,
                    std::string_view name, const LockStory& story, const CheckOptions& options) {
  return Queue(history, audible, name, story, options).judge();
}

}  // namespace holdfast::workload
