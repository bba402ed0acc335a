#include "workload/checkers/linearizable.h"

#include <fmt/format.h>

#include <algorithm>
#include <map>
#include <set>
#include <tuple>
#include <utility>
#include <vector>

#include "workload/checkers/describe.h"
#include "workload/checkers/models.h"
#include "workload/checkers/search.h"
#include "workload/checkers/windows.h"

namespace holdfast::workload {
namespace {

struct Part {
  bool counts = false;
  bool collects = false;
  std::vector<std::size_t> operations;
};

struct Parts {
  std::map<std::string, Part, std::less<>> keys;
  std::map<std::string, Part, std::less<>> locks;
};

// Whether it says anything: what failed or was not seen does not, nor does an unanswered renewal.
bool tells(const Operation& operation) {
  if (operation.ended == Ended::failed) return false;
  return operation.ended == Ended::ok || !(only_looks(operation.op) || operation.op == Op::renew);
}

Parts split(const History& history) {
  Parts parts;
  for (std::size_t i = 0; i < history.size(); ++i) {
    const Operation& operation = history[i];
    if (!tells(operation) || judged_apart(operation.op)) continue;
    switch (operation.op) {
      case Op::guarded_write:
        if (operation.ended == Ended::ok) parts.locks[operation.key].operations.push_back(i);
        if (value_written(operation).empty()) break;
        parts.keys[std::string(key_written(operation))].operations.push_back(i);
        break;
      case Op::acquire:
      case Op::renew:
      case Op::release:
      case Op::check:
      case Op::look:
        parts.locks[operation.key].operations.push_back(i);
        break;
      case Op::take:
      case Op::keep:
      case Op::give_back:
      case Op::confirm:
      case Op::force:
      case Op::set_limit:
      case Op::look_on:
        break;  // what has several holders is judged by holdings.h
      default: {
        Part& part = parts.keys[operation.key];
        part.counts |= operation.op == Op::add || operation.op == Op::once_add;
        part.collects |= operation.op == Op::insert || operation.op == Op::read_all;
        part.operations.push_back(i);
      }
    }
  }
  return parts;
}

template <class Model>
using Tasks = std::vector<typename Search<Model>::Task>;

// The order in which they are tried: as they can have begun, on one connection as they were sent.
template <class Model>
void put_in_order(const History& history, Tasks<Model>& tasks) {
  const auto session = [&](const auto& task) {
    const Operation& operation = history[task.operation];
    return std::tuple(operation.client, operation.connection, operation.place, task.operation);
  };
  std::sort(tasks.begin(), tasks.end(), [&](const auto& a, const auto& b) {
    return std::tuple(a.window.earliest, session(a)) < std::tuple(b.window.earliest, session(b));
  });

  std::vector<std::size_t> sessions;
  for (std::size_t i = 0; i < tasks.size(); ++i) {
    if (in_session_order(history[tasks[i].operation])) sessions.push_back(i);
  }
  std::sort(sessions.begin(), sessions.end(),
            [&](std::size_t a, std::size_t b) { return session(tasks[a]) < session(tasks[b]); });
  const auto link = [&](std::size_t& last, std::size_t task, std::size_t& wanted) {
    if (last != SIZE_MAX) {
      const Operation& a = history[tasks[last].operation];
      const Operation& b = history[tasks[task].operation];
      if (a.client == b.client && a.connection == b.connection) wanted = last;
    }
    if (tasks[task].window.certain) last = task;
  };
  std::size_t last = SIZE_MAX;
  for (const std::size_t task : sessions) link(last, task, tasks[task].before);
  last = SIZE_MAX;
  std::reverse(sessions.begin(), sessions.end());
  for (const std::size_t task : sessions) link(last, task, tasks[task].behind);
}

// Of those that may never have been done and have the same effect one is as good as the other, and
// the one that could be done first is to be tried first, if they can be done equally late: to the
// end; or until something that was sent behind them and seen later. Not if that is on the same key.
template <class Model>
void tell_alike_apart(Tasks<Model>& tasks) {
  std::map<std::pair<std::uint64_t, std::int64_t>, std::uint64_t> numbers;
  for (auto& task : tasks) {
    if (task.window.certain || task.behind != SIZE_MAX) task.alike = 0;
    if (task.alike == 0) continue;
    const auto kind = std::pair(task.alike, task.window.latest);
    task.alike = numbers.emplace(kind, numbers.size() + 1).first->second;
  }
}

template <class Model>
Verdict explain(const History& history, std::string_view key, const Model& model,
                Tasks<Model> tasks, std::uint64_t budget) {
  put_in_order<Model>(history, tasks);
  tell_alike_apart<Model>(tasks);
  const std::size_t count = tasks.size();
  Search<Model> search(model, std::move(tasks), budget);
  const auto end = search.run();
  if (end == Search<Model>::End::found) return {};
  return {false,
          fmt::format("linearizable: {}: {}; the longest explanation covers {} of {} operations, "
                      "at last:{}\n and cannot go on with:{}",
                      key,
                      end == Search<Model>::End::none ? "no order explains what clients saw"
                                                      : "gave up searching for an order",
                      search.depth(), count, describe(history, search.explained()),
                      describe(history, search.stuck()))};
}

template <class Model>
typename Search<Model>::Task task_of(const std::vector<Window>& windows, std::size_t operation) {
  typename Search<Model>::Task task;
  task.operation = operation;
  task.window = windows[operation];
  return task;
}

// ---- what each operation is to its model

// The value that somebody claims to have seen there, "" if none.
std::string_view value_seen(const Operation& operation) {
  if (operation.op == Op::read) return operation.ret;
  return operation.op == Op::cas ? field(operation.arg, 0) : std::string_view();
}

// Values that nobody saw are one value: what follows cannot tell them apart. So pipelines that were
// never answered, a dozen writes each, do not multiply the configurations.
constexpr std::int32_t kUnseen = -1;

RegisterModel::Step register_step(const Operation& operation, const Numbers& seen) {
  RegisterModel::Step step;
  step.op = operation.op;
  step.answered = operation.ended == Ended::ok;
  step.done = operation.ret == "1";
  step.written = seen.find(value_written(operation), kUnseen);
  step.seen = seen.find(value_seen(operation), kUnseen);
  return step;
}

Verdict check_register(const History& history, const std::vector<Window>& windows,
                       std::string_view key, const Part& part, std::uint64_t budget) {
  Numbers seen;
  for (const std::size_t i : part.operations) seen.of(value_seen(history[i]));
  Tasks<RegisterModel> tasks;
  for (const std::size_t i : part.operations) {
    auto task = task_of<RegisterModel>(windows, i);
    task.step = register_step(history[i], seen);
    const Op op = history[i].op;
    const bool unseen = task.step.written == kUnseen;
    if (op == Op::erase) task.alike = 1;
    if ((op == Op::write || op == Op::guarded_write) && unseen) task.alike = 2;
    if (op == Op::write_ttl && unseen) task.alike = 3;
    tasks.push_back(std::move(task));
  }
  return explain(history, key, RegisterModel(), std::move(tasks), budget);
}

Verdict check_counter(const History& history, const std::vector<Window>& windows,
                      std::string_view key, const Part& part, std::uint64_t budget) {
  Tasks<CounterModel> tasks;
  for (const std::size_t i : part.operations) {
    const Operation& operation = history[i];
    auto task = task_of<CounterModel>(windows, i);
    task.step.reads = operation.op == Op::read;
    task.step.answered = operation.ended == Ended::ok;
    if (!task.step.reads) {
      task.step.amount = number_field(operation.arg, operation.op == Op::once_add ? 1 : 0);
    }
    task.step.result = operation.ret.empty() ? 0 : number_field(operation.ret, 0);
    const bool adds = operation.op == Op::add || operation.op == Op::once_add;
    if ((!adds && !task.step.reads) || (adds && task.step.amount <= 0) || task.step.result < 0) {
      return {false, fmt::format("linearizable: {}: is a counter, and this is not for counters: {}",
                                 key, describe(operation))};
    }
    task.alike = static_cast<std::uint64_t>(task.step.amount);
    tasks.push_back(std::move(task));
  }
  return explain(history, key, CounterModel(), std::move(tasks), budget);
}

// Where each element stands in the longest read; nothing if another read contradicts it.
struct SetOrder {
  std::string_view longest;
  std::map<std::string_view, std::int64_t> at;
  std::string contradiction;
};

SetOrder set_order(const History& history, const Part& part) {
  SetOrder order;
  std::size_t longest = 0;
  for (const std::size_t i : part.operations) {
    if (history[i].op != Op::read_all || history[i].ret.size() <= order.longest.size()) continue;
    order.longest = history[i].ret;
    longest = i;
  }
  for (const std::size_t i : part.operations) {
    if (history[i].op != Op::read_all || order.longest.starts_with(history[i].ret)) continue;
    order.contradiction = "two reads contradict each other:" + describe(history, {i, longest});
  }
  for (std::size_t at = 0; at < order.longest.size();) {
    const std::string_view element = field(order.longest.substr(at), 0);
    if (!order.at.emplace(element, static_cast<std::int64_t>(at)).second) {
      order.contradiction =
          fmt::format("'{}' is in it twice:", element) + describe(history, {longest});
    }
    at += element.size() + 1;
  }
  return order;
}

Verdict check_set(const History& history, const std::vector<Window>& windows, std::string_view key,
                  const Part& part, std::uint64_t budget) {
  const SetOrder order = set_order(history, part);
  if (!order.contradiction.empty()) {
    return {false, fmt::format("linearizable: {}: {}", key, order.contradiction)};
  }
  SetModel model;
  model.known = static_cast<std::int64_t>(order.longest.size());
  Tasks<SetModel> tasks;
  for (const std::size_t i : part.operations) {
    const Operation& operation = history[i];
    auto task = task_of<SetModel>(windows, i);
    if (operation.op == Op::read_all) {
      task.step.reads = true;
      task.step.at = static_cast<std::int64_t>(operation.ret.size());
    } else if (operation.op == Op::insert) {
      const auto found = order.at.find(operation.arg);
      if (found != order.at.end()) task.step.at = found->second;
      task.step.bytes = static_cast<std::int64_t>(operation.arg.size()) + 1;
      if (operation.ended == Ended::ok) task.step.result = number_field(operation.ret, 0);
      if (task.step.at < 0) task.alike = static_cast<std::uint64_t>(task.step.bytes);
    } else {
      return {false, fmt::format("linearizable: {}: is a set, and this is not for sets: {}", key,
                                 describe(operation))};
    }
    tasks.push_back(std::move(task));
  }
  return explain(history, key, model, std::move(tasks), budget);
}

LockModel::Step lock_step(const Operation& operation, Numbers& owners) {
  LockModel::Step step;
  step.op = operation.op;
  step.answered = operation.ended == Ended::ok;
  step.token = number_field(operation.arg, 0);
  step.held = !operation.ret.empty() && operation.ret != "0";
  if (operation.op == Op::acquire) {
    step.owner = owners.of(field(operation.arg, 0));
    step.waits = number_field(operation.arg, 2) > 0;
  }
  if (operation.op == Op::acquire || operation.op == Op::look) {
    step.token = step.held ? number_field(operation.ret, 0) : 0;
    step.held = step.token != 0;
  }
  return step;
}

Verdict check_lock(const History& history, const std::vector<Window>& windows,
                   std::string_view name, const Part& part, std::uint64_t budget) {
  // When each token was released for the first time, perhaps.
  std::map<std::int64_t, std::size_t> released;
  for (const std::size_t i : part.operations) {
    if (history[i].op != Op::release) continue;
    const auto [at, fresh] = released.emplace(number_field(history[i].arg, 0), i);
    if (!fresh && history[i].call_ns < history[at->second].call_ns) at->second = i;
  }
  Numbers owners;
  std::set<std::int32_t> granted;
  for (const std::size_t i : part.operations) {
    const LockModel::Step step = lock_step(history[i], owners);
    if (step.op == Op::acquire && step.held) granted.insert(step.owner);
  }
  Tasks<LockModel> tasks;
  for (const std::size_t i : part.operations) {
    auto task = task_of<LockModel>(windows, i);
    task.step = lock_step(history[i], owners);
    // Of those who were never told of a grant one is as good as the other.
    if (task.step.op == Op::acquire && !granted.contains(task.step.owner)) {
      task.step.owner = LockModel::kNobody;
      task.alike = 1;
    }
    if (history[i].op == Op::release) task.step.repeated = released.at(task.step.token) != i;
    tasks.push_back(std::move(task));
  }
  return explain(history, name, LockModel(), std::move(tasks), budget);
}

}  // namespace

Verdict check_linearizable(const History& history, std::uint64_t budget) {
  const std::vector<Window> windows = windows_of(history);
  const Parts parts = split(history);
  for (const auto& [key, part] : parts.keys) {
    const auto check = part.counts ? check_counter : part.collects ? check_set : check_register;
    Verdict verdict = check(history, windows, key, part, budget);
    if (!verdict.ok) return verdict;
  }
  for (const auto& [name, part] : parts.locks) {
    Verdict verdict = check_lock(history, windows, name, part, budget);
    if (!verdict.ok) return verdict;
  }
  return {};
}

}  // namespace holdfast::workload
