#include "keyspace/key_table.h"

#include <cstring>

namespace holdfast::keyspace {
namespace {

// By a quarter, and so that a piece without an index fills what the allocator gives.
std::uint32_t grown(std::uint32_t capacity) {
  if (capacity == 0) return 3;
  return (capacity + (capacity < 16 ? 4 : capacity / 4)) | 3;
}

}  // namespace

KeyTable::KeyTable(KeyTable&& other) noexcept
    : block_(std::move(other.block_)),
      size_(std::exchange(other.size_, 0)),
      capacity_(std::exchange(other.capacity_, 0)) {}

KeyTable& KeyTable::operator=(KeyTable&& other) noexcept {
  std::swap(block_, other.block_);
  std::swap(size_, other.size_);
  std::swap(capacity_, other.capacity_);
  return *this;
}

KeyTable::~KeyTable() {
  for (std::uint32_t i = 0; i < size_; ++i) Object::Deleter()(object(words()[i]));
}

std::uint32_t KeyTable::search(std::string_view name, std::uint64_t hash) const {
  const std::uint64_t wanted = tag(hash);
  const std::uint64_t* const words = this->words();
  if (!indexed()) {
    for (std::uint32_t i = 0; i < size_; ++i) {
      if (tag(words[i]) == wanted && object(words[i])->name() == name) return i;
    }
    return kNone;
  }
  const std::uint32_t* const index = this->index();
  const std::uint32_t mask = position_mask();
  const std::uint32_t wanted_rest = rest(hash);
  for (std::uint32_t place = home(wanted, wanted_rest); index[place] != 0; place = after(place)) {
    if ((index[place] & ~mask) != wanted_rest) continue;
    const std::uint32_t position = (index[place] & mask) - 1;
    if (tag(words[position]) == wanted && object(words[position])->name() == name) return position;
  }
  return kNone;
}

void KeyTable::fetch_index(std::uint64_t hash) const {
  if (capacity_ == 0) return;
  __builtin_prefetch(indexed() ? static_cast<const void*>(index() + home(tag(hash), rest(hash)))
                               : static_cast<const void*>(words()));
}

std::uint32_t KeyTable::fetch_key(std::uint64_t hash) const {
  const std::uint64_t wanted = tag(hash);
  const std::uint64_t* const words = this->words();
  const auto fetch = [words](std::uint32_t position) {
    __builtin_prefetch(object(words[position]));
    return position;
  };
  if (!indexed()) {
    for (std::uint32_t i = 0; i < size_; ++i) {
      if (tag(words[i]) == wanted) return fetch(i);
    }
    return kNone;
  }
  const std::uint32_t* const index = this->index();
  const std::uint32_t mask = position_mask();
  const std::uint32_t wanted_rest = rest(hash);
  for (std::uint32_t place = home(wanted, wanted_rest); index[place] != 0; place = after(place)) {
    if ((index[place] & ~mask) == wanted_rest) return fetch((index[place] & mask) - 1);
  }
  return kNone;
}

Object& KeyTable::add(Object::Pointer object, std::uint64_t hash, const NameHash& hashes) {
  CHECK(size_ < kMostKeys);
  if (size_ == capacity_) resize(grown(capacity_), hashes);
  const auto address = reinterpret_cast<std::uint64_t>(object.get());
  CHECK(tag(address) == 0, "an address has more than 48 bits");
  words()[size_] = tag(hash) << kPointerBits | address;
  ++size_;
  if (indexed()) enter(size_ - 1, rest(hash));
  return *object.release();
}

Object& KeyTable::replace(std::uint32_t position, Object::Pointer object) {
  CHECK(position < size_);
  std::uint64_t& word = words()[position];
  const Object::Pointer old(this->object(word));
  const auto address = reinterpret_cast<std::uint64_t>(object.get());
  CHECK(tag(address) == 0, "an address has more than 48 bits");
  word = tag(word) << kPointerBits | address;
  return *object.release();
}

void KeyTable::remove(std::uint32_t position, const NameHash& hashes) {
  CHECK(position < size_);
  const std::uint32_t last = size_ - 1;
  if (indexed()) leave(place_of(position, hashes(at(position).name())));
  const Object::Pointer removed(object(words()[position]));
  if (position != last) {
    if (indexed()) {
      std::uint32_t& moved = index()[place_of(last, hashes(at(last).name()))];
      moved = (moved & ~position_mask()) | (position + 1);
    }
    words()[position] = words()[last];
  }
  --size_;
  if (size_ == 0) {
    block_.reset();
    capacity_ = 0;
  } else if (size_ < capacity_ / 4) {
    resize(grown(size_ + size_ / 2), hashes);
  }
}

std::uint32_t KeyTable::home_of(std::uint32_t place) const {
  const std::uint32_t entry = index()[place];
  const std::uint32_t mask = position_mask();
  return home(tag(words()[(entry & mask) - 1]), entry & ~mask);
}

std::uint32_t KeyTable::place_of(std::uint32_t position, std::uint64_t hash) const {
  const std::uint32_t wanted = rest(hash) | (position + 1);
  std::uint32_t place = home(tag(hash), rest(hash));
  while (index()[place] != wanted) {
    CHECK(index()[place] != 0, "a key is not in the index of its slot");
    place = after(place);
  }
  return place;
}

void KeyTable::enter(std::uint32_t position, std::uint32_t rest) {
  std::uint32_t place = home(tag(words()[position]), rest);
  while (index()[place] != 0) place = after(place);
  index()[place] = rest | (position + 1);
}

// What follows moves up, unless it would come to lie before its home.
void KeyTable::leave(std::uint32_t place) {
  const std::uint32_t count = places(capacity_);
  const auto steps = [count](std::uint32_t from, std::uint32_t to) {
    return to >= from ? to - from : to + count - from;
  };
  for (std::uint32_t next = after(place); index()[next] != 0; next = after(next)) {
    if (steps(home_of(next), next) < steps(place, next)) continue;
    index()[place] = index()[next];
    place = next;
  }
  index()[place] = 0;
}

void KeyTable::resize(std::uint32_t capacity, const NameHash& hashes) {
  KeyTable fresh;
  fresh.block_ = std::make_unique_for_overwrite<std::byte[]>(bytes_for(capacity));
  fresh.capacity_ = capacity;
  if (size_ != 0) std::memcpy(fresh.words(), words(), size_ * sizeof(std::uint64_t));
  if (fresh.indexed()) {
    std::memset(fresh.index(), 0, places(capacity) * sizeof(std::uint32_t));
    if (indexed() && capacity > capacity_) {
      // Positions need as many bits as before or more: the bits of the hash that are kept are here.
      for (std::uint32_t place = 0; place < places(capacity_); ++place) {
        const std::uint32_t entry = index()[place];
        if (entry == 0) continue;
        fresh.enter((entry & position_mask()) - 1,
                    entry & ~position_mask() & ~fresh.position_mask());
      }
    } else {
      for (std::uint32_t i = 0; i < size_; ++i) fresh.enter(i, fresh.rest(hashes(at(i).name())));
    }
  }
  fresh.size_ = std::exchange(size_, 0);
  *this = std::move(fresh);
}

}  // namespace holdfast::keyspace
