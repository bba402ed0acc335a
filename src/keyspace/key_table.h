// The keys of one slot: a dense array, whose order clients can observe, and a private index, whose
// order nobody can.
//
// Order: append at the end; removal moves the last into the hole. So the order is a function of the
// operations, and snapshots preserve it by writing the array as it lies.
//
// There are 16384 of these, and millions of keys in them, so both lie in one piece of memory that
// grows by a quarter. A place of the array is a pointer, and above it 16 bits of the name's hash. A
// place of the index has the position of a key, and above it as many bits of the hash as are left;
// it is found by linear probing, and nothing is left behind by a removal. A look-up compares these
// bits, so that it touches no other key than the one that it looks for, and the index is built anew
// without touching any. Few keys need no index.
//
// Owns the objects. Positions are valid until the next removal.
#pragma once

#include <bit>
#include <cstddef>
#include <cstdint>
#include <memory>
#include <string_view>
#include <utility>

#include "base/check.h"
#include "keyspace/name_hash.h"
#include "keyspace/object.h"

namespace holdfast::keyspace {

class KeyTable {
 public:
  static constexpr std::uint32_t kNone = UINT32_MAX;

  KeyTable() = default;
  KeyTable(KeyTable&& other) noexcept;
  KeyTable& operator=(KeyTable&& other) noexcept;
  ~KeyTable();

  // The position of the key; kNone: it is not there. `hash`: of the name; each of these is told the
  // same function. `likely`: where it is looked for first, whatever is there.
  std::uint32_t find(std::string_view name, std::uint64_t hash, std::uint32_t likely = kNone) const {
    return likely < size_ && is(likely, name, hash) ? likely : search(name, hash);
  }
  // The two steps of a find that wait for memory, ahead of it: where the key's place is noted, and then,
  // when that has come, the key, whose position it likely is that the second returns.
  void fetch_index(std::uint64_t hash) const;
  std::uint32_t fetch_key(std::uint64_t hash) const;
  // REQUIRES: there is none of that name.
  Object& add(Object::Pointer object, std::uint64_t hash, const NameHash& hashes);
  // Another piece of the same name in its place.
  Object& replace(std::uint32_t position, Object::Pointer object);
  void remove(std::uint32_t position, const NameHash& hashes);

  std::uint32_t size() const { return size_; }
  bool empty() const { return size_ == 0; }
  Object& at(std::size_t position) const {
    CHECK(position < size_);
    return *object(words()[position]);
  }
  // About what the array and the index take, without the objects: as for a table that has only grown,
  // so that equal tables tell the same.
  std::size_t memory() const {
    return empty() ? 0 : 16 + (size_ <= kScanned ? kBytesOfFew : kBytesOfMany) * size_;
  }
  // What they take in truth.
  std::size_t block_bytes() const { return bytes_for(capacity_); }

 private:
  static constexpr int kPointerBits = 48;
  static constexpr std::uint32_t kScanned = 15;  // so many keys need no index
  static constexpr std::uint32_t kMostKeys = 1u << 30;
  // A key takes 8 bytes of the array, and 5 of the index; the rest is what is still free.
  static constexpr std::size_t kBytesOfFew = 8;
  static constexpr std::size_t kBytesOfMany = 14;

  static std::uint64_t tag(std::uint64_t word) { return word >> kPointerBits; }
  static Object* object(std::uint64_t word) {
    return reinterpret_cast<Object*>(word & ((std::uint64_t{1} << kPointerBits) - 1));
  }
  static std::uint32_t places(std::uint32_t capacity) {
    return capacity <= kScanned ? 0 : capacity + capacity / 4 + 1;
  }
  static std::size_t bytes_for(std::uint32_t capacity) {
    return capacity * sizeof(std::uint64_t) + places(capacity) * sizeof(std::uint32_t);
  }

  bool indexed() const { return capacity_ > kScanned; }
  std::uint64_t* words() const { return reinterpret_cast<std::uint64_t*>(block_.get()); }
  std::uint32_t* index() const {
    return reinterpret_cast<std::uint32_t*>(block_.get() + capacity_ * sizeof(std::uint64_t));
  }
  // Of a place of the index: the bits that are the position, from 1; 0: the place is free.
  std::uint32_t position_mask() const { return (1u << std::bit_width(capacity_)) - 1; }
  // And the others: those of the hash below the tag.
  std::uint32_t rest(std::uint64_t hash) const {
    return static_cast<std::uint32_t>(hash >> (kPointerBits - 32)) & ~position_mask();
  }
  std::uint32_t home(std::uint64_t tag, std::uint32_t rest) const {
    return static_cast<std::uint32_t>(((tag << 16 | rest >> 16) * places(capacity_)) >> 32);
  }
  std::uint32_t home_of(std::uint32_t place) const;
  std::uint32_t after(std::uint32_t place) const { return place + 1 == places(capacity_) ? 0 : place + 1; }

  bool is(std::uint32_t position, std::string_view name, std::uint64_t hash) const {
    const std::uint64_t word = words()[position];
    return tag(word) == tag(hash) && object(word)->name() == name;
  }
  std::uint32_t search(std::string_view name, std::uint64_t hash) const;
  // Where the index has that position. REQUIRES: it has it.
  std::uint32_t place_of(std::uint32_t position, std::uint64_t hash) const;
  void enter(std::uint32_t position, std::uint32_t rest);
  void leave(std::uint32_t place);
  void resize(std::uint32_t capacity, const NameHash& hashes);

  std::unique_ptr<std::byte[]> block_;
  std::uint32_t size_ = 0;
  std::uint32_t capacity_ = 0;
};

static_assert(sizeof(KeyTable) == 16, "each slot has one");

}  // namespace holdfast::keyspace
