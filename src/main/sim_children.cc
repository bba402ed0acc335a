#include "main/sim_children.h"

#include <fmt/format.h>
#include <poll.h>
#include <sys/resource.h>
#include <sys/wait.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <csignal>
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <sstream>
#include <utility>

#include "base/check.h"

namespace holdfast {
namespace {

// Of processor time: a run takes a second or a few, a hundred under a sanitizer on a slow machine.
constexpr rlim_t kSecondsOfOneRun = 900;

// What comes before it in the pipe was said on stderr.
constexpr std::string_view kReport = "\x01report\n";

std::string one_line(std::string text) {
  std::replace(text.begin(), text.end(), '\n', '\x02');
  return text;
}

std::string many_lines(std::string text) {
  std::replace(text.begin(), text.end(), '\x02', '\n');
  return text;
}

std::string encode(const sim::Report& report) {
  std::string text = fmt::format("{} {} {} {} {} {} {} {}", report.hash, report.simulated.ns,
                                 report.acknowledged, report.failed, report.unknown,
                                 report.elections, report.deaths, report.snapshots_installed);
  for (const std::uint64_t count : report.faults) text += fmt::format(" {}", count);
  text += '\n';
  for (const auto& problem : report.problems) text += "p" + one_line(problem) + '\n';
  return text + "t" + one_line(report.timeline) + '\n';
}

sim::Report decode(std::string_view text) {
  std::istringstream in{std::string(text)};
  sim::Report report;
  in >> report.hash >> report.simulated.ns >> report.acknowledged >> report.failed >>
      report.unknown >> report.elections >> report.deaths >> report.snapshots_installed;
  for (std::uint64_t& count : report.faults) in >> count;
  std::string line;
  std::getline(in, line);
  while (std::getline(in, line)) {
    if (line.starts_with('p')) report.problems.push_back(many_lines(line.substr(1)));
    if (line.starts_with('t')) report.timeline = many_lines(line.substr(1));
  }
  return report;
}

// A child that ended without a report: what it said last is what is known.
sim::Report crashed(int status, std::string_view said) {
  const auto check = said.find("CHECK failed");
  const auto from = check == std::string_view::npos ? 0 : said.rfind('\n', check) + 1;
  const std::string how = WIFSIGNALED(status) ? fmt::format("signal {} ({})", WTERMSIG(status),
                                                            ::strsignal(WTERMSIG(status)))
                                              : fmt::format("exit code {}", WEXITSTATUS(status));
  sim::Report report;
  report.problems.push_back(
      fmt::format("crash: the process ended by {}: {}", how, said.substr(from, 2000)));
  return report;
}

void write_all(int file, std::string_view bytes) {
  while (!bytes.empty()) {
    const auto written = ::write(file, bytes.data(), bytes.size());
    if (written < 0) std::_Exit(1);
    bytes.remove_prefix(static_cast<std::size_t>(written));
  }
}

[[noreturn]] void be_the_child(int pipe, const SimChildren::Work& work, bool quiet) {
  const rlimit limit{kSecondsOfOneRun, kSecondsOfOneRun};
  ::setrlimit(RLIMIT_CPU, &limit);
  const rlimit no_core{0, 0};
  ::setrlimit(RLIMIT_CORE, &no_core);
  if (quiet) ::dup2(pipe, STDERR_FILENO);
  const sim::Report report = work();
  std::fflush(nullptr);
  write_all(pipe, fmt::format("{}{}", kReport, encode(report)));
  // The parent's buffers and destructors are the parent's.
  std::_Exit(0);
}

}  // namespace

SimChildren::~SimChildren() { CHECK(children_.empty()); }

void SimChildren::start(const Work& work, Done done) {
  while (children_.size() >= jobs_) wait_for_one();
  int ends[2];
  CHECK(::pipe(ends) == 0, "pipe: {}", std::strerror(errno));
  std::fflush(nullptr);
  const int pid = ::fork();
  CHECK(pid >= 0, "fork: {}", std::strerror(errno));
  if (pid == 0) {
    ::close(ends[0]);
    be_the_child(ends[1], work, quiet_);
  }
  ::close(ends[1]);
  children_.push_back({pid, ends[0], {}, std::move(done)});
}

void SimChildren::finish() {
  while (!children_.empty()) wait_for_one();
}

void SimChildren::wait_for_one() {
  const std::size_t before = children_.size();
  while (children_.size() == before) {
    std::vector<pollfd> files;
    for (const Child& child : children_) files.push_back({child.pipe, POLLIN, 0});
    if (::poll(files.data(), files.size(), -1) < 0) continue;
    for (std::size_t i = files.size(); i-- > 0;) {
      if (files[i].revents == 0) continue;
      char bytes[65536];
      const auto count = ::read(children_[i].pipe, bytes, sizeof bytes);
      if (count > 0) {
        children_[i].said.append(bytes, static_cast<std::size_t>(count));
      } else if (count == 0) {
        reap(i);
      }
    }
  }
}

void SimChildren::reap(std::size_t at) {
  Child child = std::move(children_[at]);
  children_.erase(children_.begin() + static_cast<std::ptrdiff_t>(at));
  ::close(child.pipe);
  int status = 0;
  while (::waitpid(child.pid, &status, 0) < 0 && errno == EINTR) {
  }
  const auto report = child.said.rfind(kReport);
  if (report == std::string::npos || status != 0) return child.done(crashed(status, child.said));
  child.done(decode(std::string_view(child.said).substr(report + kReport.size())));
}

sim::Report run_apart(const SimChildren::Work& work) {
  sim::Report result;
  SimChildren children(1, true);
  children.start(work, [&result](sim::Report report) { result = std::move(report); });
  children.finish();
  return result;
}

}  // namespace holdfast
