// A program started from here, as a process that cannot outlive us.
//
// It reads nothing, and what it prints is added to a file. It has a process group of its own, so
// that Ctrl-C on our terminal is not also its; it is killed when this object dies, and by the
// kernel when the thread that started it ends, however that came about.
//
// Threads: one. Signals reach only this child: it is not waited for until it is known to be dead,
// so its number cannot have become somebody else's.
#pragma once

#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "base/result.h"

namespace holdfast::os {

class ChildProcess {
 public:
  // `words`: how it is called, its own name first. `output`: the file, made if it is missing.
  static Result<ChildProcess> start(const std::string& program, std::vector<std::string> words,
                                    const std::string& output);
  ~ChildProcess() { kill(); }
  ChildProcess(ChildProcess&& other) noexcept : pid_(std::exchange(other.pid_, 0)) {}
  ChildProcess& operator=(ChildProcess&& other) noexcept;

  // SIGKILL, and waits until it is gone. Nothing if it has ended already.
  void kill();
  void pause();   // SIGSTOP
  void resume();  // SIGCONT
  // If it has ended by itself: how, for people. Told once; from then on it is gone.
  std::optional<std::string> ended();

  int pid() const { return pid_; }  // 0: gone

 private:
  explicit ChildProcess(int pid) : pid_(pid) {}

  int pid_;
};

}  // namespace holdfast::os
