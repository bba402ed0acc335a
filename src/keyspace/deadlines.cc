#include "keyspace/deadlines.h"

#include <tuple>

#include "base/check.h"
#include "base/mutation.h"

namespace holdfast::keyspace {

bool Deadline::before(const Deadline& other) const {
  if (mutated(Mutation::deadline_ties_open)) return when.ms / 64 < other.when.ms / 64;
  if (when != other.when) return when < other.when;
  return std::tie(slot, created, kind) < std::tie(other.slot, other.created, other.kind);
}

void Deadlines::schedule(const Deadline& deadline) {
  Heap& heap = heap_of(deadline.kind);
  std::size_t at = deadline.item->heap_index;
  if (!deadline.item->scheduled()) {
    CHECK(heap.size() < Timed::kNowhere);
    at = heap.size();
    heap.emplace_back();
  } else {
    CHECK(at < heap.size() && heap[at].item == deadline.item);
  }
  settle(heap, at, deadline);
}

void Deadlines::cancel(Timed& item, DeadlineKind kind) {
  if (!item.scheduled()) return;
  Heap& heap = heap_of(kind);
  const std::size_t at = item.heap_index;
  CHECK(at < heap.size() && heap[at].item == &item);
  item.heap_index = Timed::kNowhere;
  const Deadline last = heap.back();
  heap.pop_back();
  if (at < heap.size()) settle(heap, at, last);
}

const Deadline* Deadlines::first() const {
  if (keys_.empty() && others_.empty()) return nullptr;
  if (keys_.empty()) return &others_.front();
  if (others_.empty()) return &keys_.front();
  return keys_.front().before(others_.front()) ? &keys_.front() : &others_.front();
}

// Puts the deadline where it belongs, starting from the hole at `at`.
void Deadlines::settle(Heap& heap, std::size_t at, const Deadline& deadline) {
  Deadline* const places = heap.data();
  const std::size_t size = heap.size();
  const auto place = [places](std::size_t where, const Deadline& what) {
    places[where] = what;
    what.item->heap_index = static_cast<std::uint32_t>(where);
  };
  while (at > 0 && deadline.before(places[(at - 1) / 2])) {
    place(at, places[(at - 1) / 2]);
    at = (at - 1) / 2;
  }
  for (;;) {
    std::size_t child = 2 * at + 1;
    if (child >= size) break;
    if (child + 1 < size && places[child + 1].before(places[child])) ++child;
    if (!places[child].before(deadline)) break;
    place(at, places[child]);
    at = child;
  }
  place(at, deadline);
}

}  // namespace holdfast::keyspace
