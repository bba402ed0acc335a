#include "os/output_queue.h"

#include <utility>

namespace holdfast::os {
namespace {

// Copying less than this costs less than another part of the gathered write.
constexpr std::size_t kCopyBelow = 2048;
// A tail buffer that has grown beyond this is not kept for the next turn.
constexpr std::size_t kTailKept = 64 << 10;

iovec vector_of(std::string_view bytes) { return {const_cast<char*>(bytes.data()), bytes.size()}; }

}  // namespace

void OutputQueue::add(std::string_view bytes) {
  tail_.append(bytes);
  size_ += bytes.size();
}

void OutputQueue::add(SharedBytes bytes) {
  if (bytes.size() < kCopyBelow) return add(bytes.view());
  seal_tail();
  size_ += bytes.size();
  sealed_.push_back(std::move(bytes));
}

std::size_t OutputQueue::gather(std::span<iovec> vectors) const {
  std::size_t count = 0;
  for (const SharedBytes& bytes : sealed_) {
    if (count == vectors.size()) return count;
    vectors[count++] = vector_of(bytes.view());
  }
  if (count < vectors.size() && tail_.size() > tail_sent_) {
    vectors[count++] = vector_of(std::string_view(tail_).substr(tail_sent_));
  }
  return count;
}

void OutputQueue::consume(std::size_t count) {
  CHECK(count <= size_);
  size_ -= count;
  while (!sealed_.empty() && count >= sealed_.front().size()) {
    count -= sealed_.front().size();
    sealed_.pop_front();
  }
  if (!sealed_.empty()) {
    SharedBytes& front = sealed_.front();
    front = front.part(count, front.size() - count);
    return;
  }
  tail_sent_ += count;
  if (size_ == 0) clear();
}

void OutputQueue::clear() {
  sealed_.clear();
  if (tail_.capacity() > kTailKept) {
    tail_ = {};
  } else {
    tail_.clear();
  }
  tail_sent_ = 0;
  size_ = 0;
}

void OutputQueue::seal_tail() {
  const std::size_t left = tail_.size() - tail_sent_;
  if (left > 0) {
    sealed_.push_back(SharedBytes(std::exchange(tail_, {})).part(tail_sent_, left));
  }
  tail_.clear();
  tail_sent_ = 0;
}

}  // namespace holdfast::os
