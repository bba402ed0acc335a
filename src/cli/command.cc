#include "cli/command.h"

#include <errno.h>
#include <fcntl.h>
#include <fmt/format.h>
#include <signal.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/wait.h>
#include <unistd.h>

#include <algorithm>
#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <map>
#include <sstream>

namespace holdfast::cli {
namespace {

std::vector<char*> pointers(std::vector<std::string>& texts) {
  std::vector<char*> out;
  for (std::string& text : texts) out.push_back(text.data());
  out.push_back(nullptr);
  return out;
}

std::vector<std::string> environment_with(const std::vector<std::string>& variables) {
  std::vector<std::string> all = variables;
  for (char** one = environ; *one != nullptr; ++one) {
    const std::string_view line = *one;
    const std::string_view name = line.substr(0, line.find('=') + 1);
    bool replaced = false;
    for (const std::string& ours : variables) replaced = replaced || ours.starts_with(name);
    if (!replaced) all.emplace_back(line);
  }
  return all;
}

// Between fork and exec; what goes wrong is written to the pipe, which exec closes.
[[noreturn]] void become(char* const* words, char* const* environment, const sigset_t& mask,
                         int pipe, int parent) {
  if (::prctl(PR_SET_PDEATHSIG, SIGKILL) == 0 && ::sigprocmask(SIG_SETMASK, &mask, nullptr) == 0) {
    if (::getppid() != parent) ::_exit(1);  // it died before the line above
    ::execvpe(words[0], words, environment);
  }
  const int error = errno;
  [[maybe_unused]] const auto written = ::write(pipe, &error, sizeof error);
  ::_exit(1);
}

// 0: it runs.
int read_error(int pipe) {
  int error = 0;
  ssize_t got = 0;
  do {
    got = ::read(pipe, &error, sizeof error);
  } while (got < 0 && errno == EINTR);
  return error;
}

// Who is whose child, of all processes: what stands behind the name, in brackets, in /proc/N/stat.
std::multimap<int, int> all_children() {
  std::multimap<int, int> children;
  std::error_code ignored;
  for (const auto& entry : std::filesystem::directory_iterator("/proc", ignored)) {
    std::ifstream file(entry.path() / "stat");
    std::string line;
    if (!std::getline(file, line)) continue;
    std::istringstream rest(line.substr(std::min(line.rfind(')'), line.size() - 1) + 1));
    std::string state;
    int parent = 0;
    if (rest >> state >> parent) children.emplace(parent, std::atoi(line.c_str()));
  }
  return children;
}

}  // namespace

std::optional<Command::NotStarted> Command::start(const std::vector<std::string>& words,
                                                  const std::vector<std::string>& variables,
                                                  const void* mask_of_signals, Command& command) {
  std::vector<std::string> own_words = words;
  std::vector<std::string> own_environment = environment_with(variables);
  const std::vector<char*> arguments = pointers(own_words);
  const std::vector<char*> environment = pointers(own_environment);
  const auto failed = [&](int error) {
    return NotStarted{fmt::format("cannot run {}: {}", words.front(), ::strerror(error)),
                      error == ENOENT ? 127 : 126};
  };
  // Whoever loses his parent becomes our child, so that signal_all() finds him.
  if (::prctl(PR_SET_CHILD_SUBREAPER, 1) != 0) return failed(errno);
  int ends[2];
  if (::pipe2(ends, O_CLOEXEC) != 0) return failed(errno);
  const int parent = ::getpid();
  const int pid = ::fork();
  if (pid == 0) {
    become(arguments.data(), environment.data(), *static_cast<const sigset_t*>(mask_of_signals),
           ends[1], parent);
  }
  int error = pid < 0 ? errno : 0;
  ::close(ends[1]);
  if (pid > 0) error = read_error(ends[0]);
  ::close(ends[0]);
  if (error != 0) {
    if (pid > 0) ::waitpid(pid, nullptr, 0);
    return failed(error);
  }
  command.pid_ = pid;
  return std::nullopt;
}

std::optional<int> Command::ended() {
  int status = 0;
  for (int pid = 0; (pid = ::waitpid(-1, &status, WNOHANG)) > 0;) {
    if (pid != pid_) continue;
    status_ = WIFSIGNALED(status) ? 128 + WTERMSIG(status) : WEXITSTATUS(status);
  }
  return status_;
}

void Command::signal(int number) const {
  if (!status_) ::kill(pid_, number);
}

int Command::signal_all(int number) const {
  const auto children = all_children();
  std::vector<int> all;
  const auto add = [&](int parent) {
    const auto [from, to] = children.equal_range(parent);
    for (auto one = from; one != to; ++one) all.push_back(one->second);
  };
  add(::getpid());
  for (std::size_t i = 0; i < all.size(); ++i) add(all[i]);
  for (const int pid : all) ::kill(pid, number);
  return static_cast<int>(all.size());
}

}  // namespace holdfast::cli
