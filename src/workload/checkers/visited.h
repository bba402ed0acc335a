// Where a search for an order has been, so that it does not go on from there again, nor from where
// nothing else could be found.
//
// A configuration is a key (what had to be done and is done, and the state) and a set: which of the
// operations were done besides that may never have taken effect. If everything in one set is in the
// other as well, the keys being equal, the first configuration covers the second: whatever order
// goes on from the second goes on from the first. What it does is not done there either, the state
// it meets is the same, and with less done nothing is too late that was not.
//
// So nothing is lost, even where what covers has not been tried to its end yet. Suppose that an
// order of the rest goes on from a place that was visited, and take the place with the shortest, of
// n steps. Behind the first of them n - 1 go on. That place was visited, or it is covered by one
// that was and from which the same n - 1 go on: shorter than the shortest, unless n is 0.
//
// Owns: each set once; configurations know it by number. 64 bits tell a few million keys apart.
#pragma once

#include <algorithm>
#include <cstdint>
#include <iterator>
#include <unordered_map>
#include <vector>

namespace holdfast::workload {

class Visited {
 public:
  // A set of tasks.
  using Taken = std::uint32_t;
  static constexpr Taken kNothing = 0;

  // The set with one more. REQUIRES: it is not in it.
  Taken take(Taken set, std::size_t task) {
    const std::uint64_t name = sets_[set].name ^ scramble(task + 1);
    const auto [at, fresh] = numbers_.emplace(name, static_cast<Taken>(sets_.size()));
    if (fresh) {
      std::vector<std::uint32_t> tasks = sets_[set].tasks;
      const auto one = static_cast<std::uint32_t>(task);
      tasks.insert(std::upper_bound(tasks.begin(), tasks.end(), one), one);
      sets_.push_back({name, std::move(tasks)});
    }
    return at->second;
  }

  // Whether one that was visited covers this one. over(task): whether it makes no difference any
  // more if that one is in a set, which follows from the key.
  template <class Over>
  bool covers(std::uint64_t key, Taken set, const Over& over) const {
    const auto [begin, end] = places_.equal_range(key);
    return std::any_of(begin, end,
                       [&](const auto& place) { return within(place.second, set, over); });
  }

  // Adds it, in the place of those that it covers; false if it is covered itself.
  template <class Over>
  bool add(std::uint64_t key, Taken set, const Over& over) {
    if (covers(key, set, over)) return false;
    ++count_;
    auto [at, end] = places_.equal_range(key);
    while (at != end) at = within(set, at->second, over) ? places_.erase(at) : std::next(at);
    places_.emplace(key, set);
    return true;
  }

  // How many were added.
  std::uint64_t count() const { return count_; }

  static std::uint64_t scramble(std::uint64_t x) {
    x += 0x9e3779b97f4a7c15;
    x = (x ^ (x >> 30)) * 0xbf58476d1ce4e5b9;
    x = (x ^ (x >> 27)) * 0x94d049bb133111eb;
    return x ^ (x >> 31);
  }

 private:
  struct Set {
    std::uint64_t name = 0;  // the sum of its tasks' numbers
    std::vector<std::uint32_t> tasks;
  };

  // Whether all of `few` that still make a difference are in `many`.
  template <class Over>
  bool within(Taken few, Taken many, const Over& over) const {
    if (few == many) return true;
    const std::vector<std::uint32_t>& others = sets_[many].tasks;
    auto at = others.begin();
    for (const std::uint32_t task : sets_[few].tasks) {
      at = std::lower_bound(at, others.end(), task);
      if ((at == others.end() || *at != task) && !over(task)) return false;
    }
    return true;
  }

  std::vector<Set> sets_{1};
  std::unordered_map<std::uint64_t, Taken> numbers_{{0, kNothing}};
  std::unordered_multimap<std::uint64_t, Taken> places_;
  std::uint64_t count_ = 0;
};

}  // namespace holdfast::workload
