// The things of one slot that have a name, but for its keys (key_table.h): a dense array, whose order
// clients can observe, and a private hash index, whose order nobody can.
//
// Order: append at the end; removal moves the last into the hole. So the order is a function of the
// operations, and snapshots preserve it by writing the array as it lies.
// Addresses are stable: an item stays where it is until it is removed.
//
// T has `std::string name` and `std::uint32_t position`; the table sets the position. The name must
// not change while T is in a table.
#pragma once

#include <boost/unordered/unordered_flat_set.hpp>
#include <cstddef>
#include <cstdint>
#include <memory>
#include <string_view>
#include <utility>
#include <vector>

#include "base/check.h"
#include "keyspace/name_hash.h"

namespace holdfast::keyspace {

template <class T>
class SlotTable {
 public:
  explicit SlotTable(std::uint64_t hash_seed) : index_(0, Hash{{hash_seed}}) {}

  T* find(std::string_view name) const {
    const auto found = index_.find(name);
    return found == index_.end() ? nullptr : *found;
  }
  // REQUIRES: there is none of that name.
  T& add(std::unique_ptr<T> item) {
    CHECK(items_.size() < UINT32_MAX);
    item->position = static_cast<std::uint32_t>(items_.size());
    T& added = *item;
    items_.push_back(std::move(item));
    CHECK(index_.insert(&added).second);
    return added;
  }
  // REQUIRES: the item is in this table.
  std::unique_ptr<T> remove(T& item) {
    const std::size_t position = item.position;
    CHECK(position < items_.size() && items_[position].get() == &item);
    index_.erase(&item);
    std::unique_ptr<T> removed = std::move(items_[position]);
    if (position + 1 != items_.size()) {
      items_[position] = std::move(items_.back());
      items_[position]->position = static_cast<std::uint32_t>(position);
    }
    items_.pop_back();
    return removed;
  }

  std::size_t size() const { return items_.size(); }
  bool empty() const { return items_.empty(); }
  T& at(std::size_t position) const { return *items_[position]; }
  // For who visits one after another: items lie where memory was free, and each would be waited for.
  void fetch_ahead(std::size_t position) const {
    constexpr std::size_t kAhead = 8;
    if (position + kAhead >= items_.size()) return;
    __builtin_prefetch(items_[position + kAhead].get());
    __builtin_prefetch(items_[position + kAhead / 2]->name.data());
  }

 private:
  struct Hash : NameHash {
    using is_transparent = void;
    using NameHash::operator();
    std::size_t operator()(const T* item) const { return (*this)(std::string_view(item->name)); }
  };
  struct Equal {
    using is_transparent = void;
    bool operator()(const T* a, const T* b) const { return a == b || a->name == b->name; }
    bool operator()(const T* a, std::string_view b) const { return a->name == b; }
    bool operator()(std::string_view a, const T* b) const { return a == b->name; }
  };

  std::vector<std::unique_ptr<T>> items_;
  boost::unordered_flat_set<T*, Hash, Equal> index_;
};

}  // namespace holdfast::keyspace
