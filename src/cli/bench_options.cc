#include "cli/bench_options.h"

#include <fmt/format.h>

#include <algorithm>
#include <charconv>

namespace holdfast::cli {
namespace {

constexpr std::string_view kServer = "127.0.0.1:7379";
constexpr Duration kThinkWithHistory = milliseconds(20);

struct Share {
  std::string_view name;
  std::uint32_t workload::Mix::*share;
};

constexpr Share kShares[] = {
    {"read", &workload::Mix::read},
    {"write", &workload::Mix::write},
    {"cas", &workload::Mix::cas},
    {"erase", &workload::Mix::erase},
    {"add", &workload::Mix::add},
    {"once_add", &workload::Mix::once_add},
    {"insert", &workload::Mix::insert},
    {"read_all", &workload::Mix::read_all},
    {"write_ttl", &workload::Mix::write_ttl},
    {"lock", &workload::Mix::lock},
    {"set_if", &workload::Mix::set_if},
    {"throttle", &workload::Mix::throttle},
    {"latch", &workload::Mix::latch},
    {"cache", &workload::Mix::cache},
    {"feed", &workload::Mix::feed},
};

// With a history: some of everything that can be judged.
constexpr std::string_view kEverything =
    "read=40,write=20,cas=5,erase=2,add=10,once_add=5,insert=5,read_all=3,write_ttl=4,lock=6,"
    "set_if=3,throttle=4,latch=3,feed=3,cache=3";
// Else what shows a server's speed: who waits for a lock waits for another client.
constexpr std::string_view kPlain = "read=60,write=30,add=10";

// Calls `take` with each part between the commas.
template <class Take>
Result<void> each_part(std::string_view text, Take take) {
  while (!text.empty()) {
    const auto comma = std::min(text.find(','), text.size());
    if (auto taken = take(text.substr(0, comma)); !taken) return taken;
    text.remove_prefix(std::min(comma + 1, text.size()));
  }
  return {};
}

Duration from_ms(double count) { return {static_cast<std::int64_t>(count * 1e6)}; }

Result<void> check_nodes(const BenchFlags& flags) {
  if (flags.start > 0 && flags.access.tls) {
    return Error{"--tls is for servers that run already: leave it out, or --start"};
  }
  if (flags.start > 0 && !flags.servers.empty()) {
    return Error{"--start starts nodes of its own: leave --servers out, or --start"};
  }
  if (flags.start == 0 && (flags.kills > 0 || flags.pauses > 0 || !flags.data.empty())) {
    return Error{
        "--kills, --pauses and --data are for nodes that are started here: say --start N as well"};
  }
  const std::uint32_t disturbed = flags.kills + flags.pauses;
  if (disturbed > 0 && flags.seconds < disturbed) {
    return Error{
        fmt::format("{} kills and pauses need at least {} seconds: one at a time, and time "
                    "to come back; say --seconds N",
                    disturbed, disturbed)};
  }
  return {};
}

}  // namespace

Result<void> parse_mix(std::string_view text, workload::Mix& mix) {
  for (const Share& share : kShares) mix.*share.share = 0;
  std::uint64_t sum = 0;
  auto parsed = each_part(text, [&](std::string_view part) -> Result<void> {
    const auto equals = std::min(part.find('='), part.size());
    const std::string_view name = part.substr(0, equals);
    const std::string_view digits = part.substr(std::min(equals + 1, part.size()));
    std::uint32_t value = 0;
    const auto [end, error] = std::from_chars(digits.data(), digits.data() + digits.size(), value);
    if (error != std::errc() || end != digits.data() + digits.size() || value > 1'000'000) {
      return Error{fmt::format("--mix: '{}' is not NAME=SHARE, for example read=40", part)};
    }
    for (const Share& share : kShares) {
      if (share.name != name) continue;
      mix.*share.share = value;
      sum += value;
      return {};
    }
    std::string known;
    for (const Share& share : kShares) known += fmt::format(" {}", share.name);
    return Error{fmt::format("--mix: '{}' is no kind of operation; there are{}", name, known)};
  });
  if (parsed && sum == 0) return Error{"--mix: nothing to do; write for example read=40,write=30"};
  return parsed;
}

Result<BenchOptions> make_options(const BenchFlags& flags) {
  BenchOptions options;
  if (auto checked = check_nodes(flags); !checked) return checked.error();
  const bool keeps = !flags.history.empty();
  const std::string_view mix = keeps ? kEverything : kPlain;
  if (auto parsed = parse_mix(flags.mix.empty() ? mix : flags.mix, options.mix); !parsed) {
    return parsed.error();
  }
  if (flags.start == 0) {
    auto parsed = each_part(flags.servers.empty() ? kServer : std::string_view(flags.servers),
                            [&](std::string_view part) -> Result<void> {
                              auto address = env::Address::parse(part);
                              if (!address) return Error{"--servers: " + address.error().message};
                              options.servers.push_back(*address);
                              return {};
                            });
    if (!parsed) return parsed.error();
    if (options.servers.empty()) return Error{"--servers: names no server; write HOST:PORT,…"};
  }
  options.mix.keys = flags.keys;
  options.mix.locks = flags.locks;
  options.mix.pipeline = flags.pipeline;
  options.mix.clients = flags.clients;
  // A load shows what the servers can do; what is to be judged need not be that much.
  options.mix.think = flags.think_ms >= 0 ? from_ms(flags.think_ms)
                      : keeps             ? kThinkWithHistory
                                          : Duration{};
  // Our own nodes have none.
  if (flags.start == 0) options.access = flags.access;
  options.history = flags.history;
  options.length = from_ms(flags.seconds * 1000);
  options.patience = from_ms(flags.patience_ms);
  options.seed = flags.seed;
  options.json = flags.json;
  options.nodes = flags.start;
  options.data = flags.data;
  options.kills = flags.kills;
  options.pauses = flags.pauses;
  options.pause = from_ms(flags.pause_ms);
  return options;
}

}  // namespace holdfast::cli
