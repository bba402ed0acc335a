#include "workload/checkers/holdings.h"

#include <fmt/format.h>

#include <algorithm>
#include <map>
#include <string_view>
#include <vector>

#include "workload/checkers/describe.h"
#include "workload/checkers/holds.h"
#include "workload/checkers/queues.h"

namespace holdfast::workload {
namespace {

// As the operations of an exclusive lock, so that holds.h and queues.h can be asked: their words
// mean the same. The others tell nothing of locks, and nothing is moved.
History as_locks(const History& history) {
  History translated = history;
  for (Operation& operation : translated) {
    switch (operation.op) {
      case Op::take:
        operation.op = Op::acquire;
        break;
      case Op::keep:
        operation.op = Op::renew;
        break;
      case Op::give_back:
        operation.op = Op::release;
        break;
      case Op::confirm:
        operation.op = Op::check;
        break;
      case Op::look_on:
        operation.op = Op::look;
        break;
      default:
        operation.op = Op::read;
    }
  }
  return translated;
}

// A hold with its terms.
struct Held {
  Hold hold;
  bool alone = false;  // exclusive, or a leader
  bool counted = false;  // of a semaphore
  std::int64_t fence = 0;
  std::int64_t permits = 1;
  std::int64_t delay_ms = 0;
  std::int64_t sure_until_ns = 0;  // force included

  bool sure_over(std::int64_t from, std::int64_t to) const {
    return hold.known_ns <= from && to < sure_until_ns;
  }
};

class HoldingJudge {
 public:
  HoldingJudge(const History& history, const History& translated, std::string_view name,
               const LockStory& story, const CheckOptions& options)
      : history_(history), translated_(translated), name_(name), options_(options) {
    for (std::size_t i = 0; i < history.size(); ++i) {
      if (history[i].key != name || history[i].ended == Ended::failed) continue;
      if (history[i].op == Op::force) forces_.push_back(i);
      if (history[i].op == Op::set_limit) limits_.push_back(i);
    }
    for (const auto& [token, hold] : story.holds) add(hold);
    operations_ = story.operations;
  }

  Verdict judge() const {
    for (const auto check : {&HoldingJudge::grants, &HoldingJudge::together, &HoldingJudge::permits,
                             &HoldingJudge::answers, &HoldingJudge::delays}) {
      Verdict verdict = (this->*check)();
      if (!verdict.ok) return verdict;
    }
    return {};
  }
  // Whether it can be said that a waiter was forgotten: not where nobody is let in for a while, nor
  // where a limit may have become too low for him.
  bool open_to_all() const {
    const bool delays = std::any_of(operations_.begin(), operations_.end(), [&](std::size_t i) {
      return history_[i].op == Op::take && number_field(history_[i].arg, 6) > 0;
    });
    return !delays && limits_.empty();
  }

 private:
  Verdict objection(std::string_view what, const std::vector<std::size_t>& which) const {
    return {false, fmt::format("holdings: {}: {}:{}\naround it:{}", name_, what,
                               describe(history_, which), describe_around(history_, which.back()))};
  }

  void add(const Hold& hold) {
    const Operation& granted = history_[hold.granted];
    const std::string_view how = field(granted.arg, 3);
    Held held;
    held.hold = hold;
    held.alone = how == "exclusive" || how == "leads";
    held.counted = how == "permits";
    held.fence = number_field(granted.ret, 1);
    held.permits = number_field(granted.arg, 4);
    held.delay_ms = number_field(granted.arg, 6);
    held.sure_until_ns = hold.sure_until_ns();
    for (const std::size_t i : forces_) {
      const bool before = history_[i].ended == Ended::ok && history_[i].return_ns < hold.asked_ns;
      if (!before) held.sure_until_ns = std::min(held.sure_until_ns, history_[i].call_ns);
    }
    holds_.emplace(hold.token, held);
  }

  // ---- what each grant says by itself, and beside those before

  Verdict grants() const {
    std::map<std::int64_t, std::int64_t> known;  // by time: the highest token known then
    for (const auto& [token, held] : holds_) {
      std::int64_t& highest = known[held.hold.known_ns];
      highest = std::max(highest, token);
    }
    std::int64_t highest = 0;
    for (auto& [time, token] : known) token = highest = std::max(highest, token);
    for (const std::size_t i : operations_) {
      const Operation& operation = history_[i];
      if (operation.op != Op::take || operation.ended != Ended::ok || operation.ret.empty()) continue;
      const Held& held = holds_.at(number_field(operation.ret, 0));
      const std::int64_t fence = number_field(operation.ret, 1);
      const bool own = field(operation.arg, 3) != "shared";
      if (held.hold.token <= 0 || fence <= 0 || (own && fence != held.hold.token) ||
          fence > held.hold.token) {
        return objection("the grant's fence is not that of its kind", {i});
      }
      if (fence != held.fence) return objection("the same grant has two fences", {held.hold.granted, i});
      if (field(operation.arg, 0) != held.hold.owner) {
        return objection("two owners have the same token", {held.hold.granted, i});
      }
      const auto before = known.lower_bound(held.hold.asked_ns);
      if (before != known.begin() && std::prev(before)->second > held.hold.token) {
        return objection("a token is lower than one that was known before", {held.hold.granted, i});
      }
    }
    return {};
  }

  // Tokens say who came later. He was granted it at the latest when he was told.
  Verdict together() const {
    const Held* longest = nullptr;
    const Held* longest_alone = nullptr;
    const auto longer = [](const Held* before, const Held& held) {
      return before == nullptr || held.sure_until_ns > before->sure_until_ns;
    };
    for (const auto& [token, held] : holds_) {
      if (held.counted) continue;
      const Held* const before = held.alone ? longest : longest_alone;
      if (before != nullptr && held.hold.known_ns < before->sure_until_ns) {
        return objection("was granted to another while it was held for sure",
                         {before->hold.granted, held.hold.granted});
      }
      // Those who share it now.
      if (longest != nullptr && !held.alone && held.hold.known_ns < longest->sure_until_ns &&
          held.fence != longest->fence) {
        return objection("two who share it have different fences",
                         {longest->hold.granted, held.hold.granted});
      }
      if (longer(longest, held)) longest = &held;
      if (held.alone && longer(longest_alone, held)) longest_alone = &held;
    }
    return {};
  }

  // When it was granted, some had their permits for sure.
  Verdict permits() const {
    for (const auto& [token, held] : holds_) {
      if (!held.counted) continue;
      const std::int64_t from = history_[held.hold.granted].call_ns;
      const std::int64_t to = held.hold.known_ns;
      const std::int64_t asked = std::min(from, held.hold.asked_ns);
      std::int64_t sum = held.permits;
      std::vector<std::size_t> which;
      for (const auto& [other, beside] : holds_) {
        if (other == token || !beside.sure_over(asked, to)) continue;
        sum += beside.permits;
        which.push_back(beside.hold.granted);
      }
      which.push_back(held.hold.granted);
      if (!limit_possible(held.hold.granted)) {
        return objection("was granted under a limit that had been changed",
                         {held.hold.granted});
      }
      const std::int64_t most = highest_limit(asked, to, held);
      if (sum > most) {
        return objection(fmt::format("{} permits of at most {} were given", sum, most), which);
      }
    }
    return {};
  }

  // Whether another limit was set, for sure and wholly between those times.
  bool replaced(std::int64_t after, std::int64_t before) const {
    return std::any_of(limits_.begin(), limits_.end(), [&](std::size_t i) {
      const Operation& operation = history_[i];
      return operation.ended == Ended::ok && !operation.ret.empty() && operation.call_ns > after &&
             operation.return_ns < before;
    });
  }
  // Whether the limit that was set there may be in force at some time of the span.
  bool in_force(const Operation& set, std::int64_t from, std::int64_t to) const {
    const bool over = set.ended == Ended::ok && replaced(set.return_ns, from);
    return set.call_ns <= to && !over;
  }
  // Who acquires says what the limit is. It is that of the first, or one that was set.
  bool limit_possible(std::size_t granted) const {
    const Operation& take = history_[granted];
    if (!replaced(INT64_MIN, take.call_ns)) return true;
    return std::any_of(limits_.begin(), limits_.end(), [&](std::size_t i) {
      return number_field(history_[i].arg, 0) == number_field(take.arg, 5) &&
             in_force(history_[i], take.call_ns, take.return_ns);
    });
  }
  // The highest limit that may have been in force when he was granted his permits: the one that he
  // said, or another that was set meanwhile.
  std::int64_t highest_limit(std::int64_t from, std::int64_t to, const Held& held) const {
    std::int64_t most = number_field(history_[held.hold.granted].arg, 5);
    for (const std::size_t i : limits_) {
      if (in_force(history_[i], from, to)) {
        most = std::max(most, number_field(history_[i].arg, 0));
      }
    }
    return most;
  }

  // ---- what those are told who have a token

  Verdict answers() const {
    std::map<std::int64_t, std::size_t> given_back;  // by token: first known
    for (const std::size_t i : operations_) {
      const Operation& operation = history_[i];
      if (operation.op != Op::give_back || operation.ended != Ended::ok || operation.ret.empty()) continue;
      const auto [at, fresh] = given_back.emplace(number_field(operation.arg, 0), i);
      if (!fresh && history_[at->second].return_ns > operation.return_ns) at->second = i;
    }
    for (const std::size_t i : operations_) {
      const Operation& operation = history_[i];
      const auto found = holds_.find(number_field(operation.arg, 0));
      if (operation.op == Op::take || found == holds_.end()) continue;
      const Held& held = found->second;
      if (confirmed(translated_[i])) {
        const auto back = given_back.find(held.hold.token);
        if (back != given_back.end() && history_[back->second].return_ns < operation.call_ns) {
          return objection("what was given back is still good", {back->second, i});
        }
        for (const std::size_t force : forces_) {
          const bool after = held.hold.known_ns < history_[force].call_ns;
          if (!after || history_[force].ended != Ended::ok) continue;
          if (history_[force].return_ns >= operation.call_ns) continue;
          return objection("what was taken away by force is still good", {force, i});
        }
      }
      if (denied(translated_[i]) && operation.op != Op::give_back &&
          operation.return_ns < held.sure_until_ns) {
        return objection("a holder was refused before his end", {held.hold.granted, i});
      }
    }
    return {};
  }

  // Who never gave it back, and from whom it was not taken twice, has failed.
  Verdict delays() const {
    for (const auto& [token, held] : holds_) {
      if (held.delay_ms <= 0 || held.hold.released_ns != INT64_MAX) continue;
      const std::int64_t asked_ns = held.hold.asked_ns;
      const bool forced = std::any_of(forces_.begin(), forces_.end(), [&](std::size_t i) {
        return history_[i].ended != Ended::ok || history_[i].return_ns >= asked_ns;
      });
      if (forced) continue;
      const std::int64_t until = held.sure_until_ns + options_.surely_ns(held.delay_ms);
      for (const auto& [other, next] : holds_) {
        if (next.fence <= token || next.hold.known_ns >= until) continue;
        return objection("was granted to another within the delay of one who failed",
                         {held.hold.granted, next.hold.granted});
      }
    }
    return {};
  }

  const History& history_;
  const History& translated_;
  std::string_view name_;
  const CheckOptions& options_;
  std::map<std::int64_t, Held> holds_;  // by token
  std::vector<std::size_t> operations_;
  std::vector<std::size_t> forces_;
  std::vector<std::size_t> limits_;
};

}  // namespace

Verdict check_holdings(const History& history, const CheckOptions& options) {
  const bool any = std::any_of(history.begin(), history.end(),
                               [](const Operation& one) { return one.op == Op::take; });
  if (!any) return {};
  const History translated = as_locks(history);
  const auto audible = audible_from(translated);
  for (const auto& [name, story] : lock_stories(translated, options)) {
    const HoldingJudge judge(history, translated, name, story, options);
    Verdict verdict = judge.judge();
    CheckOptions queueing = options;
    if (!judge.open_to_all()) queueing.calm_from = Instant::never();
    if (verdict.ok) verdict = check_queue(translated, audible, name, story, queueing);
    if (!verdict.ok) return verdict;
  }
  return {};
}

}  // namespace holdfast::workload
