#include "workload/checkers/locks.h"

#include <fmt/format.h>

#include <algorithm>
#include <map>
#include <optional>
#include <vector>

#include "workload/checkers/describe.h"
#include "workload/checkers/holds.h"
#include "workload/checkers/queues.h"
#include "workload/checkers/windows.h"

namespace holdfast::workload {
namespace {

// The newest token that was known before a time.
class KnownTokens {
 public:
  void learn(std::int64_t time, std::int64_t token, std::size_t operation) {
    known_.push_back({time, token, operation});
  }
  void prepare() {
    std::sort(known_.begin(), known_.end(), [](const Known& a, const Known& b) {
      return std::pair(a.time, a.token) < std::pair(b.time, b.token);
    });
    for (std::size_t i = 1; i < known_.size(); ++i) {
      if (known_[i].token >= known_[i - 1].token) continue;
      known_[i].token = known_[i - 1].token;
      known_[i].operation = known_[i - 1].operation;
    }
  }
  // 0: none.
  std::int64_t newest(std::int64_t time) const {
    const auto end = end_of(time);
    return end == known_.begin() ? 0 : std::prev(end)->token;
  }
  // The operation that told of a newer one before that time.
  std::optional<std::size_t> newer(std::int64_t token, std::int64_t time) const {
    const auto end = end_of(time);
    if (end == known_.begin() || std::prev(end)->token <= token) return std::nullopt;
    return std::prev(end)->operation;
  }

 private:
  struct Known {
    std::int64_t time;
    std::int64_t token;
    std::size_t operation;
  };
  std::vector<Known>::const_iterator end_of(std::int64_t time) const {
    return std::partition_point(known_.begin(), known_.end(),
                                [&](const Known& one) { return one.time < time; });
  }
  std::vector<Known> known_;
};

class LockJudge {
 public:
  LockJudge(const History& history, std::string_view name, const LockStory& story)
      : history_(history), name_(name), story_(story) {
    for (const auto& [token, hold] : story.holds) known_.learn(hold.known_ns, token, hold.granted);
    for (const std::size_t i : story.operations) {
      if (confirmed(history[i])) {
        known_.learn(history[i].return_ns, number_field(history[i].arg, 0), i);
      }
      if (history[i].op == Op::release) ++releases_[history[i].arg];
    }
    known_.prepare();
  }

  Verdict judge() const {
    for (const auto check :
         {&LockJudge::grants, &LockJudge::fences, &LockJudge::exclusion, &LockJudge::refusals}) {
      Verdict verdict = (this->*check)();
      if (!verdict.ok) return verdict;
    }
    return {};
  }

 private:
  Verdict objection(std::string_view what, const std::vector<std::size_t>& which) const {
    return {false, fmt::format("locks: {}: {}:{}\naround it:{}", name_, what,
                               describe(history_, which), describe_around(history_, which.back()))};
  }

  // Each grant bears a token of its own, and none is lower than what was known when it was asked
  // for.
  Verdict grants() const {
    for (const std::size_t i : story_.acquires) {
      const Operation& operation = history_[i];
      if (operation.ended != Ended::ok || operation.ret.empty()) continue;
      const std::int64_t token = number_field(operation.ret, 0);
      const Hold& hold = story_.holds.at(token);
      if (token <= 0 || number_field(operation.ret, 1) != token) {
        return objection("an exclusive grant needs a token, and it as its fence", {i});
      }
      // A repeat tells what is left of a hold that may have been renewed.
      if (hold.granted == i && number_field(operation.ret, 2) > number_field(operation.arg, 1)) {
        return objection("was granted for longer than was asked", {i});
      }
      if (hold.owner != field(operation.arg, 0)) {
        return objection("two owners have the same token", {hold.granted, i});
      }
      if (const auto newer = known_.newer(token, operation.call_ns)) {
        return objection("a token is lower than one that was known before", {*newer, i});
      }
    }
    return {};
  }

  // Tokens say who came later. He was granted the lock at the latest when he was told.
  Verdict exclusion() const {
    const Hold* longest = nullptr;
    for (const auto& [token, hold] : story_.holds) {
      if (longest != nullptr && hold.known_ns < longest->sure_until_ns()) {
        return objection(
            fmt::format("was granted to another while token {} held it for sure, "
                        "until {:.6f}",
                        longest->token, static_cast<double>(longest->sure_until_ns()) / 1e6),
            {longest->granted, hold.granted});
      }
      if (longest == nullptr || hold.sure_until_ns() > longest->sure_until_ns()) longest = &hold;
    }
    return {};
  }

  Verdict refusals() const {
    for (const std::size_t i : story_.operations) {
      const Operation& operation = history_[i];
      const std::int64_t token = number_field(operation.arg, 0);
      const auto found = story_.holds.find(token);
      if (found != story_.holds.end() && denied(operation)) {
        const Hold& hold = found->second;
        // What is being released is sure no more, but the release itself must find it, if it is the
        // only one.
        const bool releases = operation.op == Op::release && only_release(i);
        const bool sure =
            operation.return_ns < (releases ? hold.promised_until_ns : hold.sure_until_ns());
        if (sure) return objection("a holder was refused before his end", {hold.granted, i});
      }
      if (operation.op == Op::look && operation.ended == Ended::ok) {
        Verdict verdict = seen(i);
        if (!verdict.ok) return verdict;
      }
    }
    return {};
  }

  bool only_release(std::size_t which) const { return releases_.at(history_[which].arg) == 1; }

  // A look tells that nobody, or another, holds what somebody holds for sure.
  Verdict seen(std::size_t i) const {
    // By now holds do not overlap: so it is the newest, or nobody's for sure.
    const auto newest = story_.holds.find(known_.newest(history_[i].call_ns));
    if (newest == story_.holds.end()) return {};
    const Hold& hold = newest->second;
    const bool sure = history_[i].return_ns < hold.sure_until_ns();
    if (!sure || number_field(history_[i].ret, 0) == hold.token) return {};
    return objection("a look does not find the holder", {hold.granted, i});
  }

  // What guarded writes, renewals and checks may do once a newer token is known: nothing.
  Verdict fences() const {
    for (const std::size_t i : story_.operations) {
      const Operation& operation = history_[i];
      const bool releases = operation.op == Op::release && operation.ended == Ended::ok &&
                            !operation.ret.empty() && only_release(i);
      if (!confirmed(operation) && !releases) continue;
      if (const auto newer = known_.newer(number_field(operation.arg, 0), operation.call_ns)) {
        return objection("an older token was still good", {*newer, i});
      }
    }
    return {};
  }

  const History& history_;
  std::string_view name_;
  const LockStory& story_;
  KnownTokens known_;
  std::map<std::string_view, std::size_t> releases_;  // of each token
};

// Guarded keys never go back to what an older token wrote.
Verdict check_guarded(const History& history) {
  std::map<std::string_view, KnownTokens> keys;
  std::map<std::pair<std::string_view, std::string_view>, std::int64_t> tokens;  // of values
  for (std::size_t i = 0; i < history.size(); ++i) {
    const Operation& operation = history[i];
    if (operation.op != Op::guarded_write || operation.ended == Ended::failed) continue;
    const std::int64_t token = number_field(operation.arg, 0);
    tokens[{key_written(operation), field(operation.arg, 2)}] = token;
    if (confirmed(operation)) keys[key_written(operation)].learn(operation.return_ns, token, i);
  }
  const auto token_read = [&](const Operation& operation) -> std::int64_t {
    if (operation.op != Op::read || operation.ended != Ended::ok) return -1;
    const auto found = tokens.find({operation.key, operation.ret});
    return found == tokens.end() ? -1 : found->second;
  };
  for (std::size_t i = 0; i < history.size(); ++i) {
    const std::int64_t token = token_read(history[i]);
    if (token >= 0) keys[history[i].key].learn(history[i].return_ns, token, i);
  }
  for (auto& [key, known] : keys) known.prepare();
  for (std::size_t i = 0; i < history.size(); ++i) {
    const std::int64_t token = token_read(history[i]);
    if (token < 0) continue;
    if (const auto newer = keys[history[i].key].newer(token, history[i].call_ns)) {
      return {false, fmt::format("locks: {}: an older token has written after a newer one:{}\n"
                                 "around it:{}",
                                 history[i].key, describe(history, {*newer, i}),
                                 describe_around(history, i))};
    }
  }
  return {};
}

}  // namespace

Verdict check_locks(const History& history, const CheckOptions& options) {
  const auto audible = audible_from(history);
  for (const auto& [name, story] : lock_stories(history, options)) {
    Verdict verdict = LockJudge(history, name, story).judge();
    if (verdict.ok) verdict = check_queue(history, audible, name, story, options);
    if (!verdict.ok) return verdict;
  }
  return check_guarded(history);
}

}  // namespace holdfast::workload
