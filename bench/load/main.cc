// holdfast_load: loads that redis-benchmark does not have. bench/run starts it; it prints JSON.
#include <fmt/format.h>

#include <CLI/CLI.hpp>
#include <exception>
#include <stdexcept>
#include <string>
#include <vector>

#include "load/closed_load.h"
#include "load/etcd_load.h"
#include "load/open_load.h"
#include "load/socket.h"

namespace holdfast::load {
namespace {

Duration from_seconds(double count) { return {static_cast<std::int64_t>(count * 1e9)}; }

std::vector<env::Address> addresses(const std::vector<std::string>& texts) {
  std::vector<env::Address> all;
  for (const auto& text : texts) {
    const auto address = env::Address::parse(text);
    if (!address) throw std::runtime_error(address.error().message);
    all.push_back(*address);
  }
  return all;
}

struct Flags {
  std::vector<std::string> servers;
  double seconds = 10;
  double warm_up = 0;
  double patience = 1;
  TalkOptions talk;
  OpenPlan open;
  EtcdPlan etcd;
};

void common_flags(CLI::App& app, Flags& flags) {
  app.add_option("--servers", flags.servers)->required()->delimiter(',');
  app.add_option("--seconds", flags.seconds);
  app.add_option("--warm-up", flags.warm_up, "seconds before, not counted");
  app.add_option("--connections", flags.talk.connections);
  app.add_option("--keys", flags.talk.keys, "or names of locks");
  app.add_option("--value-sizes", flags.talk.value_sizes, "bytes; several in turn");
}

OpenPlan open_plan(const Flags& flags, const std::vector<env::Address>& servers, Duration length,
                   Duration warm_up) {
  OpenPlan plan = flags.open;
  plan.servers = servers;
  plan.connections = flags.talk.connections;
  plan.keys = flags.talk.keys;
  plan.value_sizes = flags.talk.value_sizes;
  plan.length = length;
  plan.warm_up = warm_up;
  plan.patience = from_seconds(flags.patience);
  return plan;
}

int run(int argc, char** argv) {
  CLI::App app("Loads that redis-benchmark does not have.");
  app.require_subcommand(1);
  Flags flags;
  auto* closed = app.add_subcommand("closed", "each connection waits for its answers");
  common_flags(*closed, flags);
  closed->add_option("kind", flags.talk.kind, "as load/talk.h says")->required();
  closed->add_option("--pipeline", flags.talk.pipeline);
  closed->add_option("--total", flags.talk.total, "keys, for fill");
  closed->add_option("--wait", flags.talk.wait, "replicas, for wait");
  auto* open = app.add_subcommand("open", "commands leave on a schedule");
  common_flags(*open, flags);
  open->add_option("--rate", flags.open.rate, "commands a second")->required();
  open->add_option("--patience", flags.patience, "seconds with a silent server");
  open->add_flag("--reads", flags.open.reads);
  open->add_flag("--marks", flags.open.marks, "until stdin says stop");
  auto* etcd = app.add_subcommand("etcd", "puts over gRPC, each call waits for its answer");
  common_flags(*etcd, flags);
  etcd->add_option("--calls", flags.etcd.calls, "at once on each connection");
  CLI11_PARSE(app, argc, argv);

  const auto servers = addresses(flags.servers);
  const Duration length = from_seconds(flags.seconds);
  const Duration warm_up = from_seconds(flags.warm_up);
  if (closed->parsed()) {
    flags.talk.run = fmt::format("{:x}", now().ns);
    fmt::print(
        "{}\n",
        run_closed({.servers = servers, .talk = flags.talk, .length = length, .warm_up = warm_up}));
  } else if (open->parsed()) {
    fmt::print("{}\n", run_open(open_plan(flags, servers, length, warm_up)));
  } else {
    fmt::print("{}\n", run_etcd({.servers = servers,
                                 .connections = flags.talk.connections,
                                 .calls = flags.etcd.calls,
                                 .keys = flags.talk.keys,
                                 .value_size =
                                     static_cast<std::uint32_t>(std::stoul(flags.talk.value_sizes)),
                                 .length = length,
                                 .warm_up = warm_up}));
  }
  return 0;
}

}  // namespace
}  // namespace holdfast::load

int main(int argc, char** argv) {
  try {
    return holdfast::load::run(argc, argv);
  } catch (const std::exception& error) {
    fmt::print(stderr, "holdfast_load: {}\n", error.what());
    return 1;
  }
}
