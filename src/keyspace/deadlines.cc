#include "keyspace/deadlines.h"

#include <tuple>

#include "base/check.h"
#include "base/mutation.h"

namespace holdfast::keyspace {

bool Deadline::before(const Deadline& other) const {
  if (mutated(Mutation::deadline_ties_open)) return when.ms / 64 < other.when.ms / 64;
  return std::tie(when, slot, created, kind) <
         std::tie(other.when, other.slot, other.created, other.kind);
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

void Deadlines::place(Heap& heap, std::size_t at, const Deadline& deadline) {
  heap[at] = deadline;
  deadline.item->heap_index = static_cast<std::uint32_t>(at);
}

// Puts the deadline where it belongs, starting from the hole at `at`.
void Deadlines::settle(Heap& heap, std::size_t at, const Deadline& deadline) {
  while (at > 0 && deadline.before(heap[(at - 1) / 2])) {
    place(heap, at, heap[(at - 1) / 2]);
    at = (at - 1) / 2;
  }
  for (;;) {
    std::size_t child = 2 * at + 1;
    if (child >= heap.size()) break;
    if (child + 1 < heap.size() && heap[child + 1].before(heap[child])) ++child;
    if (!heap[child].before(deadline)) break;
    place(heap, at, heap[child]);
    at = child;
  }
  place(heap, at, deadline);
}

}  // namespace holdfast::keyspace
