// Large files that have lost their name, whose bytes are given back to the file system little by little.
//
// To give back a file in one go is one transaction of the file system's journal, and whoever syncs
// anything on the same disk meanwhile waits for its end (docs/performance.md, "A snapshot under load").
//
// Threads: take() from any; one of its own does the work. What is left when it dies is given back at once.
#pragma once

#include <condition_variable>
#include <cstdint>
#include <deque>
#include <memory>
#include <mutex>
#include <thread>

#include "os/descriptor.h"

namespace holdfast::os {

class Remains {
 public:
  // Smaller files are not worth it.
  static constexpr std::uint64_t kLeast = 4 << 20;

  Remains() = default;
  ~Remains();

  // The last descriptor of a file of `size` bytes. If it still has a name somewhere, or if its room is
  // soon needed, it is only closed.
  void take(std::shared_ptr<Descriptor> file, std::uint64_t size);

 private:
  struct Left {
    std::shared_ptr<Descriptor> file;
    std::uint64_t size = 0;
  };

  void work();
  void shrink(Left left, std::unique_lock<std::mutex>& guard);

  std::mutex mutex_;
  std::condition_variable wake_;
  std::deque<Left> left_;   // guarded by mutex_
  bool stopping_ = false;   // likewise
  std::thread thread_;      // likewise; begun with the first file
};

}  // namespace holdfast::os
