#include "cli/bench_figures.h"

#include <fmt/format.h>

#include <algorithm>
#include <bit>

#include "cli/json_text.h"

namespace holdfast::cli {
namespace {

double ms(Duration time) { return static_cast<double>(time.ns) / 1e6; }
double in_seconds(Duration time) { return static_cast<double>(time.ns) / 1e9; }

double rate(const Figures& figures) {
  if (figures.length.ns <= 0) return 0;
  return static_cast<double>(figures.operations) / in_seconds(figures.length);
}

std::string_view name_of(Disturbance::Kind kind) {
  return kind == Disturbance::Kind::kill ? "kill" : "pause";
}

}  // namespace

// ---- Latencies

// The upper seven bits of a number, and how far they are shifted. Numbers below 128 are exact.
std::size_t Latencies::class_of(std::uint64_t ns) {
  const auto bits = static_cast<std::size_t>(std::bit_width(ns));
  const std::size_t shift = bits <= 7 ? 0 : bits - 7;
  return shift * kHalf + static_cast<std::size_t>(ns >> shift);
}

std::uint64_t Latencies::end_of(std::size_t index) {
  if (index < 2 * kHalf) return index;
  const std::size_t shift = index / kHalf - 1;
  return ((index - shift * kHalf + 1) << shift) - 1;
}

void Latencies::add(Duration latency) {
  const auto ns = static_cast<std::uint64_t>(std::max<std::int64_t>(latency.ns, 0));
  ++counts_.at(class_of(ns));
  ++count_;
  longest_ = std::max(longest_, latency);
}

Duration Latencies::at(std::uint32_t ppm) const {
  if (count_ == 0) return {};
  // The smallest class such that the share of those up to and in it is reached.
  const std::uint64_t wanted = std::max<std::uint64_t>(1, (count_ * ppm + 999'999) / 1'000'000);
  std::uint64_t seen = 0;
  for (std::size_t i = 0; i < counts_.size(); ++i) {
    seen += counts_[i];
    if (seen >= wanted)
      return std::min(longest_, nanoseconds(static_cast<std::int64_t>(end_of(i))));
  }
  return longest_;
}

// ---- Outage

void Outage::acknowledged(Instant now) {
  if (ended_) return;
  longest_ = std::max(longest_, now - last_);
  last_ = now;
}

void Outage::end(Instant now) {
  acknowledged(now);
  ended_ = true;
}

// ---- Figures

void Figures::count(const workload::History& history) {
  for (const auto& operation : history) {
    if (operation.ended == workload::Ended::failed) ++refused;
    if (operation.ended == workload::Ended::unknown) ++unknown;
  }
}

std::string as_text(const Figures& figures) {
  std::string out;
  for (const auto& done : figures.disturbances) {
    const bool kill = done.kind == Disturbance::Kind::kill;
    out +=
        fmt::format("{:>9.3f} s     node {}{} {}, {} again after {:.3f} s\n", in_seconds(done.from),
                    done.node + 1, done.leader ? ", the leader," : "", kill ? "killed" : "stopped",
                    kill ? "started" : "running", in_seconds(done.to - done.from));
  }
  const auto& latencies = figures.latencies;
  out += fmt::format("operations      {} in {:.1f} s: {:.1f} a second\n", figures.operations,
                     in_seconds(figures.length), rate(figures));
  out += fmt::format("refused         {}: certainly not done\n", figures.refused);
  out += fmt::format("unknown         {}: done or not\n", figures.unknown);
  out +=
      fmt::format("latency         p50 {:.3f} ms, p99 {:.3f} ms, p99.9 {:.3f} ms, max {:.3f} ms\n",
                  ms(latencies.at(500'000)), ms(latencies.at(990'000)), ms(latencies.at(999'000)),
                  ms(latencies.longest()));
  out += fmt::format("longest outage  {:.0f} ms without an acknowledged write\n",
                     ms(figures.outage.longest()));
  out += fmt::format("connections     {}\n", figures.connections);
  return out;
}

std::string as_text(const Judgement& judgement) {
  std::string out;
  if (!judgement.history.empty()) {
    out +=
        fmt::format("history         {}: {} operations\n", judgement.history, judgement.operations);
  }
  if (judgement.judged && judgement.objections.empty()) {
    out += fmt::format("judged          in {:.2f} s: nothing to object to\n", judgement.seconds);
  }
  for (const std::string& objection : judgement.objections) {
    out += fmt::format("VIOLATION       {}\n", objection);
  }
  if (!judgement.folder.empty()) out += fmt::format("data and logs   {}\n", judgement.folder);
  return out;
}

std::string as_json(const Judgement& judgement) {
  std::string objections;
  for (const auto& objection : judgement.objections) {
    objections += (objections.empty() ? "" : ",") + json_text(objection);
  }
  return fmt::format(
      R"("history":{},"history_operations":{},"judged":{},"objections":[{}],"folder":{})",
      json_text(judgement.history), judgement.operations, judgement.judged, objections,
      json_text(judgement.folder));
}

std::string as_json(const Figures& figures) {
  std::string servers, done;
  for (const auto& server : figures.servers) {
    servers += (servers.empty() ? "" : ",") + json_text(server.text());
  }
  for (const auto& one : figures.disturbances) {
    done += fmt::format(R"({}{{"kind":"{}","node":{},"leader":{},"from_ms":{},"to_ms":{}}})",
                        done.empty() ? "" : ",", name_of(one.kind), one.node + 1, one.leader,
                        one.from.ms(), one.to.ms());
  }
  const auto& latencies = figures.latencies;
  return fmt::format(
      R"("servers":[{}],"clients":{},"seed":{},"seconds":{:.3f},"operations":{},)"
      R"("operations_per_second":{:.1f},"refused":{},"unknown":{},"latency_ms":{{"p50":{:.3f},)"
      R"("p99":{:.3f},"p99.9":{:.3f},"max":{:.3f}}},"longest_outage_ms":{:.3f},)"
      R"("connections":{},"disturbances":[{}])",
      servers, figures.clients, figures.seed, in_seconds(figures.length), figures.operations,
      rate(figures), figures.refused, figures.unknown, ms(latencies.at(500'000)),
      ms(latencies.at(990'000)), ms(latencies.at(999'000)), ms(latencies.longest()),
      ms(figures.outage.longest()), figures.connections, done);
}

}  // namespace holdfast::cli
