// Is there an order of these operations in which a model gives every answer that was seen, and each
// takes effect within its window?
//
// Wing & Gong's search with Lowe's memoisation ("Testing for linearizability", 2017): depth first
// through configurations (the set of operations done, the state), none visited twice. Where nothing
// is under way all orders meet again in few configurations, so a long history costs its length.
//
// Operations that may never have taken effect are done only where they change the outcome: right
// before one that would have been impossible or have led elsewhere without it. An order that has
// one elsewhere is still an order when it is left out or done later, so nothing is missed.
//
// A model has State (with ==) and Step, and says
//   bool apply(const Step&, State&) const          false: the answer does not fit
//   bool lost(const Step&, const State&) const     whether it can never fit any more from here on
//   std::uint64_t hash(const State&) const
#pragma once

#include <algorithm>
#include <cstdint>
#include <unordered_set>
#include <vector>

#include "workload/checkers/windows.h"

namespace holdfast::workload {

template <class Model>
class Search {
 public:
  struct Task {
    typename Model::Step step;
    std::size_t operation = 0;  // in the history
    Window window;
    // The operations before and after it in the order of its connection, which certainly took
    // effect; kNone if there is none.
    std::size_t before = SIZE_MAX;
    std::size_t behind = SIZE_MAX;
    // Tasks that may never have been done and have the same effect bear the same number; 0: alone.
    std::uint64_t alike = 0;
  };
  enum class End : std::uint8_t { found, none, gave_up };

  static constexpr std::size_t kNone = SIZE_MAX;

  // `tasks` in the order of window.earliest.
  Search(const Model& model, std::vector<Task> tasks, std::uint64_t budget)
      : model_(model), tasks_(std::move(tasks)), budget_(budget) {
    done_.assign(tasks_.size(), false);
    for (std::size_t i = 0; i < tasks_.size(); ++i) {
      (tasks_[i].window.certain ? must_ : maybe_).append(i, tasks_.size());
    }
  }

  End run() {
    Frame frame;
    begin(frame, typename Model::State());
    while (true) {
      if (must_.empty()) return End::found;
      if (advance(frame)) {
        stack_.push_back(std::move(frame));
        begin_next(frame);
        if (!visited_.insert(identity(frame)).second) {
          if (!retreat(frame)) return End::none;
        } else if (visited_.size() > budget_) {
          return End::gave_up;
        }
        continue;
      }
      if (!retreat(frame)) return End::none;
    }
  }

  // The longest explanation: its last operations, and what may come next but does not fit.
  const std::vector<std::size_t>& explained() const { return explained_; }
  const std::vector<std::size_t>& stuck() const { return stuck_; }
  std::size_t depth() const { return deepest_; }

 private:
  using State = typename Model::State;

  // Tasks not done, in the order of their windows' beginnings. What is taken out is put back in
  // reverse order, so that its neighbours are still the same.
  class List {
   public:
    void append(std::size_t task, std::size_t count) {
      if (next_.empty()) next_.resize(count + 1, count), previous_.resize(count + 1, count);
      const std::size_t last = previous_[count];
      next_[last] = task;
      previous_[task] = last;
      next_[task] = count;
      previous_[count] = task;
    }
    bool empty() const { return next_.empty() || next_.back() == next_.size() - 1; }
    std::size_t first() const { return next_.empty() ? kNone : step(next_.size() - 1); }
    std::size_t after(std::size_t task) const { return step(task); }
    void take(std::size_t task) {
      next_[previous_[task]] = next_[task];
      previous_[next_[task]] = previous_[task];
    }
    void put_back(std::size_t task) {
      next_[previous_[task]] = task;
      previous_[next_[task]] = task;
    }

   private:
    std::size_t step(std::size_t task) const {
      return next_[task] == next_.size() - 1 ? kNone : next_[task];
    }
    std::vector<std::size_t> next_, previous_;  // the last element stands for both ends
  };

  struct Frame {
    State state{};
    State without{};  // the state before the last task, if that may never have been done
    bool after_maybe = false;
    bool may_wait = false;   // and that one could as well have been done later
    bool at_maybes = false;  // all that must be done were tried
    std::size_t at = kNone;  // the next to be tried
    std::size_t chosen = kNone;
    std::int64_t horizon = kOpen;    // nothing that begins later may come next
    std::int64_t began = INT64_MIN;  // the latest beginning of what is done
    std::uint64_t identity = 0;
  };

  void begin(Frame& frame, State state) {
    frame.state = std::move(state);
    frame.at = must_.first();
    frame.horizon = kOpen;
    for (std::size_t i = must_.first(); i != kNone; i = must_.after(i)) {
      if (tasks_[i].window.earliest > frame.horizon) break;
      frame.horizon = std::min(frame.horizon, tasks_[i].window.latest);
    }
    note_depth(frame);
  }

  // The frame that follows the one on top of the stack.
  void begin_next(Frame& frame) {
    const Frame& top = stack_.back();
    const Task& task = tasks_[top.chosen];
    frame = Frame();
    frame.began = std::max(top.began, task.window.earliest);
    frame.identity = top.identity ^ number_of(top.chosen);
    State state = top.state;
    model_.apply(task.step, state);
    if (!task.window.certain) {
      frame.after_maybe = true;
      frame.may_wait = task.window.latest == kOpen;
      frame.without = top.state;
    }
    begin(frame, std::move(state));
  }

  // Finds the next task that fits, and does it.
  bool advance(Frame& frame) {
    while (true) {
      List& list = frame.at_maybes ? maybe_ : must_;
      const std::size_t task = frame.at;
      if (task == kNone || tasks_[task].window.earliest > frame.horizon) {
        if (frame.at_maybes) return false;
        frame.at_maybes = true;
        frame.at = maybe_.first();
        continue;
      }
      frame.at = list.after(task);
      if (!fits(frame, task)) continue;
      frame.chosen = task;
      list.take(task);
      done_[task] = true;
      return true;
    }
  }

  // Back to the frame before, to go on there behind what was chosen.
  bool retreat(Frame& frame) {
    if (stack_.empty()) return false;
    frame = std::move(stack_.back());
    stack_.pop_back();
    done_[frame.chosen] = false;
    List& list = frame.at_maybes ? maybe_ : must_;
    list.put_back(frame.chosen);
    frame.at = list.after(frame.chosen);
    return true;
  }

  bool fits(const Frame& frame, std::size_t which) const {
    const Task& task = tasks_[which];
    if (task.window.latest < frame.began) return false;  // its time is over; or it is too late
    if (task.before != kNone && task.window.certain && !done_[task.before]) return false;
    if (!task.window.certain && task.behind != kNone && done_[task.behind]) return false;
    State state = frame.state;
    if (!model_.apply(task.step, state)) return false;
    if (!task.window.certain && (state == frame.state || tried_alike(which))) return false;
    if (loses_others(frame, which, state)) return false;
    if (!frame.after_maybe) return true;
    State without = frame.without;
    if (!model_.apply(task.step, without)) return true;
    if (without == state) return false;
    // It only looks, and would have seen the same: the other one can wait until it is behind it.
    return !frame.may_wait || !(without == frame.without) || !(state == frame.state);
  }

  bool tried_alike(std::size_t which) const {
    if (tasks_[which].alike == 0) return false;
    for (std::size_t i = maybe_.first(); i != which; i = maybe_.after(i)) {
      if (tasks_[i].alike == tasks_[which].alike) return true;
    }
    return false;
  }

  // Whether one of those that may come next could never come any more.
  bool loses_others(const Frame& frame, std::size_t which, const State& state) const {
    for (std::size_t i = must_.first(); i != kNone; i = must_.after(i)) {
      if (tasks_[i].window.earliest > frame.horizon) return false;
      if (i != which && model_.lost(tasks_[i].step, state)) return true;
    }
    return false;
  }

  static std::uint64_t scramble(std::uint64_t x) {
    x += 0x9e3779b97f4a7c15;
    x = (x ^ (x >> 30)) * 0xbf58476d1ce4e5b9;
    x = (x ^ (x >> 27)) * 0x94d049bb133111eb;
    return x ^ (x >> 31);
  }
  static std::uint64_t number_of(std::size_t task) { return scramble(task + 1); }
  // 64 bits tell a few million configurations apart.
  std::uint64_t identity(const Frame& frame) const {
    // Not the numbers of tasks: what is equal would cancel out.
    constexpr std::uint64_t kOfStates = 0x5bd1e9955bd1e995;
    std::uint64_t sum = scramble(frame.identity ^ scramble(model_.hash(frame.state) ^ kOfStates));
    if (frame.after_maybe)
      sum = scramble(sum ^
                     scramble(model_.hash(frame.without) + kOfStates + (frame.may_wait ? 1 : 0)));
    return sum;
  }

  void note_depth(const Frame& frame) {
    if (stack_.size() < deepest_ || (stack_.size() == deepest_ && !stuck_.empty())) return;
    constexpr std::size_t kShown = 8;
    deepest_ = stack_.size();
    explained_.clear();
    for (std::size_t i = deepest_ - std::min(deepest_, kShown); i < deepest_; ++i) {
      explained_.push_back(tasks_[stack_[i].chosen].operation);
    }
    stuck_.clear();
    for (std::size_t i = must_.first(); i != kNone && stuck_.size() < kShown; i = must_.after(i)) {
      if (tasks_[i].window.earliest > frame.horizon) break;
      stuck_.push_back(tasks_[i].operation);
    }
  }

  const Model& model_;
  std::vector<Task> tasks_;
  std::uint64_t budget_;
  std::vector<bool> done_;
  List must_, maybe_;
  std::vector<Frame> stack_;
  std::unordered_set<std::uint64_t> visited_;
  std::size_t deepest_ = 0;
  std::vector<std::size_t> explained_;
  std::vector<std::size_t> stuck_;
};

}  // namespace holdfast::workload
