// `holdfast bench`: clients at work on real servers, how fast they are served, and whether what
// they saw can have been.
//
// The clients are those of the simulator (workload/actor.h), the checkers are its checkers.
// Exit codes: 0 nothing to object to, 1 something was wrong, 2 the command line or a file makes no
// sense, 3 the servers could not be reached.
#include <fmt/format.h>

#include <cstdio>
#include <memory>

#include "cli/access.h"
#include "cli/bench_options.h"
#include "cli/bench_run.h"
#include "cli/tools.h"

namespace holdfast::cli {
namespace {

int bench(const BenchFlags& flags) {
  if (!flags.judge.empty()) return judge_file(flags.judge, flags.json);
  const auto options = make_options(flags);
  if (options) return run_bench(*options);
  fmt::print(stderr, "holdfast: {}\n", options.error().message);
  return kUsage;
}

void add_load(Tool tool, BenchFlags& flags) {
  tool.add_option("--servers", flags.servers,
                  "client addresses of one cluster: HOST:PORT,HOST:PORT,… (127.0.0.1:7379)");
  add_access(tool, flags.access);
  tool.add_option("--seconds", flags.seconds, "how long the load lasts")
      .between(0.1, 1e6)
      .shows_default();
  tool.add_option("--clients", flags.clients, "connections at the same time")
      .between(1, 10000)
      .shows_default();
  tool.add_option("--pipeline", flags.pipeline, "commands in one go, at most")
      .between(1, 10000)
      .shows_default();
  tool.add_option(
      "--mix", flags.mix,
      "shares of operations: read=40,write=30,… of read write cas erase add once_add "
      "insert read_all write_ttl lock set_if throttle latch feed cache (with --history all of them, else "
      "read write add)");
  tool.add_option("--keys", flags.keys, "keys of each kind").between(1, 10'000'000).shows_default();
  tool.add_option("--locks", flags.locks, "locks").between(1, 10'000'000).shows_default();
  tool.add_option("--think-ms", flags.think_ms,
                  "mean pause of a client between an answer and the next command (20 with "
                  "--history, else none)")
      .between(0.0, 1e6);
  tool.add_option("--patience-ms", flags.patience_ms,
                  "a client leaves a server that is silent for so long")
      .between(10.0, 1e6)
      .shows_default();
  tool.add_option("--seed", flags.seed, "decides what clients do, and what is done to nodes")
      .shows_default();
}

void add_own_nodes(Tool tool, BenchFlags& flags) {
  tool.add_option("--start", flags.start, "start so many nodes here and load them").between(1, 7);
  tool.add_option("--data", flags.data,
                  "their data and logs: an empty folder, which is left (a temporary one, which is "
                  "left if something was wrong)");
  tool.add_option("--kills", flags.kills, "kill -9 a node so often, and start it again")
      .between(0, 100000);
  tool.add_option("--pauses", flags.pauses, "stop a node so often, and let it go on")
      .between(0, 100000);
  tool.add_option("--pause-ms", flags.pause_ms, "how long it stands still")
      .between(1.0, 1e6)
      .shows_default();
}

}  // namespace

void add_bench(Tool app, int& exit_code) {
  auto flags = std::make_shared<BenchFlags>();
  Tool tool = app.add_tool(
      "bench", "Load a cluster, disturb it, and check that what clients saw can have been");
  Option history = tool.add_option("--history", flags->history,
                                   "write what the clients saw, a JSON line each, and judge it");
  const Option judge =
      tool.add_option("--judge", flags->judge, "only judge a history that was written before");
  history.excludes(judge);
  add_load(tool, *flags);
  add_own_nodes(tool, *flags);
  tool.add_flag("--json", flags->json, "print JSON");
  tool.on_chosen([flags, &exit_code] { exit_code = bench(*flags); });
}

}  // namespace holdfast::cli
