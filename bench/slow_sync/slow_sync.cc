// A slower disk, for programs that are started with this in LD_PRELOAD: each sync returns so much later
// than it would, $HOLDFAST_SYNC_DELAY_US microseconds (0 to 10,000,000). What is synced is synced.
//
// By the names that the C library exports, so programs that call the kernel past it are as quick as ever.
#include <dlfcn.h>

#include <cerrno>
#include <chrono>
#include <cstdlib>
#include <thread>

namespace {

using Sync = int (*)(int);

std::chrono::microseconds read_delay() {
  const char* text = std::getenv("HOLDFAST_SYNC_DELAY_US");
  const long us = text == nullptr ? 0 : std::strtol(text, nullptr, 10);
  return std::chrono::microseconds(us < 0 || us > 10'000'000 ? 0 : us);
}

int sync_slowly(const char* name, int file) {
  static const std::chrono::microseconds delay = read_delay();
  const int result = reinterpret_cast<Sync>(dlsym(RTLD_NEXT, name))(file);
  const int error = errno;
  std::this_thread::sleep_for(delay);
  errno = error;
  return result;
}

}  // namespace

extern "C" int fdatasync(int file) { return sync_slowly("fdatasync", file); }
extern "C" int fsync(int file) { return sync_slowly("fsync", file); }
