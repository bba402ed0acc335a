// What a load came to: rates, latencies, the longest time without a write.
//
// Threads: one. Memory does not grow with the number of commands.
#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <string>
#include <vector>

#include "base/time.h"
#include "env/network.h"
#include "workload/history.h"

namespace holdfast::cli {

// Durations, counted in classes that are at most a sixty-fourth wide.
class Latencies {
 public:
  void add(Duration latency);
  // No more than `ppm` in a million were shorter than this, up to the width of a class. 0 if there
  // is none at all.
  Duration at(std::uint32_t ppm) const;
  Duration longest() const { return longest_; }
  std::uint64_t count() const { return count_; }

 private:
  static constexpr std::size_t kHalf = 64;  // classes for each doubling
  static constexpr std::size_t kClasses = kHalf * (64 - 6 + 1);

  static std::size_t class_of(std::uint64_t ns);
  static std::uint64_t end_of(std::size_t index);

  std::array<std::uint64_t, kClasses> counts_{};
  std::uint64_t count_ = 0;
  Duration longest_;
};

// How long writes stood still.
class Outage {
 public:
  void begin(Instant now) { last_ = now; }
  void acknowledged(Instant now);
  // What comes after it does not count.
  void end(Instant now);
  Duration longest() const { return longest_; }

 private:
  Instant last_;
  Duration longest_;
  bool ended_ = false;
};

// One thing that was done to a node.
struct Disturbance {
  enum class Kind : std::uint8_t { kill, pause };

  Kind kind = Kind::kill;
  std::size_t node = 0;  // from 0 on
  bool leader = false;
  Duration from;  // since the load began
  Duration to;    // started or running again
};

struct Figures {
  std::vector<env::Address> servers;
  std::uint32_t clients = 0;
  std::uint64_t seed = 0;
  Duration length;

  Latencies latencies;  // of commands; those behind a wait for a lock left out
  Outage outage;
  std::uint64_t operations = 0;  // that ended with an answer while the load lasted
  std::uint64_t refused = 0;     // certainly not done
  std::uint64_t unknown = 0;
  std::uint64_t connections = 0;  // made, by all clients together
  std::vector<Disturbance> disturbances;

  // Counts what did not end with an answer.
  void count(const workload::History& history);
};

// What came after the load.
struct Judgement {
  std::string history;  // the file, if one was written
  std::uint64_t operations = 0;
  bool judged = false;
  double seconds = 0;
  std::vector<std::string> objections;
  std::string folder;  // of the data and logs, if it is left
};

// For people: lines.
std::string as_text(const Figures& figures);
std::string as_text(const Judgement& judgement);
// For programs: members of a JSON object, without its braces.
std::string as_json(const Figures& figures);
std::string as_json(const Judgement& judgement);

}  // namespace holdfast::cli
