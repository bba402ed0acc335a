#include "cli/bench_run.h"

#include <fmt/format.h>

#include <algorithm>
#include <chrono>
#include <cstdio>
#include <fstream>
#include <iterator>
#include <memory>
#include <thread>
#include <utility>
#include <vector>

#include "cli/bench_figures.h"
#include "cli/bench_keys.h"
#include "cli/bench_load.h"
#include "cli/bench_nodes.h"
#include "cli/server_info.h"
#include "os/entropy.h"
#include "os/system_clock.h"
#include "workload/checkers/check_all.h"
#include "workload/history_json.h"

namespace holdfast::cli {
namespace {

constexpr Duration kOnePatience = seconds(1);        // with one server
constexpr Duration kReachPatience = seconds(5);      // until a given cluster has a leader
constexpr Duration kFoundingPatience = seconds(30);  // until our own has
constexpr Duration kLastPatience = seconds(20);      // with one of our own after the load
constexpr Duration kLastPatienceElsewhere = seconds(5);

// A history of real servers is judged once, and may take its time.
constexpr std::uint64_t kBudget = 50'000'000;

int say(int code, const std::string& message) {
  fmt::print(stderr, "holdfast: {}\n", message);
  return code;
}

void warn(const std::string& message) { fmt::print(stderr, "holdfast: {}\n", message); }

// ---- The verdict

// Adds what the checkers object to.
void judge_history(const workload::History& history, Judgement& judgement) {
  workload::CheckOptions options;
  options.budget = kBudget;
  const auto began = std::chrono::steady_clock::now();
  for (auto& verdict : workload::check_all(history, {}, options)) {
    judgement.objections.push_back(std::move(verdict.explanation));
  }
  const std::chrono::duration<double> took = std::chrono::steady_clock::now() - began;
  judgement.judged = true;
  judgement.operations = history.size();
  judgement.seconds = took.count();
}

// ---- Before the load

// Whether the server knows a leader.
Result<void> ask_for_leader(const env::Address& server, const Access& access) {
  const auto info = ask_info(server, access, kOnePatience);
  if (!info) return info.error();
  if (field(*info, "holdfast_leader") != "0") return {};
  return Error{
      fmt::format("{} knows no leader: are most of its cluster's nodes running?", server.text())};
}

// Waits until as many servers as `wanted` serve.
Result<void> wait_until_served(const std::vector<env::Address>& servers, std::size_t wanted,
                               Duration patience, const Access& access, BenchNodes* nodes) {
  const os::SystemClock clock;
  const Instant give_up_at = clock.now() + patience;
  for (;;) {
    std::vector<Error> errors;
    for (const auto& server : servers) {
      if (auto asked = ask_for_leader(server, access); !asked) errors.push_back(asked.error());
    }
    if (servers.size() - errors.size() >= wanted) {
      for (const Error& error : errors) warn(error.message);
      return {};
    }
    if (nodes != nullptr) nodes->look_after();
    if (nodes != nullptr && !nodes->deaths().empty()) return Error{nodes->deaths().front()};
    if (clock.now() >= give_up_at) return errors.front();
    std::this_thread::sleep_for(std::chrono::milliseconds(50));
  }
}

// ---- The whole

class Bench {
 public:
  explicit Bench(const BenchOptions& options) : options_(options), servers_(options.servers) {}
  int run();

 private:
  Result<void> begin();
  Result<void> load();
  void judge(workload::History history, std::vector<std::string> problems);
  void read_at_last(workload::History& history);
  void write_history(const workload::History& history);
  void clear_up();
  int report();

  const BenchOptions& options_;
  os::SystemClock clock_;
  std::vector<env::Address> servers_;
  std::unique_ptr<BenchNodes> nodes_;
  std::ofstream file_;
  BenchKeys keys_;
  Figures figures_;
  Judgement judgement_;
};

int Bench::run() {
  if (!options_.history.empty()) {
    file_.open(options_.history, std::ios::binary | std::ios::trunc);
    if (!file_) {
      return say(kUsage, fmt::format("cannot write {}: does its folder exist, and may this user "
                                     "write there?",
                                     options_.history));
    }
  }
  if (auto begun = begin(); !begun) return say(kUnreachable, begun.error().message);
  if (auto loaded = load(); !loaded) return say(kUsage, loaded.error().message);
  return report();
}

Result<void> Bench::begin() {
  if (options_.nodes == 0) {
    auto served = wait_until_served(servers_, 1, kReachPatience, options_.access, nullptr);
    if (served) return served;
    return Error{served.error().message +
                 " Name other servers with --servers, their password with --password, or let this "
                 "start some: --start 3"};
  }
  auto nodes = BenchNodes::start(options_.nodes, options_.data, Prng(os::random_seed()));
  if (!nodes) return nodes.error();
  nodes_ = *std::move(nodes);
  servers_ = nodes_->servers();
  auto served = wait_until_served(servers_, servers_.size(), kFoundingPatience, Access(), nodes_.get());
  if (served) return served;
  nodes_->keep();
  return Error{fmt::format("the nodes that were started do not serve: {}\nData and logs: {}",
                           served.error().message, nodes_->folder())};
}

Result<void> Bench::load() {
  auto tls = options_.access.context();
  if (!tls) return tls.error();
  figures_.servers = servers_;
  figures_.clients = options_.mix.clients;
  figures_.seed = options_.seed;
  BenchLoad load(options_, *std::move(tls), servers_, nodes_.get(), clock_, figures_, keys_);
  load.run();
  if (load.disturbances_left() > 0 && !load.interrupted()) {
    warn(fmt::format("there was no time for {} of the kills and pauses: say --seconds N for more",
                     load.disturbances_left()));
  }
  judge(load.take_history(), load.problems());
  return {};
}

void Bench::judge(workload::History history, std::vector<std::string> problems) {
  judgement_.objections = std::move(problems);
  if (!options_.history.empty()) read_at_last(history);
  if (nodes_) {
    nodes_->look_after();
    const auto& deaths = nodes_->deaths();
    judgement_.objections.insert(judgement_.objections.end(), deaths.begin(), deaths.end());
  }
  if (options_.history.empty()) return;
  write_history(history);
  judge_history(history, judgement_);
}

// Through each server, so that each is seen to have come back.
void Bench::read_at_last(workload::History& history) {
  const Duration patience = nodes_ ? kLastPatience : kLastPatienceElsewhere;
  for (std::size_t i = 0; i < servers_.size(); ++i) {
    const auto client = options_.mix.clients + static_cast<std::uint32_t>(i);
    const auto read =
        keys_.read({servers_[i], options_.access, client, patience}, clock_, history);
    if (read) continue;
    if (nodes_) {
      judgement_.objections.push_back(read.error().message);
    } else {
      warn(read.error().message);
    }
  }
}

void Bench::write_history(const workload::History& history) {
  judgement_.history = options_.history;
  file_ << workload::to_json_lines(history);
  if (!file_.flush()) {
    judgement_.objections.push_back(
        fmt::format("cannot write all of {}: is the disk full?", options_.history));
  }
}

int Bench::report() {
  const bool wrong = !judgement_.objections.empty();
  if (nodes_) {
    if (wrong) nodes_->keep();
    if (nodes_->keeps()) judgement_.folder = nodes_->folder();
  } else if (wrong) {
    warn("the keys of this load are left in the cluster for you to look at");
  } else {
    clear_up();
  }
  if (options_.json) {
    fmt::print("{{{},{}}}\n", as_json(figures_), as_json(judgement_));
  } else {
    fmt::print("{}{}", as_text(figures_), as_text(judgement_));
  }
  if (wrong) return kViolation;
  if (figures_.operations > 0) return kClean;
  return say(kUnreachable,
             "no operation was answered: the servers could not be reached, or had no "
             "leader, all the time");
}

// The keys of others' clusters are not ours to fill.
void Bench::clear_up() {
  Error last;
  for (const auto& server : servers_) {
    const auto removed = keys_.remove(server, options_.access);
    if (removed) return;
    last = removed.error();
  }
  warn(
      fmt::format("the {} keys of this load could not be removed: {}", keys_.size(), last.message));
}

}  // namespace

int run_bench(const BenchOptions& options) { return Bench(options).run(); }

int judge_file(const std::string& path, bool json) {
  std::ifstream file(path, std::ios::binary);
  if (!file) return say(kUsage, fmt::format("cannot read {}", path));
  const std::string text{std::istreambuf_iterator<char>(file), {}};
  const auto history = workload::read_json_lines(text);
  if (!history) return say(kUsage, fmt::format("{}: {}", path, history.error().message));
  Judgement judgement;
  judgement.history = path;
  judge_history(*history, judgement);
  if (json) {
    fmt::print("{{{}}}\n", as_json(judgement));
  } else {
    fmt::print("{}", as_text(judgement));
  }
  return judgement.objections.empty() ? kClean : kViolation;
}

}  // namespace holdfast::cli
