#include "consensus/progress.h"

#include <algorithm>
#include <utility>

#include "base/check.h"

namespace holdfast::consensus {

void Window::add(Index last, std::uint64_t bytes) {
  sent_.push_back({last, bytes});
  bytes_ += bytes;
}

void Window::free_to(Index index) {
  while (!sent_.empty() && sent_.front().last <= index) {
    bytes_ -= sent_.front().bytes;
    sent_.pop_front();
  }
}

void Window::clear() {
  sent_.clear();
  bytes_ = 0;
}

bool Window::full() const {
  return !sent_.empty() && (sent_.size() >= max_messages_ || bytes_ >= max_bytes_);
}

bool Progress::may_send() const {
  switch (state_) {
    case State::probe:
      return !waiting_;
    case State::replicate:
      return !window_.full();
    case State::snapshot:
      return false;
  }
  return false;
}

void Progress::on_sent(Index last, std::uint64_t bytes) {
  CHECK(state_ != State::snapshot);
  if (state_ == State::probe) {
    waiting_ = true;
    return;
  }
  if (last < next_) return;  // empty: takes no room
  next_ = last.next();
  window_.add(last, bytes);
}

bool Progress::on_ack(Index index, Index first) {
  recovers_ = false;
  if (index < match_) return false;
  const bool grew = index > match_;
  match_ = index;
  next_ = std::max(next_, index.next());
  if (state_ == State::replicate) {
    window_.free_to(index);
    return grew;
  }
  if (state_ == State::snapshot && index.next() < first) return grew;
  // The logs are known to meet at index: from here on `next` may run ahead.
  state_ = State::replicate;
  waiting_ = false;
  next_ = index.next();
  return true;
}

bool Progress::on_refusal(Index asked, Index guess) {
  if (state_ == State::snapshot) return false;
  // What is acknowledged stays acknowledged; a probe is answered only by an answer to itself.
  if (asked <= match_) return false;
  if (state_ == State::probe && asked != next_.previous()) return false;
  if (state_ == State::replicate && asked >= next_) return false;
  next_ = std::max(match_.next(), std::min(asked, guess.next()));
  state_ = State::probe;
  waiting_ = false;
  window_.clear();
  return true;
}

bool Progress::on_uncounted(Index asked, Index reached) {
  if (state_ == State::snapshot) return false;
  if (state_ == State::probe && asked != next_.previous()) return false;
  if (state_ == State::replicate && asked >= next_) return false;
  become_probe();
  next_ = reached.next();
  return true;
}

void Progress::become_probe() {
  state_ = State::probe;
  waiting_ = false;
  next_ = match_.next();
  window_.clear();
}

void Progress::note_recovering() {
  if (std::exchange(recovers_, true)) return;
  if (state_ == State::replicate) become_probe();
  forget_match();
}

void Progress::forget_match() {
  match_ = Index();
  commit_sent = Index();
}

void Progress::probe_from(Index next) {
  CHECK(state_ == State::probe && next > match_);
  next_ = next;
}

void Progress::become_snapshot() {
  state_ = State::snapshot;
  waiting_ = false;
  window_.clear();
}

}  // namespace holdfast::consensus
