#include "workload/checkers/tenancies.h"

#include <fmt/format.h>

#include <algorithm>
#include <map>
#include <optional>
#include <string_view>
#include <tuple>
#include <vector>

#include "workload/checkers/describe.h"

namespace holdfast::workload {
namespace {

// One session, all of whose operations one client called, one after the other or in a pipeline.
class Life {
 public:
  Life(const History& history, const CheckOptions& options)
      : history_(history), options_(options) {}

  // In the order of the calls.
  Verdict see(std::size_t which) {
    const Operation& operation = history_[which];
    if (operation.ended == Ended::failed) return {};
    if (operation.ended == Ended::unknown) {
      // Perhaps it was kept, then or later.
      kept_for_certain_ = kept_for_certain_ && operation.op == Op::read_ephemeral;
      if (operation.op == Op::close_session) closed_ = true;
      if (operation.op == Op::open_session) given_up_ = true;
      return {};
    }
    if (given_up_) return {};
    switch (operation.op) {
      case Op::open_session:
        ttl_ms_ = number_field(operation.arg, 0);
        return keep(which, false);
      case Op::keep_session:
      case Op::attach_session:
        return operation.ret.empty() ? gone(which) : keep(which, operation.op == Op::attach_session);
      case Op::bind_ephemeral:
        if (operation.ret.empty()) return gone(which);
        bound_ = true;
        return there(which, "a key was bound to it");
      case Op::read_ephemeral:
        if (operation.ret.empty()) return bound_ ? gone(which) : Verdict{};
        return there(which, "its key was there");
      case Op::detach_session:
        attached_ = false;
        last_kept_ = which;
        return {};
      case Op::close_session:
        return close(which);
      default:
        return {};
    }
  }

 private:
  // From the asking on: its client counts from there.
  Verdict keep(std::size_t which, bool attaches) {
    Verdict verdict = there(which, "somebody was told that it lives");
    const Operation& operation = history_[which];
    const std::int64_t left_ms =
        operation.op == Op::open_session ? ttl_ms_ : number_field(operation.ret, 0);
    if (verdict.ok && left_ms > ttl_ms_) verdict = objection("was said to live too long", which);
    sure_until_ = std::max(sure_until_, operation.call_ns + options_.surely_ns(ttl_ms_));
    sure_by_ = which;
    last_kept_ = which;
    kept_for_certain_ = true;
    attached_ = attached_ || attaches;
    return verdict;
  }

  // It had not ended when this took effect.
  Verdict there(std::size_t which, std::string_view how) {
    if (ended_) {
      return objection(fmt::format("had ended, and then {}", how), which, *ended_);
    }
    if (!last_kept_ || !kept_for_certain_ || attached_) return {};
    const Operation& last = history_[*last_kept_];
    if (Instant{last.call_ns} < options_.calm_from) return {};
    // Another leader may have begun to count anew, once.
    const std::int64_t over = last.return_ns + 2 * options_.at_most_ns(ttl_ms_);
    if (history_[which].call_ns <= over + options_.answer_within.ns) return {};
    return objection(fmt::format("was kept by nobody, and long after its time {}", how), which,
                     *last_kept_);
  }

  // It had ended when this took effect, by itself unless it was closed.
  Verdict gone(std::size_t which) {
    if (!ended_) ended_ = which;
    if (closed_ || history_[which].return_ns >= sure_until_) return {};
    return objection("has ended before its time", which, sure_by_);
  }

  Verdict close(std::size_t which) {
    if (history_[which].ret == "0") return gone(which);
    Verdict verdict = there(which, "it was closed");
    closed_ = true;
    ended_ = which;
    return verdict;
  }

  Verdict objection(std::string_view what, std::size_t which, std::optional<std::size_t> by = {}) {
    std::vector<std::size_t> shown = {which};
    if (by) shown.insert(shown.begin(), *by);
    return {false, fmt::format("tenancies: the session of {} {}:{}", history_[which].key, what,
                               describe(history_, shown))};
  }

  const History& history_;
  const CheckOptions& options_;
  std::int64_t ttl_ms_ = 0;
  std::int64_t sure_until_ = INT64_MIN;
  std::optional<std::size_t> sure_by_;
  std::optional<std::size_t> last_kept_;
  std::optional<std::size_t> ended_;  // what showed it
  bool kept_for_certain_ = true;      // nothing after the last sure keeping may have kept it
  bool attached_ = false;
  bool bound_ = false;
  bool closed_ = false;  // perhaps
  bool given_up_ = false;
};

}  // namespace

Verdict check_tenancies(const History& history, const CheckOptions& options) {
  std::map<std::string_view, std::vector<std::size_t>> lives;
  for (std::size_t i = 0; i < history.size(); ++i) {
    if (on_session(history[i].op)) lives[history[i].key].push_back(i);
  }
  for (auto& [key, operations] : lives) {
    std::stable_sort(operations.begin(), operations.end(), [&](std::size_t a, std::size_t b) {
      return std::tie(history[a].call_ns, history[a].connection, history[a].place) <
             std::tie(history[b].call_ns, history[b].connection, history[b].place);
    });
    Life life(history, options);
    for (const std::size_t which : operations) {
      Verdict verdict = life.see(which);
      if (!verdict.ok) return verdict;
    }
  }
  return {};
}

}  // namespace holdfast::workload
