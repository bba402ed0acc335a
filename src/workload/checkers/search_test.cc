// The search leaves out what cannot matter. Here it is compared with one that leaves out nothing,
// on many small tangles of operations, legal and illegal ones.
#include "workload/checkers/search.h"

#include <gtest/gtest.h>

#include <algorithm>

#include "base/prng.h"
#include "base/test_rounds.h"
#include "workload/checkers/models.h"

namespace holdfast::workload {
namespace {

// Every order of everything that must be done with every choice of what may be.
template <class Model>
class Exhaustive {
 public:
  using Task = typename Search<Model>::Task;
  Exhaustive(const Model& model, const std::vector<Task>& tasks)
      : model_(model), tasks_(tasks), done_(tasks.size(), false) {}

  bool found(const typename Model::State& state = {}, std::int64_t began = INT64_MIN) {
    bool all = true;
    for (std::size_t i = 0; i < tasks_.size(); ++i) all &= done_[i] || !tasks_[i].window.certain;
    if (all) return true;
    for (std::size_t i = 0; i < tasks_.size(); ++i) {
      const Task& task = tasks_[i];
      if (done_[i] || task.window.latest < std::max(began, task.window.earliest)) continue;
      if (task.window.certain && task.before != SIZE_MAX && !done_[task.before]) continue;
      if (!task.window.certain && task.behind != SIZE_MAX && done_[task.behind]) continue;
      auto after = state;
      if (!model_.apply(task.step, after)) continue;
      done_[i] = true;
      const bool rest = found(after, std::max(began, task.window.earliest));
      done_[i] = false;
      if (rest) return true;
    }
    return false;
  }

 private:
  const Model& model_;
  const std::vector<Task>& tasks_;
  std::vector<bool> done_;
};

template <class Model>
using Tasks = std::vector<typename Search<Model>::Task>;

// Windows that overlap in all ways; some in one connection, some that may never have been done.
template <class Model, class Draw>
Tasks<Model> tangle(Prng& prng, const Draw& draw) {
  Tasks<Model> tasks(3 + prng.below(5));
  for (auto& task : tasks) {
    const bool unknown = prng.below(3) == 0;
    task.window.earliest = prng.between(0, 20);
    task.window.latest = task.window.earliest + prng.between(0, 12);
    task.window.certain = !unknown;
    if (unknown && prng.below(3) != 0) task.window.latest = kOpen;
    draw(task, prng);
  }
  std::sort(tasks.begin(), tasks.end(),
            [](const auto& a, const auto& b) { return a.window.earliest < b.window.earliest; });
  // Here and there two neighbours were sent on one connection.
  for (std::size_t i = 0; i + 1 < tasks.size(); ++i) {
    auto& first = tasks[i];
    auto& second = tasks[i + 1];
    if (!second.window.certain || prng.below(3) != 0) continue;
    if (first.window.certain) {
      second.before = i;
      second.window.latest = std::max(second.window.latest, first.window.earliest);
    } else {
      first.behind = i + 1;
      first.window.latest = std::min(first.window.latest, second.window.latest);
    }
    ++i;
  }
  return tasks;
}

template <class Model, class Draw, class Alike>
void compare(const Model& model, const Draw& draw, const Alike& alike) {
  const std::uint64_t seeds = rounds(20'000);
  std::uint64_t legal = 0;
  std::uint64_t illegal = 0;
  for (std::uint64_t seed = 1; seed <= seeds; ++seed) {
    Prng prng(seed);
    auto tasks = tangle<Model>(prng, draw);
    for (auto& task : tasks) {
      // What has the same effect, and can be done as late.
      if (task.window.certain || task.behind != SIZE_MAX || alike(task.step) == 0) continue;
      const bool open = task.window.latest == kOpen;
      const auto latest = static_cast<std::uint64_t>(task.window.latest);
      task.alike = 100 * static_cast<std::uint64_t>(alike(task.step)) + (open ? 99 : latest);
    }
    const bool expected = Exhaustive<Model>(model, tasks).found();
    Search<Model> search(model, tasks, 1'000'000);
    const bool found = search.run() == Search<Model>::End::found;
    ASSERT_EQ(found, expected) << "seed " << seed;
    ++(expected ? legal : illegal);
  }
  EXPECT_GT(legal, seeds / 40);
  EXPECT_GT(illegal, seeds / 40);
}

TEST(Search, AgreesWithAnExhaustiveOneOnRegisters) {
  compare(
      RegisterModel(),
      [](auto& task, Prng& prng) {
        constexpr Op kOps[] = {Op::read, Op::read,  Op::write,    Op::write,
                               Op::cas,  Op::erase, Op::write_ttl};
        auto& step = task.step;
        step.op = kOps[prng.below(std::size(kOps))];
        if (step.op == Op::read) task.window.certain = true;
        if (step.op == Op::read && task.window.latest == kOpen) task.window.latest = 40;
        step.answered = task.window.certain;
        step.done = prng.below(2) == 0;
        step.seen = static_cast<std::int32_t>(prng.below(3));
        if (step.op != Op::erase) step.written = 1 + static_cast<std::int32_t>(prng.below(3));
        if (step.op == Op::cas && step.written == step.seen) step.written = 4;
      },
      [](const auto& step) { return step.op == Op::erase ? 1U : 0U; });
}

TEST(Search, AgreesWithAnExhaustiveOneOnCounters) {
  compare(
      CounterModel(),
      [](auto& task, Prng& prng) {
        auto& step = task.step;
        step.answered = task.window.certain;
        step.reads = step.answered && prng.below(4) == 0;
        step.amount = step.reads ? 0 : 1 + static_cast<std::int64_t>(prng.below(2));
        step.result = static_cast<std::int64_t>(prng.below(6));
      },
      [](const auto& step) { return static_cast<std::uint64_t>(step.amount); });
}

TEST(Search, AgreesWithAnExhaustiveOneOnSets) {
  compare(
      SetModel{.known = 2},
      [](auto& task, Prng& prng) {
        auto& step = task.step;
        step.reads = task.window.certain && prng.below(4) == 0;
        step.at = prng.between(step.reads ? 0 : -1, 2);
        if (!step.reads) step.bytes = 1;
        if (!step.reads && task.window.certain && prng.below(2) == 0)
          step.result = prng.between(1, 4);
      },
      [](const auto& step) { return step.at < 0 ? 1U : 0U; });
}

TEST(Search, AgreesWithAnExhaustiveOneOnLocks) {
  compare(
      LockModel(),
      [](auto& task, Prng& prng) {
        constexpr Op kOps[] = {Op::acquire, Op::acquire, Op::acquire, Op::renew,
                               Op::release, Op::check,   Op::look};
        auto& step = task.step;
        do {
          step.op = kOps[prng.below(std::size(kOps))];
        } while (!task.window.certain && step.op != Op::acquire && step.op != Op::release);
        step.answered = task.window.certain;
        step.held = prng.below(4) != 0;
        step.waits = step.op == Op::acquire && prng.below(3) == 0;
        step.repeated = step.op == Op::release && prng.below(4) == 0;
        step.owner = static_cast<std::int32_t>(prng.below(3));
        step.token =
            step.held || step.op != Op::look ? 1 + static_cast<std::int64_t>(prng.below(3)) : 0;
        if (step.op == Op::acquire && step.answered && step.held && step.owner == 0) step.owner = 1;
      },
      [](const auto& step) { return step.op == Op::acquire && step.owner == 0 ? 1U : 0U; });
}

TEST(Search, WhatHasTheSameEffectIsTriedOnce) {
  // Sixty unknown counts of one: whether the sum can be reached takes no sixty-fold tree.
  Tasks<CounterModel> tasks;
  for (int i = 0; i < 60; ++i) {
    Search<CounterModel>::Task task;
    task.step.amount = 1;
    task.alike = 1;
    tasks.push_back(task);
  }
  Search<CounterModel>::Task read;
  read.window = {1, 2, true};
  read.step.reads = read.step.answered = true;
  read.step.result = 30;
  tasks.push_back(read);
  EXPECT_EQ(Search<CounterModel>(CounterModel(), tasks, 100).run(),
            Search<CounterModel>::End::found);
  tasks.back().step.result = 61;
  EXPECT_EQ(Search<CounterModel>(CounterModel(), tasks, 100).run(),
            Search<CounterModel>::End::none);
}

Search<RegisterModel>::Task register_task(Op op, std::int64_t earliest, std::int64_t latest) {
  Search<RegisterModel>::Task task;
  task.step.op = op;
  task.step.answered = task.step.done = true;
  task.window = {earliest, latest, true};
  return task;
}

// Rounds in which somebody finds a key absent and sets it, while another writes it; then it is
// written again, read and erased. The first write came late, or an erase was between the two. `add`
// puts in others.
template <class Add>
Tasks<RegisterModel> rounds(std::int32_t count, const Add& add) {
  Tasks<RegisterModel> tasks;
  for (std::int32_t i = 0; i < count; ++i) {
    const std::int64_t at = 100 * i;
    add(tasks, at);
    for (const Op op : {Op::cas, Op::write}) {
      tasks.push_back(register_task(op, at + 10, at + 20));
      tasks.back().step.written = -1;
    }
    tasks.push_back(register_task(Op::write, at + 30, at + 40));
    tasks.back().step.written = 1 + i;
    tasks.push_back(register_task(Op::read, at + 50, at + 60));
    tasks.back().step.seen = 1 + i;
    tasks.push_back(register_task(Op::erase, at + 70, at + 80));
  }
  return tasks;
}

// Looks for an order, and for one again when a lie stands at the end, so that all that comes before
// it has to be looked at again.
void expect_found_and_none(Tasks<RegisterModel> tasks, std::uint64_t budget) {
  using Registers = Search<RegisterModel>;
  EXPECT_EQ(Registers(RegisterModel(), tasks, budget).run(), Registers::End::found);
  const std::int64_t end = tasks.back().window.latest + 10;
  tasks.push_back(register_task(Op::read, end, end + 10));
  tasks.back().step.seen = 1;
  EXPECT_EQ(Registers(RegisterModel(), tasks, budget).run(), Registers::End::none);
}

TEST(Search, HundredsThatWereNeverAnsweredDoNotMultiplyWhatIsVisited) {
  // Any number of them may have been done before a round, and each number of them is another
  // configuration: by the end 300, in each of its places.
  expect_found_and_none(rounds(300,
                               [](auto& tasks, std::int64_t at) {
                                 auto task = register_task(Op::erase, at + 5, kOpen);
                                 task.step.answered = task.window.certain = false;
                                 task.alike = 1;
                                 tasks.push_back(task);
                               }),
                        10'000);
}

TEST(Search, WhatCanBeDoneNoMoreIsForgotten) {
  // Each may have been done in its own round, and never later: after sixty rounds that would be
  // 2^60 configurations, if it still mattered which of them were.
  expect_found_and_none(rounds(60,
                               [](auto& tasks, std::int64_t at) {
                                 auto task = register_task(Op::erase, at + 5, at + 25);
                                 task.step.answered = task.window.certain = false;
                                 tasks.push_back(task);
                               }),
                        3'000);
}

TEST(Search, WhatOnlyLooksIsNotTriedInAllPlaces) {
  // Sixteen readers at once, in each round: they may come in any order, which is 2^16
  // configurations between two writes, unless each is done as soon as it fits.
  expect_found_and_none(rounds(50,
                               [](auto& tasks, std::int64_t at) {
                                 for (int i = 0; i < 16; ++i) {
                                   tasks.push_back(register_task(Op::read, at + 1, at + 9));
                                 }
                               }),
                        3'000);
}

TEST(Search, ALookIsNotDoneAtOnceWhereAnErasureWouldComeTooLate) {
  // The erase that was never answered was sent before the second read on its connection, so it must
  // come between the reads, though the second one fits before the write as well.
  Tasks<RegisterModel> tasks;
  tasks.push_back(register_task(Op::erase, 1, 6));
  tasks.back().step.answered = tasks.back().window.certain = false;
  tasks.back().behind = 3;
  tasks.push_back(register_task(Op::write, 2, 4));
  tasks.back().step.written = 1;
  tasks.push_back(register_task(Op::read, 3, 5));
  tasks.back().step.seen = 1;
  tasks.push_back(register_task(Op::read, 3, 9));
  tasks.push_back(register_task(Op::read, 7, 9));
  using Registers = Search<RegisterModel>;
  EXPECT_EQ(Registers(RegisterModel(), tasks, 1'000).run(), Registers::End::found);
  // Without it there is none.
  tasks.erase(tasks.begin());
  EXPECT_EQ(Registers(RegisterModel(), tasks, 1'000).run(), Registers::End::none);
}

TEST(Search, ALongHistoryCostsItsLength) {
  Tasks<RegisterModel> tasks;
  for (std::int32_t i = 0; i < 20'000; ++i) {
    Search<RegisterModel>::Task task;
    task.step.op = i % 2 == 0 ? Op::write : Op::read;
    task.step.answered = true;
    task.step.written = task.step.seen = 1 + i / 2;
    task.window = {10 * i, 10 * i + 15, true};  // each overlaps the next
    tasks.push_back(task);
  }
  EXPECT_EQ(Search<RegisterModel>(RegisterModel(), tasks, 50'000).run(),
            Search<RegisterModel>::End::found);
  // Also when the lie is at its end, and everything before it has to be looked at again.
  tasks.back().step.seen = 7;
  EXPECT_EQ(Search<RegisterModel>(RegisterModel(), tasks, 100'000).run(),
            Search<RegisterModel>::End::none);
}

}  // namespace
}  // namespace holdfast::workload
