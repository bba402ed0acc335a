#include "main/sim_main.h"

#include <fmt/format.h>

#include <algorithm>
#include <charconv>
#include <chrono>
#include <cstdio>
#include <filesystem>
#include <fstream>
#include <iterator>
#include <map>
#include <optional>
#include <utility>

#include "base/mutation.h"
#include "base/result.h"
#include "cli/command_line.h"
#include "main/sim_children.h"
#include "os/stderr_trace.h"
#include "sim/run.h"
#include "sim/scenario.h"
#include "sim/shrink.h"
#include "sim/soak.h"
#include "workload/history_json.h"

namespace holdfast {
namespace {

constexpr int kViolation = 1;

int misused(const std::string& message) {
  fmt::print(stderr, "holdfast: {}\n", message);
  return cli::kUsage;
}

// ---- What is to be run --------------------------------------------------------------------------

struct Seeds {
  std::uint64_t first = 1;
  std::uint64_t last = 1;
};

std::optional<std::uint64_t> number(std::string_view text) {
  std::uint64_t value = 0;
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), value);
  if (error != std::errc() || end != text.data() + text.size()) return std::nullopt;
  return value;
}

Result<Seeds> parse_seeds(const SimFlags& flags) {
  const std::string_view text = flags.seeds;
  constexpr std::uint64_t kNoEnd = ~std::uint64_t{0};
  if (text.empty()) return Seeds{1, flags.minutes > 0 ? kNoEnd : 1};
  const auto dots = text.find("..");
  const auto first = number(text.substr(0, dots));
  auto last = dots == std::string_view::npos ? first : number(text.substr(dots + 2));
  if (dots != std::string_view::npos && dots + 2 == text.size() && flags.minutes > 0) last = kNoEnd;
  if (!first || !last || *first > *last) {
    return Error{fmt::format(
        "{} is neither a seed nor a range of seeds like 1..100 (or 1.. with --minutes)", text)};
  }
  return Seeds{*first, *last};
}

// A scenario and where it is from; none: each seed has its own (swarm).
struct Source {
  std::string path;
  std::optional<sim::Scenario> scenario;

  // A script is played to its end, however little time is given.
  sim::Scenario of(std::uint64_t seed, std::int64_t at_most_s) const {
    sim::Scenario chosen = scenario ? *scenario : sim::swarm_scenario(seed);
    if (at_most_s > 0) chosen.length = std::min(chosen.length, seconds(at_most_s));
    return chosen;
  }
};

Result<Source> read_scenario(const std::string& path) {
  std::ifstream file(path, std::ios::binary);
  if (!file) return Error{fmt::format("cannot read the scenario {}", path)};
  const std::string text{std::istreambuf_iterator<char>(file), {}};
  auto scenario = sim::Scenario::parse(text);
  if (!scenario) return Error{fmt::format("{}: {}", path, scenario.error().message)};
  scenario->name = std::filesystem::path(path).stem().string();
  return Source{path, *std::move(scenario)};
}

// One --scenario each: seeds take turns among them, and those of a folder among its files.
using Sources = std::vector<std::vector<Source>>;

Result<std::vector<Source>> read_folder(const std::string& path) {
  std::vector<std::string> paths;
  for (const auto& file : std::filesystem::directory_iterator(path)) {
    // A build's list of files ends the same way.
    if (file.path().extension() != ".txt" || file.path().filename() == "CMakeLists.txt") continue;
    paths.push_back(file.path().string());
  }
  if (paths.empty()) return Error{fmt::format("the folder {} holds no *.txt", path)};
  std::sort(paths.begin(), paths.end());
  std::vector<Source> sources;
  for (const std::string& file : paths) {
    auto source = read_scenario(file);
    if (!source) return source.error();
    sources.push_back(*std::move(source));
  }
  return sources;
}

Result<Sources> read_sources(const SimFlags& flags) {
  Sources sources;
  for (const std::string& path : flags.scenarios) {
    if (path == "swarm") {
      sources.push_back({{path, std::nullopt}});
    } else if (std::filesystem::is_directory(path)) {
      auto folder = read_folder(path);
      if (!folder) return folder.error();
      sources.push_back(*std::move(folder));
    } else {
      auto source = read_scenario(path);
      if (!source) return source.error();
      sources.push_back({*std::move(source)});
    }
  }
  if (sources.empty()) sources.push_back({{"swarm", std::nullopt}});
  return sources;
}

// ---- Running ------------------------------------------------------------------------------------

class Simulation {
 public:
  Simulation(const SimFlags& flags, Seeds seeds, Sources sources)
      : flags_(flags), seeds_(seeds), sources_(std::move(sources)) {}

  int run();

 private:
  sim::Report run_one(const sim::Scenario& scenario, std::uint64_t seed) const;
  void done(const Source& source, std::uint64_t seed, const sim::Report& report);
  void explain(const Source& source, std::uint64_t seed, const sim::Report& report);
  const Source& source_of(std::uint64_t seed) const;
  bool time_left() const;

  const SimFlags& flags_;
  Seeds seeds_;
  Sources sources_;
  std::chrono::steady_clock::time_point began_ = std::chrono::steady_clock::now();
  sim::Soak soak_;
};

int Simulation::run() {
  SimChildren children(std::max(1u, flags_.jobs), !flags_.log);
  for (std::uint64_t seed = seeds_.first;; ++seed) {
    const Source& source = source_of(seed);
    children.start(
        [this, &source, seed] { return run_one(source.of(seed, flags_.at_most_s), seed); },
        [this, &source, seed](const sim::Report& report) { done(source, seed, report); });
    if (seed == seeds_.last || !time_left() || (flags_.first && soak_.violations() > 0)) break;
  }
  children.finish();
  fmt::print("{}hash {:016x}\n", soak_.text(), soak_.hash());
  return soak_.violations() == 0 ? 0 : kViolation;
}

const Source& Simulation::source_of(std::uint64_t seed) const {
  const auto& group = sources_[seed % sources_.size()];
  return group[seed / sources_.size() % group.size()];
}

bool Simulation::time_left() const {
  if (flags_.minutes <= 0) return true;
  const std::chrono::duration<double, std::ratio<60>> passed =
      std::chrono::steady_clock::now() - began_;
  return passed.count() < flags_.minutes;
}

// In the child.
sim::Report Simulation::run_one(const sim::Scenario& scenario, std::uint64_t seed) const {
  os::StderrTrace log(Level::debug, os::TraceFormat::text);
  sim::Report report = sim::run(
      scenario, {.seed = seed, .timeline = flags_.timeline, .log = flags_.log ? &log : nullptr});
  if (!flags_.history.empty()) {
    std::ofstream file(flags_.history, std::ios::binary);
    file << workload::to_json_lines(report.history);
    if (!file.flush()) report.problems.push_back("history: cannot write " + flags_.history);
  }
  return report;
}

void Simulation::done(const Source& source, std::uint64_t seed, const sim::Report& report) {
  soak_.add(seed, report);
  fmt::print("{}", report.timeline);
  if (!report.ok()) explain(source, seed, report);
  std::fflush(stdout);
}

void Simulation::explain(const Source& source, std::uint64_t seed, const sim::Report& report) {
  fmt::print("\nseed {} of {} FAILED\n", seed, source.path);
  for (const std::string& problem : report.problems) fmt::print("  {}\n", problem);
  std::string replay = fmt::format("holdfast sim --seed {}", seed);
  if (source.scenario) replay += " --scenario " + source.path;
  if (flags_.at_most_s > 0) replay += fmt::format(" --at-most {}", flags_.at_most_s);
  if (!flags_.mutation.empty()) replay += " --mutate " + flags_.mutation;
  fmt::print("  replay: {} --timeline\n", replay);
  std::fflush(stdout);
  if (flags_.shrink_runs == 0) return;

  const sim::Scenario whole = source.of(seed, flags_.at_most_s);
  const auto smaller = [&whole](const sim::Decisions& decisions) {
    sim::Scenario scenario = whole;
    scenario.scripted = true;
    scenario.script = decisions.faults;
    scenario.repeat = {};
    scenario.mix.clients = decisions.clients;
    scenario.length = decisions.length;
    scenario.nodes = decisions.nodes;
    return scenario;
  };
  const auto shrunk = sim::shrink(
      {sim::script_of(whole, seed), whole.mix.clients, whole.length, whole.nodes},
      sim::way_of(report.problems.front()),
      [&](const sim::Decisions& decisions) {
        const auto tried = run_apart([&] { return sim::run(smaller(decisions), {.seed = seed}); });
        return sim::Outcome{!tried.ok(),
                            tried.ok() ? "" : std::string(sim::way_of(tried.problems.front()))};
      },
      flags_.shrink_runs);
  fmt::print("  after {} runs{}, this scenario fails in the same way under --seed {}:\n\n{}\n",
             shrunk.runs, shrunk.minimal ? "" : " (there were no more)", seed,
             smaller(shrunk.decisions).text());
}

}  // namespace

cli::Tool add_sim(cli::Tool program, SimFlags& flags) {
  cli::Tool sim = program.add_tool(
      "sim", "Run clusters under faults in a simulated world and check what clients see");
  sim.add_option("--seed,--seeds", flags.seeds, "a seed, or a range of them: 1..100 (1)");
  sim.add_option("--scenario", flags.scenarios,
                 "a file, or a folder of them: seeds take turns; \"swarm\", the default: one of "
                 "its own for each seed");
  sim.add_option("--at-most", flags.at_most_s,
                 "simulated seconds under faults, where a scenario wants more")
      .between(0, 86'400);
  sim.add_option("--minutes", flags.minutes, "start no further seed after so long");
  sim.add_option("--jobs", flags.jobs, "runs at the same time (1)").between(1, 1024);
  sim.add_option("--mutate", flags.mutation, "run a broken variant, in a build that has them");
  sim.add_option("--shrink", flags.shrink_runs, "runs spent on making a failing one small (150)");
  sim.add_flag("--first", flags.first, "end at the first violation");
  sim.add_flag("--timeline", flags.timeline, "print what happened, a line an event");
  sim.add_flag("--log", flags.log, "show what the nodes say, on stderr");
  sim.add_option("--history", flags.history, "write what the clients saw, as JSON lines");
  return sim;
}

int run_sim(const SimFlags& flags) {
  auto seeds = parse_seeds(flags);
  if (!seeds) return misused(seeds.error().message);
  auto sources = read_sources(flags);
  if (!sources) return misused(sources.error().message);
  if (!flags.history.empty() && seeds->first != seeds->last) {
    return misused("--history takes one run: say --seed N");
  }
  if (!flags.mutation.empty()) {
    if (auto chosen = mutate(flags.mutation); !chosen) return misused(chosen.error().message);
  }
  return Simulation(flags, *seeds, *std::move(sources)).run();
}

}  // namespace holdfast
