#include "os/child_process.h"

#include <errno.h>
#include <fcntl.h>
#include <fmt/format.h>
#include <signal.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/wait.h>
#include <unistd.h>

namespace holdfast::os {
namespace {

// Between fork and exec; what goes wrong is written to the pipe, which exec closes.
[[noreturn]] void become(const char* program, char* const* words, int output, int pipe,
                         int parent) {
  const int nothing = ::open("/dev/null", O_RDONLY);
  ::setpgid(0, 0);
  if (nothing >= 0 && ::dup2(nothing, STDIN_FILENO) >= 0 && ::dup2(output, STDOUT_FILENO) >= 0 &&
      ::dup2(output, STDERR_FILENO) >= 0 && ::prctl(PR_SET_PDEATHSIG, SIGKILL) == 0) {
    // The parent may have died before the line above.
    if (::getppid() != parent) ::_exit(1);
    ::execv(program, words);
  }
  const int error = errno;
  [[maybe_unused]] const auto written = ::write(pipe, &error, sizeof error);
  ::_exit(1);
}

int wait_for(int pid, int& status, int flags) {
  int got = 0;
  do {
    got = ::waitpid(pid, &status, flags);
  } while (got < 0 && errno == EINTR);
  return got;
}

}  // namespace

Result<ChildProcess> ChildProcess::start(const std::string& program, std::vector<std::string> words,
                                         const std::string& output) {
  const int file = ::open(output.c_str(), O_WRONLY | O_CREAT | O_APPEND | O_CLOEXEC, 0644);
  if (file < 0) return Error{fmt::format("cannot write {}: {}", output, ::strerror(errno))};
  std::vector<char*> arguments;
  for (std::string& word : words) arguments.push_back(word.data());
  arguments.push_back(nullptr);

  const auto failed = [&](int error) {
    return Error{fmt::format("cannot start {}: {}", program, ::strerror(error))};
  };
  int ends[2];
  if (::pipe2(ends, O_CLOEXEC) != 0) {
    const int error = errno;
    ::close(file);
    return failed(error);
  }
  const int parent = ::getpid();
  const int pid = ::fork();
  if (pid == 0) become(program.c_str(), arguments.data(), file, ends[1], parent);
  int error = pid < 0 ? errno : 0;
  ::close(file);
  ::close(ends[1]);
  if (pid > 0) {
    ssize_t got = 0;
    do {
      got = ::read(ends[0], &error, sizeof error);
    } while (got < 0 && errno == EINTR);
  }
  ::close(ends[0]);
  if (error == 0) return ChildProcess(pid);
  int status = 0;
  if (pid > 0) wait_for(pid, status, 0);
  return failed(error);
}

ChildProcess& ChildProcess::operator=(ChildProcess&& other) noexcept {
  if (this == &other) return *this;
  kill();
  pid_ = std::exchange(other.pid_, 0);
  return *this;
}

void ChildProcess::kill() {
  if (pid_ == 0) return;
  int status = 0;
  ::kill(pid_, SIGKILL);
  wait_for(std::exchange(pid_, 0), status, 0);
}

void ChildProcess::pause() {
  if (pid_ != 0) ::kill(pid_, SIGSTOP);
}

void ChildProcess::resume() {
  if (pid_ != 0) ::kill(pid_, SIGCONT);
}

std::optional<std::string> ChildProcess::ended() {
  int status = 0;
  if (pid_ == 0 || wait_for(pid_, status, WNOHANG) != pid_) return std::nullopt;
  pid_ = 0;
  if (!WIFSIGNALED(status)) return fmt::format("exit code {}", WEXITSTATUS(status));
  return fmt::format("signal {} ({})", WTERMSIG(status), ::strsignal(WTERMSIG(status)));
}

}  // namespace holdfast::os
