// What this node's clients did, counted for INFO and for Prometheus.
//
// Counters only grow until reset(). Times come from the turn: within one turn no time passes, so the
// time of a command is from its arrival to its answer, waiting for the log included.
//
// Threads: the loop's.
#pragma once

#include <array>
#include <cstdint>
#include <deque>
#include <map>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "base/time.h"
#include "commands/command_table.h"
#include "server/histogram.h"

namespace holdfast::server {

struct CommandCount {
  std::uint64_t rejected = 0;  // refused before it ran
  std::uint64_t failed = 0;    // ran and answered an error
  Histogram took;              // of those that were answered

  std::uint64_t calls() const { return took.count(); }
};

class Metrics {
 public:
  std::uint64_t connections_received = 0;
  std::uint64_t connections_rejected = 0;
  std::uint64_t output_limit_closed = 0;
  std::uint64_t commands = 0;
  std::uint64_t input_bytes = 0;
  std::uint64_t output_bytes = 0;
  std::uint64_t input_reads = 0;
  std::uint64_t output_writes = 0;
  std::uint64_t error_replies = 0;
  std::uint64_t protocol_errors = 0;
  std::uint64_t password_failures = 0;
  std::uint64_t routed_again = 0;  // commands that came back as not done and were routed anew
  std::uint64_t not_done = 0;      // answered NOLEADER
  std::uint64_t unknown = 0;       // answered UNKNOWN

  // A command was refused before it ran, or was answered.
  void count_rejected(const commands::CommandSpec* spec, std::string_view reply);
  void count_answer(const commands::CommandSpec* spec, Duration took, std::string_view reply);

  // Once per turn.
  void on_turn(Instant now);
  std::uint64_t commands_per_second() const;
  double input_kbps() const;
  double output_kbps() const;
  void reset();

  using CommandCounts = std::deque<std::pair<const commands::CommandSpec*, CommandCount>>;
  // Of those that were counted, in the order in which they first were.
  const CommandCounts& by_command() const { return by_command_; }
  // By the first word of the error.
  const std::map<std::string, std::uint64_t, std::less<>>& by_error() const { return by_error_; }

 private:
  struct Sample {
    Instant at;
    std::uint64_t commands = 0;
    std::uint64_t input_bytes = 0;
    std::uint64_t output_bytes = 0;
  };
  static constexpr std::size_t kSamples = 16;

  CommandCount& count_of(const commands::CommandSpec& spec);
  void count_error(std::string_view reply);
  double rate(std::uint64_t Sample::* counter) const;

  std::array<Sample, kSamples> samples_{};
  std::size_t newest_ = 0;
  CommandCounts by_command_;
  std::vector<CommandCount*> by_row_;  // by the command's row: what by_command_ has of it, or null
  std::map<std::string, std::uint64_t, std::less<>> by_error_;
};

}  // namespace holdfast::server
