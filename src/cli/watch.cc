// `holdfast watch PREFIX`: what changes in the keys of a prefix; `--lock`, `--semaphore`,
// `--election` NAME: who holds it, and how that ends.
#include "cli/watch.h"

#include <fmt/format.h>
#include <signal.h>

#include <cstdio>
#include <limits>
#include <memory>
#include <string_view>

#include "cli/json_text.h"
#include "cli/tools.h"

namespace holdfast::cli {
namespace {

struct Flags {
  WatchOptions options;
  std::string lock, semaphore, election;
};

volatile sig_atomic_t interrupted = 0;

void end_in_order() {
  struct sigaction action {};
  action.sa_handler = [](int) { interrupted = 1; };
  action.sa_flags = static_cast<int>(SA_RESTART | SA_RESETHAND);
  ::sigaction(SIGINT, &action, nullptr);
  ::sigaction(SIGTERM, &action, nullptr);
}

// Which of the three is meant; an error if that is not clear.
Result<WatchOptions> read_flags(const Flags& flags, bool prefix_given) {
  WatchOptions options = flags.options;
  const bool named = !flags.lock.empty() || !flags.semaphore.empty() || !flags.election.empty();
  const int given = int{prefix_given} + int{!flags.lock.empty()} + int{!flags.semaphore.empty()} +
                    int{!flags.election.empty()};
  if (given != 1) return Error{"name a prefix, or one of --lock, --semaphore and --election"};
  if (!named) return options;
  if (options.from != "now" || !options.position_file.empty()) {
    return Error{"--from and --position are for keys: who holds something has no past to read"};
  }
  options.kind = !flags.lock.empty()        ? Held::lock
                 : !flags.semaphore.empty() ? Held::semaphore
                                            : Held::election;
  options.name = flags.lock + flags.semaphore + flags.election;
  return options;
}

int watch(const Flags& flags, bool prefix_given) {
  const auto options = read_flags(flags, prefix_given);
  if (!options) return complain(options.error().message, kUsage);
  auto client = open_client(options->servers, options->access);
  if (!client) return complain(client.error().message, kUsage);
  end_in_order();
  return options->name.empty() ? watch_keys(*options, *client) : watch_holders(*options, *client);
}

}  // namespace

bool watch_interrupted() { return interrupted != 0; }

bool is_passing(const Failure& failure) {
  for (const std::string_view kind :
       {"NOSERVER", "BROKEN", "NOLEADER", "LOADING", "BUSY", "UNKNOWN"}) {
    if (failure.kind == kind) return true;
  }
  return false;
}

void watch_says(const WatchOptions& options, const std::string& event, const std::string& text) {
  if (options.json) {
    fmt::print(stderr,
               R"({{"event":"{}","why":{}}})"
               "\n",
               event, json_text(text));
  } else {
    fmt::print(stderr, "holdfast: {}\n", text);
  }
}

bool watch_line(const std::string& line) {
  return std::fputs(line.c_str(), stdout) >= 0 && std::fputc('\n', stdout) != EOF &&
         std::fflush(stdout) == 0;
}

void add_watch(Tool app, int& exit_code) {
  auto flags = std::make_shared<Flags>();
  WatchOptions& options = flags->options;
  Tool tool = app.add_tool("watch", "Print what changes, as it does");
  tool.footer(
      "holdfast watch config/ --position /var/lib/app/config.position --json\n"
      "holdfast watch --election scheduler\n\n"
      "Keys are read from a feed, which somebody has declared (FEED.DECLARE): every change, in\n"
      "order, through reconnects and changes of leader, and with --position from where the last\n"
      "watch ended. Exit codes: 0 it ended as told (--count, --no-wait, SIGINT, SIGTERM); 1 "
      "refused;\n"
      "2 the command line makes no sense; 75 no node answered; 76 what came next has been "
      "forgotten\n"
      "by the feed.");
  tool.add_option("--server", options.servers,
                  "client addresses of some nodes, with commas between")
      .with_commas()
      .shows_default();
  add_access(tool, options.access);
  const Option prefix = tool.add_option("prefix", options.prefix, "of the keys; \"\": of all keys");
  tool.add_option("--from", options.from, "now, oldest, or a position that was told before")
      .shows_default();
  tool.add_option("--position", options.position_file,
                  "a file in which to keep how far it has come, and from which to go on");
  tool.add_flag("--no-wait", options.no_wait, "end when there is nothing more to tell");
  tool.add_option("--lock", flags->lock, "watch who holds this lock");
  tool.add_option("--semaphore", flags->semaphore, "watch who holds permits of this semaphore");
  tool.add_option("--election", flags->election, "watch who leads");
  tool.add_option("--count", options.count, "end after so many lines (0: never)")
      .between(std::int64_t{0}, std::numeric_limits<std::int64_t>::max());
  tool.add_flag("--json", options.json, "print JSON, a line for each change");
  tool.on_chosen([flags, prefix, &exit_code] { exit_code = watch(*flags, prefix.given()); });
}

}  // namespace holdfast::cli
