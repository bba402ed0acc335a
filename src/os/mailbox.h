// Letters from one thread to another, in their order. Between two loops nothing else crosses.
//
// The reader says that it waits when it has found the box empty; only the writer of the next letter
// then has to wake it, so a busy reader is never woken.
//
// Threads: put() on the writer's, take() and wait() on the reader's.
#pragma once

#include <mutex>
#include <utility>
#include <vector>

namespace holdfast::os {

template <class Letter>
class Mailbox {
 public:
  // True: the reader waits, and is to be woken.
  bool put(Letter letter) {
    const std::lock_guard guard(mutex_);
    letters_.push_back(std::move(letter));
    return std::exchange(reader_waits_, false);
  }

  // All there is, in place of what `letters` held. Both sides so keep their memory.
  void take(std::vector<Letter>& letters) {
    letters.clear();
    const std::lock_guard guard(mutex_);
    letters.swap(letters_);
    reader_waits_ = false;
  }

  // False: there is something to take. True: the next put() tells its caller to wake the reader.
  bool wait() {
    const std::lock_guard guard(mutex_);
    reader_waits_ = letters_.empty();
    return reader_waits_;
  }

 private:
  std::mutex mutex_;
  std::vector<Letter> letters_;  // guarded by mutex_
  bool reader_waits_ = true;     // likewise: before its first look the reader has to be called
};

}  // namespace holdfast::os
