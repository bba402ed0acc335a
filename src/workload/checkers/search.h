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
// Of two configurations that differ only in which of those were done, the one with fewer can go on
// however the other can, so nobody goes on from the other (visited.h). Otherwise each of them that
// was never answered would double what there is to visit from there to the end of the history: it
// can be done before any of the operations after it, and by the end hundreds are open.
//
// What only looks, and sees what is there, is done at once and nothing else is tried in its place:
// an order that has it later is one as well with it moved here. Unless that would be too late for
// one of those that may never have been done.
//
// A model has State (with ==) and Step, and says
//   bool apply(const Step&, State&) const          false: the answer does not fit
//   bool lost(const Step&, const State&) const     whether it can never fit any more from here on
//   bool looks(const Step&) const                  whether it changes nothing, wherever it fits
//   std::uint64_t hash(const State&) const
#pragma once

#include <algorithm>
#include <cstdint>
#include <unordered_map>
#include <utility>
#include <vector>

#include "workload/checkers/visited.h"
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
    alike_before_.assign(tasks_.size(), kNone);
    std::unordered_map<std::uint64_t, std::size_t> last;
    for (std::size_t i = 0; i < tasks_.size(); ++i) {
      (tasks_[i].window.certain ? must_ : maybe_).append(i, tasks_.size());
      if (tasks_[i].alike == 0) continue;
      const auto [at, fresh] = last.emplace(tasks_[i].alike, i);
      if (!fresh) alike_before_[i] = std::exchange(at->second, i);
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
        if (!visit(frame)) {
          if (!retreat(frame)) return End::none;
        } else if (visited_.count() > budget_) {
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
    bool alone = false;      // what was chosen is all there is to try
    std::size_t at = kNone;  // the next to be tried
    std::size_t chosen = kNone;
    std::int64_t horizon = kOpen;              // nothing that begins later may come next
    std::int64_t began = INT64_MIN;            // the latest beginning of what is done
    std::int64_t reached = INT64_MIN;          // the same of what had to be done
    std::uint64_t must = 0;                    // which of those are done, as a sum of their numbers
    Visited::Taken maybe = Visited::kNothing;  // which of the others
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
    frame.reached = top.reached;
    frame.must = top.must;
    frame.maybe = top.maybe;
    State state = top.state;
    model_.apply(task.step, state);
    if (task.window.certain) {
      frame.reached = std::max(top.reached, task.window.earliest);
      frame.must ^= Visited::scramble(top.chosen + 1);
    } else {
      frame.maybe = visited_.take(top.maybe, top.chosen);
      frame.after_maybe = true;
      frame.may_wait = task.window.latest == kOpen;
      frame.without = top.state;
    }
    begin(frame, std::move(state));
  }

  // Finds the next task that fits, and does it.
  bool advance(Frame& frame) {
    if (!frame.at_maybes && frame.at == must_.first()) {
      const std::size_t look = look_at_once(frame);
      frame.alone = look != kNone;
      if (frame.alone) return choose(frame, look), true;
    }
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
      if (fits(frame, task)) return choose(frame, task), true;
    }
  }

  void choose(Frame& frame, std::size_t task) {
    frame.chosen = task;
    list_of(task).take(task);
    done_[task] = true;
  }

  // Back to the frame before, to go on there behind what was chosen.
  bool retreat(Frame& frame) {
    if (stack_.empty()) return false;
    frame = std::move(stack_.back());
    stack_.pop_back();
    done_[frame.chosen] = false;
    List& list = list_of(frame.chosen);
    list.put_back(frame.chosen);
    frame.at = frame.alone ? kNone : list.after(frame.chosen);
    frame.at_maybes |= frame.alone;
    return true;
  }

  List& list_of(std::size_t task) { return tasks_[task].window.certain ? must_ : maybe_; }

  std::size_t look_at_once(const Frame& frame) const {
    for (std::size_t i = must_.first(); i != kNone; i = must_.after(i)) {
      if (tasks_[i].window.earliest > frame.horizon) break;
      if (!model_.looks(tasks_[i].step) || !fits(frame, i)) continue;
      State state = frame.state;
      model_.apply(tasks_[i].step, state);
      if (state == frame.state && !too_late_behind(frame, i)) return i;
    }
    return kNone;
  }

  // Whether one that may never have been done can be, but not any more behind this one.
  bool too_late_behind(const Frame& frame, std::size_t which) const {
    const std::int64_t earliest = tasks_[which].window.earliest;
    for (std::size_t i = maybe_.first(); i != kNone; i = maybe_.after(i)) {
      const Window& window = tasks_[i].window;
      if (window.earliest > frame.horizon) return false;
      if (window.latest >= frame.began && window.latest < earliest) return true;
      if (tasks_[i].behind == which) return true;
    }
    return false;
  }

  bool fits(const Frame& frame, std::size_t which) const {
    const Task& task = tasks_[which];
    if (task.window.latest < frame.began) return false;  // its time is over; or it is too late
    if (task.before != kNone && task.window.certain && !done_[task.before]) return false;
    if (!task.window.certain && task.behind != kNone && done_[task.behind]) return false;
    if (tried_alike(which)) return false;
    State state = frame.state;
    if (!model_.apply(task.step, state)) return false;
    if (!task.window.certain && state == frame.state) return false;
    if (loses_others(frame, which, state)) return false;
    if (!frame.after_maybe) return true;
    State without = frame.without;
    if (!model_.apply(task.step, without)) return true;
    if (without == state) return false;
    // It only looks, and would have seen the same: the other one can wait until it is behind it.
    return !frame.may_wait || !(without == frame.without) || !(state == frame.state);
  }

  // They are done in the order in which they stand, so if one is not, none behind it is.
  bool tried_alike(std::size_t which) const {
    return alike_before_[which] != kNone && !done_[alike_before_[which]];
  }

  // Whether one of those that may come next could never come any more.
  bool loses_others(const Frame& frame, std::size_t which, const State& state) const {
    for (std::size_t i = must_.first(); i != kNone; i = must_.after(i)) {
      if (tasks_[i].window.earliest > frame.horizon) return false;
      if (i != which && model_.lost(tasks_[i].step, state)) return true;
    }
    return false;
  }

  // False: whatever goes on from here goes on from where the search has been as well.
  bool visit(const Frame& frame) {
    // Not the numbers of tasks: what is equal would cancel out.
    constexpr std::uint64_t kOfStates = 0x5bd1e9955bd1e995;
    const std::uint64_t anyhow =
        Visited::scramble(frame.must ^ Visited::scramble(model_.hash(frame.state) ^ kOfStates));
    // What can be done no more, nor could have been later, makes no difference any longer.
    const auto over = [&](std::size_t which) {
      const Task& task = tasks_[which];
      if (task.window.earliest > frame.reached) return false;
      return task.window.latest < frame.reached || (task.behind != kNone && done_[task.behind]);
    };
    if (!frame.after_maybe) return visited_.add(anyhow, frame.maybe, over);
    // What may come next is restricted by what was there without the last one.
    if (visited_.covers(anyhow, frame.maybe, over)) return false;
    const std::uint64_t without = model_.hash(frame.without) + kOfStates + (frame.may_wait ? 1 : 0);
    return visited_.add(Visited::scramble(anyhow ^ Visited::scramble(without)), frame.maybe, over);
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
  std::vector<std::size_t> alike_before_;  // the last one before it that is alike
  List must_, maybe_;
  std::vector<Frame> stack_;
  Visited visited_;
  std::size_t deepest_ = 0;
  std::vector<std::size_t> explained_;
  std::vector<std::size_t> stuck_;
};

}  // namespace holdfast::workload
