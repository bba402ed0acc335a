#include "workload/checkers/durability.h"

#include <fmt/format.h>

#include <algorithm>
#include <set>
#include <string_view>

#include "workload/checkers/describe.h"
#include "workload/checkers/windows.h"

namespace holdfast::workload {
namespace {

struct WrittenKey {
  bool collects = false;
  std::vector<std::size_t> operations;  // that may have changed it
};

std::map<std::string, WrittenKey, std::less<>> keys_of(const History& history) {
  std::map<std::string, WrittenKey, std::less<>> keys;
  for (std::size_t i = 0; i < history.size(); ++i) {
    const Operation& operation = history[i];
    if (on_holding(operation.op) || judged_apart(operation.op)) continue;
    WrittenKey& key = keys[std::string(key_written(operation))];
    key.collects |= operation.op == Op::insert || operation.op == Op::read_all;
    if (only_looks(operation.op) || operation.ended == Ended::failed) continue;
    const bool without_effect = operation.op != Op::erase && operation.ended == Ended::ok &&
                                (operation.ret.empty() || operation.ret == "0");
    if (!without_effect) key.operations.push_back(i);
  }
  return keys;
}

class DurabilityJudge {
 public:
  DurabilityJudge(const History& history, const std::vector<Window>& windows, std::string_view key,
                  std::string_view value, std::size_t replica)
      : history_(history), windows_(windows), key_(key), value_(value), replica_(replica) {}

  Verdict set(const WrittenKey& key) const {
    std::set<std::string_view> there;
    for (std::string_view rest = value_; !rest.empty();) {
      const std::string_view element = field(rest, 0);
      if (!there.insert(element).second) return objection("holds an element twice", {});
      rest.remove_prefix(std::min(rest.size(), element.size() + 1));
    }
    for (const std::size_t i : key.operations) {
      const bool found = there.erase(history_[i].arg) != 0;
      if (!found && windows_[i].certain) return objection("lacks what was inserted", {i});
    }
    if (there.empty()) return {};
    return objection(fmt::format("holds {}, which nobody inserted", *there.begin()), {});
  }

  Verdict reg(const WrittenKey& key) const {
    std::size_t writer = SIZE_MAX;
    for (const std::size_t i : key.operations) {
      if (counts(history_[i].op)) return {};  // the counters' checker knows more of these
      if (!value_.empty() && value_written(history_[i]) == value_) writer = i;
    }
    if (writer == SIZE_MAX && !value_.empty()) return objection("was written by nobody", {});
    for (const std::size_t i : key.operations) {
      if (!windows_[i].certain || i == writer) continue;
      // Something is there, and it was written before this: so this one was lost.
      const bool lost = writer == SIZE_MAX ? !value_written(history_[i]).empty() && !ended(key, i)
                                           : windows_[writer].latest < windows_[i].earliest;
      if (!lost) continue;
      return objection("has lost a write that was done",
                       writer == SIZE_MAX ? std::vector{i} : std::vector{writer, i});
    }
    return {};
  }

 private:
  static bool counts(Op op) { return op == Op::add || op == Op::once_add; }

  // Whether what that operation wrote may have been erased, or have ended by itself since.
  bool ended(const WrittenKey& key, std::size_t which) const {
    return std::any_of(key.operations.begin(), key.operations.end(), [&](std::size_t i) {
      const bool ends = history_[i].op == Op::erase || history_[i].op == Op::write_ttl;
      return ends && windows_[i].latest >= windows_[which].earliest;
    });
  }

  Verdict objection(std::string_view what, const std::vector<std::size_t>& which) const {
    return {false, fmt::format("durability: {} is '{}' on replica {} in the end and {}{}", key_,
                               value_.substr(0, 200), replica_, what, describe(history_, which))};
  }

  const History& history_;
  const std::vector<Window>& windows_;
  std::string_view key_;
  std::string_view value_;
  std::size_t replica_;
};

std::string_view value_of(const Finals& finals, std::string_view key) {
  const auto found = finals.find(key);
  return found == finals.end() ? std::string_view() : found->second;
}

}  // namespace

Verdict check_durability(const History& history, const std::vector<Finals>& finals) {
  if (finals.empty()) return {};
  const auto windows = windows_of(history);
  for (const auto& [name, key] : keys_of(history)) {
    const std::string_view value = value_of(finals.front(), name);
    for (std::size_t i = 1; i < finals.size(); ++i) {
      if (value_of(finals[i], name) == value) continue;
      return {false, fmt::format("durability: {} is '{}' on replica 0 and '{}' on replica {}", name,
                                 value, value_of(finals[i], name), i)};
    }
    const DurabilityJudge judge(history, windows, name, value, 0);
    Verdict verdict = key.collects ? judge.set(key) : judge.reg(key);
    if (!verdict.ok) return verdict;
  }
  return {};
}

History with_finals(const History& history, const std::vector<Finals>& finals) {
  History whole = history;
  std::int64_t end = 0;
  for (const Operation& operation : history) {
    end = std::max({end, operation.call_ns, operation.return_ns});
  }
  const auto keys = keys_of(history);
  for (std::size_t replica = 0; replica < finals.size(); ++replica) {
    for (const auto& [name, key] : keys) {
      Operation look;
      look.client = UINT32_MAX;
      look.place = kNoPlace;
      look.connection = static_cast<std::uint32_t>(replica);
      look.op = key.collects ? Op::read_all : Op::read;
      look.key = name;
      look.ret = value_of(finals[replica], name);
      look.call_ns = end + 1;
      look.return_ns = end + 2;
      look.ended = Ended::ok;
      whole.push_back(std::move(look));
    }
  }
  return whole;
}

}  // namespace holdfast::workload
