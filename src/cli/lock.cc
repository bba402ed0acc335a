// `holdfast lock NAME -- COMMAND …`: runs COMMAND while it holds the lock; `sem`: while it has permits
// of a semaphore; `elect`: while it leads.
//
// The command ends before somebody else can hold the lock, as far as processes can: when the lock
// cannot be renewed it is told to end (SIGTERM) while there is still time left of the TTL, and
// killed when there is none. When a server says that it is lost, at once, and killed after the same
// time.
#include <errno.h>
#include <fmt/format.h>
#include <poll.h>
#include <signal.h>
#include <string.h>
#include <sys/eventfd.h>
#include <sys/signalfd.h>
#include <unistd.h>

#include <algorithm>
#include <chrono>
#include <cstdio>
#include <memory>
#include <mutex>
#include <optional>
#include <string>
#include <vector>

#include "cli/access.h"
#include "cli/command.h"
#include "cli/held.h"
#include "cli/json_text.h"
#include "cli/time_text.h"
#include "cli/tools.h"
#include "holdfast/client.h"
#include "holdfast/election.h"
#include "holdfast/mutex.h"
#include "holdfast/semaphore.h"
#include "holdfast/shared_mutex.h"

namespace holdfast::cli {
namespace {

using Milliseconds = std::chrono::milliseconds;

constexpr int kNotAcquired = 75;  // EX_TEMPFAIL: another time it may be
constexpr int kLost = 76;
constexpr Milliseconds kLookForRest{50};  // for who is left of a command that is being killed

struct HoldOptions {
  Held kind = Held::lock;
  std::vector<std::string> servers = {"127.0.0.1:7379"};
  Access access;
  std::string name;
  std::string ttl = "10s";
  std::string wait = "0s";
  std::string grace;  // empty: a quarter of the TTL
  std::string value;
  bool shared = false;          // a lock
  std::uint64_t limit = 0;      // of a semaphore
  std::uint64_t permits = 1;    // of a semaphore
  bool json = false;
  std::vector<std::string> command;
};

struct Times {
  Milliseconds ttl, wait, grace;
};

Result<Times> read_times(const HoldOptions& options) {
  auto ttl = parse_time(options.ttl);
  if (!ttl) return Error{"--ttl: " + ttl.error().message};
  auto wait = parse_time(options.wait);
  if (!wait) return Error{"--wait: " + wait.error().message};
  Times times{*ttl, *wait, *ttl / 4};
  if (options.grace.empty()) return times;
  auto grace = parse_time(options.grace);
  if (!grace) return Error{"--grace: " + grace.error().message};
  // More would be reached by a renewal that is merely late.
  if (*grace > *ttl / 2) return Error{"--grace: at most half of --ttl"};
  times.grace = *grace;
  return times;
}

// ---- events that a main loop can wait for

class Descriptor {
 public:
  explicit Descriptor(int number) : number_(number) {}
  ~Descriptor() {
    if (number_ >= 0) ::close(number_);
  }
  Descriptor(const Descriptor&) = delete;
  Descriptor& operator=(const Descriptor&) = delete;
  int number() const { return number_; }

 private:
  int number_;
};

// That the lock is lost, told from the lock's thread.
class Loss {
 public:
  Loss() : happened_(::eventfd(0, EFD_CLOEXEC)) {}

  void tell(std::string_view reason) {
    {
      const std::lock_guard guard(mutex_);
      reason_ = reason;
    }
    const std::uint64_t one = 1;
    [[maybe_unused]] const auto written = ::write(happened_.number(), &one, sizeof one);
  }
  int descriptor() const { return happened_.number(); }
  std::string reason() const {
    const std::lock_guard guard(mutex_);
    return reason_;
  }

 private:
  Descriptor happened_;
  mutable std::mutex mutex_;
  std::string reason_;
};

sigset_t signals_of_interest() {
  sigset_t set;
  ::sigemptyset(&set);
  for (const int number : {SIGINT, SIGTERM, SIGHUP, SIGQUIT, SIGUSR1, SIGUSR2, SIGCHLD}) {
    ::sigaddset(&set, number);
  }
  return set;
}

// ---- what is printed: for people only what went wrong, as JSON every event

void print_event(const HoldOptions& options, std::string_view event, const std::string& more = {}) {
  if (!options.json) return;
  fmt::print(stderr,
             R"({{"event":"{}","name":{}{}}})"
             "\n",
             event, json_text(options.name), more);
}

void print_trouble(const HoldOptions& options, std::string_view event, const std::string& why) {
  if (!options.json) return (void)complain(why, 0);
  print_event(options, event, fmt::format(R"(,"why":{})", json_text(why)));
}

// ---- what is held

struct Taken {
  Holding holding;
  std::uint64_t fence = 0;  // 0: it has none
};

LockOptions lock_options(const HoldOptions& options, const Times& times, Loss& loss) {
  return {.ttl = times.ttl,
          .wait = times.wait,
          .lost = [&loss](std::string_view reason) { loss.tell(reason); },
          .value = options.value};
}

template <class Lock>
Outcome<Taken> taken(Outcome<Lock> lock) {
  if (!lock) return lock.failure();
  const std::uint64_t fence = lock->fence();
  return Taken{*std::move(lock), fence};
}

Outcome<Taken> take(const Client& client, const HoldOptions& options, const Times& times, Loss& loss) {
  const auto lost = [&loss](std::string_view reason) { loss.tell(reason); };
  if (options.kind == Held::semaphore) {
    auto permits = Semaphore::acquire(client, options.name, options.limit,
                                      {.permits = options.permits,
                                       .ttl = times.ttl,
                                       .wait = times.wait,
                                       .lost = lost});
    if (!permits) return permits.failure();
    return Taken{*std::move(permits)};
  }
  if (options.kind == Held::election) {
    auto office = Election::campaign(client, options.name,
                                     {.ttl = times.ttl, .wait = times.wait, .lost = lost});
    if (!office) return office.failure();
    return Taken{*std::move(office)};
  }
  const LockOptions how = lock_options(options, times, loss);
  if (options.shared) return taken(SharedMutex::acquire(client, options.name, how));
  return taken(Mutex::acquire(client, options.name, how));
}

// ---- a command under it

class Guarded {
 public:
  Guarded(const HoldOptions& options, const Times& times, Taken& lock, Loss& loss)
      : options_(options), times_(times), lock_(lock.holding), fence_(lock.fence), loss_(loss) {}

  // The exit code.
  int run() {
    const sigset_t wanted = signals_of_interest();
    sigset_t before;
    ::pthread_sigmask(SIG_BLOCK, &wanted, &before);
    const Descriptor signals(::signalfd(-1, &wanted, SFD_CLOEXEC | SFD_NONBLOCK));
    std::vector<std::string> variables = {fmt::format("HOLDFAST_TOKEN={}", lock_.token())};
    if (fence_ != 0) variables.push_back(fmt::format("HOLDFAST_FENCE={}", fence_));
    if (auto failed = Command::start(options_.command, variables, &before, command_)) {
      give_back();
      return complain(failed->why, failed->exit_code);
    }
    std::optional<int> status;
    while (!(status = command_.ended())) {
      wait_for_something(signals.number());
      forward(signals.number());
      look_at_lock();
    }
    if (!terminating_at_ && lock_.held()) {
      give_back();
      return *status;
    }
    if (!terminating_at_) print_trouble(options_, "lost", why_lost());
    end_the_rest();
    (void)lock_.release();
    return kLost;
  }

 private:
  using Clock = std::chrono::steady_clock;

  void wait_for_something(int signals) {
    Milliseconds patience = std::max(lock_.remaining() - times_.grace, Milliseconds(0));
    if (terminating_at_) patience = kLookForRest;
    // Not for longer than a clock that stops while the machine sleeps may be believed.
    patience = std::min(patience + Milliseconds(1), Milliseconds(1000));
    pollfd events[2] = {{signals, POLLIN, 0}, {loss_.descriptor(), POLLIN, 0}};
    // A loss that is known need not be told again.
    ::poll(events, terminating_at_ ? 1 : 2, static_cast<int>(patience.count()));
  }

  // What a terminal sends (SI_KERNEL), it has sent to the command as well.
  void forward(int signals) {
    signalfd_siginfo info;
    while (::read(signals, &info, sizeof info) == static_cast<ssize_t>(sizeof info)) {
      const int number = static_cast<int>(info.ssi_signo);
      if (number != SIGCHLD && info.ssi_code != SI_KERNEL) command_.signal(number);
    }
  }

  void look_at_lock() {
    if (!terminating_at_) {
      if (lock_.remaining() > times_.grace) return;
      print_trouble(options_, "lost", why_lost() + "; the command is told to end");
      terminating_at_ = Clock::now();
      command_.signal_all(SIGTERM);
    } else if (Clock::now() - *terminating_at_ >= times_.grace) {
      command_.signal_all(SIGKILL);
    }
  }

  std::string why_lost() const {
    const std::string reason = loss_.reason();
    if (!reason.empty()) return reason;
    if (lock_.remaining().count() == 0) {
      return fmt::format("the {} '{}' was lost: it was not confirmed in time",
                         name_of(options_.kind), options_.name);
    }
    return fmt::format("the {} '{}' could not be renewed and would be lost in {}",
                       name_of(options_.kind), options_.name, time_text(lock_.remaining()));
  }

  // Who was started by the command and has outlived it.
  void end_the_rest() {
    if (!terminating_at_) {
      terminating_at_ = Clock::now();
      command_.signal_all(SIGTERM);
    }
    while (true) {
      (void)command_.ended();
      const bool late = Clock::now() - *terminating_at_ >= times_.grace;
      if (command_.signal_all(late ? SIGKILL : 0) == 0) return;
      ::poll(nullptr, 0, static_cast<int>(kLookForRest.count()));
    }
  }

  void give_back() {
    const auto released = lock_.release();
    if (released) return print_event(options_, "released");
    print_trouble(options_, "not_released",
                  released.failure().message + ". If it is still held, it ends by itself within " +
                      time_text(times_.ttl));
  }

  const HoldOptions& options_;
  const Times& times_;
  Holding& lock_;
  const std::uint64_t fence_;
  Loss& loss_;
  Command command_;
  std::optional<Clock::time_point> terminating_at_;
};

int hold_and_run(const HoldOptions& options) {
  const auto times = read_times(options);
  if (!times) return complain(times.error().message, kUsage);
  auto client = open_client(options.servers, options.access);
  if (!client) return complain(client.error().message, kUsage);
  Loss loss;
  auto lock = take(*client, options, *times, loss);
  if (!lock) {
    print_trouble(options, "not_acquired", lock.failure().message);
    return lock.failure().kind == "OPTIONS" ? kUsage : kNotAcquired;
  }
  const std::string fence = lock->fence == 0 ? "" : fmt::format(R"(,"fence":{})", lock->fence);
  print_event(options, "acquired",
              fmt::format(R"(,"token":{}{},"ttl_ms":{})", lock->holding.token(), fence,
                          times->ttl.count()));
  return Guarded(options, *times, *lock, loss).run();
}

// What the three have in common, but for their help.
Tool add_tool(Tool app, const std::shared_ptr<HoldOptions>& options, const std::string& name,
              const std::string& help) {
  Tool tool = app.add_tool(name, help);
  tool.add_option("--server", options->servers,
                  "client addresses of some nodes, with commas between")
      .with_commas()  // or it would take the name for another
      .shows_default();
  add_access(tool, options->access);
  tool.add_option("name", options->name, fmt::format("of the {}", name_of(options->kind)))
      .required();
  tool.add_option("--ttl", options->ttl, "how long it outlives a holder that has died")
      .shows_default();
  tool.add_option("--wait", options->wait, "how long to stand in its queue").shows_default();
  tool.add_option("--grace", options->grace, "between SIGTERM and SIGKILL (a quarter of --ttl)");
  tool.add_flag("--json", options->json, "print JSON lines on stderr");
  tool.add_option("command", options->command, "behind --: what to run, with its arguments")
      .required();
  return tool;
}

}  // namespace

void add_lock(Tool app, int& exit_code) {
  auto options = std::make_shared<HoldOptions>();
  Tool tool = add_tool(app, options, "lock", "Run a command while holding a lock");
  tool.footer(
      "holdfast lock backups/nightly --wait 5m -- /usr/local/bin/backup --all\n\n"
      "The command finds HOLDFAST_TOKEN and HOLDFAST_FENCE in its environment. When the lock is "
      "lost,\n"
      "it and all that it has started get SIGTERM, and SIGKILL after --grace. Exit codes: the\n"
      "command's own; 75 the lock was not to be had; 76 it was lost; 126, 127 the command cannot "
      "be\n"
      "run; 2 the command line makes no sense. --json prints what happens on stderr, a line each.");
  tool.add_flag("--shared", options->shared, "together with others who share it");
  tool.add_option("--value", options->value, "shown to who inspects the lock, up to 1 KiB");
  tool.on_chosen([options, &exit_code] { exit_code = hold_and_run(*options); });
}

void add_sem(Tool app, int& exit_code) {
  auto options = std::make_shared<HoldOptions>();
  options->kind = Held::semaphore;
  Tool tool = add_tool(app, options, "sem", "Run a command while holding permits");
  tool.footer(
      "holdfast sem uploads --limit 10 --wait 5m -- ./upload big.tar\n\n"
      "The command finds HOLDFAST_TOKEN in its environment. The limit is that of whoever came\n"
      "first; SEM.LIMIT changes it. Otherwise as holdfast lock, exit codes included.");
  tool.add_option("--limit", options->limit, "how many permits there are").required();
  tool.add_option("--permits", options->permits, "how many to hold").shows_default();
  tool.on_chosen([options, &exit_code] { exit_code = hold_and_run(*options); });
}

void add_elect(Tool app, int& exit_code) {
  auto options = std::make_shared<HoldOptions>();
  options->kind = Held::election;
  Tool tool = add_tool(app, options, "elect", "Run a command while leading");
  tool.footer(
      "holdfast elect scheduler --wait 1000d -- ./scheduler\n\n"
      "Of all who campaign for the name one leads. The command finds HOLDFAST_TOKEN in its\n"
      "environment. Otherwise as holdfast lock, exit codes included.");
  tool.on_chosen([options, &exit_code] { exit_code = hold_and_run(*options); });
}

}  // namespace holdfast::cli
