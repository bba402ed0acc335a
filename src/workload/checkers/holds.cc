#include "workload/checkers/holds.h"

#include <algorithm>

namespace holdfast::workload {
namespace {

bool on_locks(Op op) {
  switch (op) {
    case Op::acquire:
    case Op::renew:
    case Op::release:
    case Op::check:
    case Op::look:
    case Op::guarded_write:
      return true;
    default:
      return false;
  }
}

class Teller {
 public:
  Teller(const History& history, const CheckOptions& options, LockStory& story)
      : history_(history), options_(options), story_(story) {}

  void tell() {
    for (const std::size_t i : story_.acquires) {
      story_.owners[field(history_[i].arg, 0)].push_back(i);
    }
    for (const std::size_t i : story_.acquires) grant(i);
    for (const std::size_t i : story_.operations) count_on(i);
    for (const std::size_t i : story_.operations) bound(i);
    for (auto& [token, hold] : story_.holds) {
      hold.maybe_until_ns = std::min(hold.maybe_until_ns, time_over_[token]);
    }
  }

 private:
  void grant(std::size_t i) {
    const Operation& operation = history_[i];
    if (operation.ended != Ended::ok || operation.ret.empty()) return;
    Hold& hold = story_.holds[number_field(operation.ret, 0)];
    if (operation.return_ns >= hold.known_ns) return;
    hold.token = number_field(operation.ret, 0);
    hold.owner = field(operation.arg, 0);
    hold.granted = i;
    hold.known_ns = operation.return_ns;
    hold.asked_ns = history_[story_.owners[hold.owner].front()].call_ns;
  }

  Hold* hold_of(std::size_t i) {
    const Operation& operation = history_[i];
    const bool grants = operation.op == Op::acquire;
    const auto found = story_.holds.find(number_field(grants ? operation.ret : operation.arg, 0));
    return found == story_.holds.end() ? nullptr : &found->second;
  }

  // Operations come by call: those of one hold may overlap, then the shortest promise counts.
  void count_on(std::size_t i) {
    const Operation& operation = history_[i];
    Hold* const hold = hold_of(i);
    if (hold == nullptr) return;
    const bool ok = operation.ended == Ended::ok;
    const bool behind_all = operation.call_ns > last_return_[hold->token];
    std::int64_t until = INT64_MAX;
    switch (operation.op) {
      case Op::acquire:
        // A repeat changes nothing: it tells what is left.
        until = operation.call_ns + options_.surely_ns(number_field(operation.ret, 2));
        if (hold->promised_until_ns == INT64_MIN || behind_all) {
          hold->promised_until_ns = std::max(hold->promised_until_ns, until);
        }
        break;
      case Op::renew:
        if (denied(operation)) break;
        until = operation.call_ns + options_.surely_ns(number_field(operation.arg, 1));
        hold->promised_until_ns =
            ok && behind_all ? until : std::min(hold->promised_until_ns, until);
        break;
      case Op::release:
        hold->released_ns = std::min(hold->released_ns, operation.call_ns);
        break;
      default:
        return;
    }
    std::int64_t& last = last_return_[hold->token];
    last = std::max(last, ok ? operation.return_ns : INT64_MAX);
  }

  // A hold is over when it was released or refused, and its time is over after the last promise.
  void bound(std::size_t i) {
    const Operation& operation = history_[i];
    Hold* const hold = hold_of(i);
    if (hold == nullptr) return;
    if (denied(operation) || (operation.op == Op::release && operation.ended == Ended::ok)) {
      hold->maybe_until_ns = std::min(hold->maybe_until_ns, operation.return_ns);
    }
    const std::int64_t late =
        options_.late.ns == INT64_MAX ? options_.answer_within.ns : options_.late.ns;
    std::int64_t& time_over = time_over_[hold->token];
    if (operation.op == Op::acquire || (operation.op == Op::renew && !denied(operation))) {
      const std::int64_t ttl_ms = operation.op == Op::acquire ? number_field(operation.ret, 2)
                                                              : number_field(operation.arg, 1);
      // What is unknown has ended by the calm, or soon after it was asked.
      const bool ok = operation.ended == Ended::ok;
      if (!ok && options_.calm_from == Instant::never()) {
        time_over = INT64_MAX;
      } else if (time_over != INT64_MAX) {
        const std::int64_t done =
            ok ? operation.return_ns
               : std::max(options_.calm_from.ns, operation.return_ns) + options_.answer_within.ns;
        time_over = std::max(time_over, done + options_.at_most_ns(ttl_ms) + late);
      }
    }
  }

  const History& history_;
  const CheckOptions& options_;
  LockStory& story_;
  std::map<std::int64_t, std::int64_t> last_return_;
  std::map<std::int64_t, std::int64_t> time_over_;
};

}  // namespace

bool confirmed(const Operation& operation) {
  if (operation.ended != Ended::ok || operation.ret.empty() || operation.ret == "0") return false;
  return operation.op == Op::renew || operation.op == Op::check ||
         operation.op == Op::guarded_write;
}

bool denied(const Operation& operation) {
  if (operation.ended != Ended::ok) return false;
  switch (operation.op) {
    case Op::renew:
    case Op::release:
    case Op::guarded_write:
      return operation.ret.empty();
    case Op::check:
      return operation.ret == "0";
    default:
      return false;
  }
}

std::map<std::string_view, LockStory> lock_stories(const History& history,
                                                   const CheckOptions& options) {
  std::map<std::string_view, LockStory> stories;
  for (std::size_t i = 0; i < history.size(); ++i) {
    if (!on_locks(history[i].op) || history[i].ended == Ended::failed) continue;
    stories[history[i].key].operations.push_back(i);
  }
  for (auto& [name, story] : stories) {
    std::sort(story.operations.begin(), story.operations.end(), [&](std::size_t a, std::size_t b) {
      return std::pair(history[a].call_ns, a) < std::pair(history[b].call_ns, b);
    });
    for (const std::size_t i : story.operations) {
      if (history[i].op == Op::acquire) story.acquires.push_back(i);
    }
    Teller(history, options, story).tell();
  }
  return stories;
}

}  // namespace holdfast::workload
