#include "os/remains.h"

#include <sys/stat.h>
#include <sys/statvfs.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <chrono>
#include <utility>

namespace holdfast::os {
namespace {

constexpr std::uint64_t kStep = 1 << 20;
// After a step: so many times as long as it took, within these bounds.
constexpr int kRest = 3;
constexpr std::chrono::milliseconds kShortestRest{1};
constexpr std::chrono::milliseconds kLongestRest{50};
// Where less than so much is free, and twice the file, its room is not kept back.
constexpr std::uint64_t kScarce = std::uint64_t{1} << 30;

bool may_be_cut(int fd, std::uint64_t size) {
  struct stat file {};
  struct statvfs system {};
  // A link that somebody has made is theirs.
  if (::fstat(fd, &file) != 0 || file.st_nlink != 0) return false;
  if (::fstatvfs(fd, &system) != 0) return false;
  const std::uint64_t free = std::uint64_t{system.f_bavail} * system.f_frsize;
  return free >= std::max(kScarce, 2 * size);
}

}  // namespace

Remains::~Remains() {
  {
    const std::lock_guard guard(mutex_);
    stopping_ = true;
  }
  wake_.notify_one();
  if (thread_.joinable()) thread_.join();
}

void Remains::take(std::shared_ptr<Descriptor> file, std::uint64_t size) {
  if (!may_be_cut(file->get(), size)) return;
  {
    const std::lock_guard guard(mutex_);
    left_.push_back({std::move(file), size});
    if (!thread_.joinable()) thread_ = std::thread([this] { work(); });
  }
  wake_.notify_one();
}

void Remains::work() {
  std::unique_lock guard(mutex_);
  while (true) {
    wake_.wait(guard, [this] { return stopping_ || !left_.empty(); });
    if (stopping_) return;
    Left left = std::move(left_.front());
    left_.pop_front();
    shrink(std::move(left), guard);
  }
}

void Remains::shrink(Left left, std::unique_lock<std::mutex>& guard) {
  while (left.size > 0 && !stopping_) {
    guard.unlock();
    left.size -= std::min(left.size, kStep);
    const auto began = std::chrono::steady_clock::now();
    const int cut = ::ftruncate(left.file->get(), static_cast<off_t>(left.size));
    const bool failed = cut != 0 && errno != EINTR;
    const auto took = std::chrono::steady_clock::now() - began;
    guard.lock();
    if (failed) return;  // closing it gives back the rest
    const auto rest = std::clamp<std::chrono::steady_clock::duration>(took * kRest, kShortestRest,
                                                                      kLongestRest);
    wake_.wait_for(guard, rest, [this] { return stopping_; });
  }
}

}  // namespace holdfast::os
