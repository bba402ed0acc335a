// A command run as a shell would run it: on our terminal, with our files. What it starts in turn
// belongs to it: signals can be sent to all of it, also to those whose parent has gone.
//
// It is killed by the kernel when the thread that started it ends, however that came about; what it
// has started in turn is not.
//
// Threads: one, and one Command at a time: ended() collects every child of the process.
#pragma once

#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "base/result.h"

namespace holdfast::cli {

class Command {
 public:
  struct NotStarted {
    std::string why;  // for people
    int exit_code;    // what a shell would say: 127 not found, 126 not to be run
  };

  // `words`: the program, looked for in PATH, and its arguments. `variables`: NAME=value, beside
  // those of this process. It begins with the signal mask `mask_of_signals` (a sigset_t).
  static std::optional<NotStarted> start(const std::vector<std::string>& words,
                                         const std::vector<std::string>& variables,
                                         const void* mask_of_signals, Command& command);

  // How it ended, as a shell has it: its exit code, or 128 and the number of the signal. Nothing
  // while it runs. Collects whoever else of it has ended.
  std::optional<int> ended();

  // To the command itself.
  void signal(int number) const;
  // To it and to all that it has started. Returns how many there were.
  int signal_all(int number) const;

 private:
  int pid_ = 0;
  std::optional<int> status_;
};

}  // namespace holdfast::cli
