// holdfast: one program for the server and for the tools that people use with it.
//
// Exit codes: 0 done, 1 it did not work and stderr says why, 2 the command line makes no sense.
#include <fmt/format.h>

#include <cstdio>
#include <exception>
#include <functional>
#include <map>
#include <string>
#include <vector>

#include "cli/tools.h"
#include "main/config_layers.h"
#include "main/server_main.h"
#include "main/sim_main.h"
#include "main/version.h"
#include "server/config.h"

namespace holdfast {
namespace {

// What was said about the server on the command line.
struct ServerFlags {
  server::ConfigLayer settings;
  std::string config_file;
  bool print_config = false;
};

cli::Tool add_server(cli::Tool program, ServerFlags& flags) {
  cli::Tool server = program.add_tool("server", "Run a node");
  server.add_option("--config", flags.config_file, "read settings from this TOML file");
  server.add_flag("--print-config", flags.print_config,
                  "print the settings that would be in force, and where each is from");
  for (const server::Setting& setting : server::all_settings()) {
    const std::string flag = fmt::format("--{}", setting.name);
    const std::string help = fmt::format("{} ({})", setting.help, setting.range);
    const auto take = [&flags, &setting, flag](const std::string& value) {
      flags.settings.values.push_back({std::string(setting.name), value, flag});
    };
    if (setting.range == "true or false") {
      server.add_flag(
          flag, [take](std::int64_t count) { take(count > 0 ? "true" : "false"); }, help);
    } else {
      server.add_option(flag, take, help);
    }
  }
  return server;
}

int server(const ServerFlags& flags) {
  std::vector<server::ConfigLayer> layers;
  if (!flags.config_file.empty()) {
    auto layer = file_layer(flags.config_file);
    if (!layer) {
      fmt::print(stderr, "holdfast: {}\n", layer.error().message);
      return cli::kUsage;
    }
    layers.push_back(*std::move(layer));
  }
  layers.push_back(environment_layer());
  layers.push_back(flags.settings);
  auto effective = server::make_config(layers);
  if (!effective) {
    fmt::print(stderr, "holdfast: {}\n", effective.error().message);
    return cli::kUsage;
  }
  if (flags.print_config) {
    fmt::print("{}", server::print_config(*effective));
    return 0;
  }
  return run_server(effective->config);
}

int run(int argc, char** argv) {
  cli::CommandLine line(
      "holdfast",
      "Holdfast: a replicated server for locks, counters and what many machines must agree "
      "on. It speaks the Redis protocol.",
      "holdfast " + std::string(kVersion));
  ServerFlags flags;
  const cli::Tool node = add_server(line.program(), flags);
  SimFlags sim_flags;
  const cli::Tool sim = add_sim(line.program(), sim_flags);
  int exit_code = 0;
  cli::add_tools(line.program(), exit_code);
  if (const auto ended = line.parse(argc, argv)) return *ended;
  if (sim.chosen()) return run_sim(sim_flags);
  return node.chosen() ? server(flags) : exit_code;
}

}  // namespace
}  // namespace holdfast

int main(int argc, char** argv) {
  try {
    return holdfast::run(argc, argv);
  } catch (const std::exception& error) {
    fmt::print(stderr, "holdfast: {}\n", error.what());
    return 1;
  }
}
