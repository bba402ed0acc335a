// An open loop: commands leave when a schedule says so, however late the answers are, and a
// command's time counts from the moment for which it was scheduled. So a server that stands still
// for a second is charged with everything that should have been asked in that second, not with one
// slow answer per connection
// ("coordinated omission"). What was due before the end is asked, and its answers are waited for
// beyond it, for `patience` at most; what is unanswered then is lost.
//
// Lines on stdin, "mark NS", NS on the clock of load::now(): from then on the first write that was
// sent after it and is acknowledged is looked for, and the wait told in a line {"mark": NS, "ms":
// …}: so failovers are measured while the load goes on. "stop" ends the load, and so does the end
// of stdin if `marks`.
//
// A connection that breaks, or whose server is silent for `patience`, goes on with the next server;
// what it had asked is counted as lost. It stays there until a line "spread" sends it back to the
// server that it had first: else, after some failovers, all connections are at one server, and what
// is measured when that falls silent is their patience.
#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "base/time.h"
#include "env/network.h"

namespace holdfast::load {

struct OpenPlan {
  std::vector<env::Address> servers;
  std::uint32_t connections = 50;
  double rate = 1000;  // commands a second, evenly spaced
  Duration length{};
  Duration warm_up{};  // not counted
  Duration patience = seconds(1);
  std::uint64_t keys = 100'000;
  std::string value_sizes = "16";
  bool reads = false;  // GET in place of SET
  bool marks = false;
  std::uint64_t seed = 1;
};

// Prints lines as said above, and returns the last: sent, answered, refused, lost, seconds, late_ms
// (how much the generator itself fell behind its schedule, at most), p50_us, p90_us, p99_us,
// p999_us, longest_us.
std::string run_open(const OpenPlan& plan);

}  // namespace holdfast::load
