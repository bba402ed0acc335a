// What `holdfast bench` was told, once it makes sense.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "base/result.h"
#include "base/time.h"
#include "cli/access.h"
#include "env/network.h"
#include "workload/mix.h"

namespace holdfast::cli {

// As said on the command line.
struct BenchFlags {
  std::string servers;
  Access access;
  std::string history;
  std::string judge;
  std::string mix;
  std::string data;
  double seconds = 10;
  double think_ms = -1;  // not said
  double pause_ms = 1000;
  double patience_ms = 3000;
  std::uint32_t clients = 8;
  std::uint32_t keys = 8;
  std::uint32_t locks = 2;
  std::uint32_t pipeline = 1;
  std::uint64_t seed = 1;
  std::uint32_t start = 0;
  std::uint32_t kills = 0;
  std::uint32_t pauses = 0;
  bool json = false;
};

struct BenchOptions {
  std::vector<env::Address> servers;  // empty: `nodes` are started here
  Access access;
  std::string history;  // file; empty: none is kept, and nothing judged
  workload::Mix mix;
  Duration length;
  Duration patience;  // with a silent server
  std::uint64_t seed = 1;
  bool json = false;

  std::uint32_t nodes = 0;
  std::string data;  // folder; empty: a temporary one
  std::uint32_t kills = 0;
  std::uint32_t pauses = 0;
  Duration pause;
};

// "read=40,lock=10": what is not named is not done.
Result<void> parse_mix(std::string_view text, workload::Mix& mix);
// REQUIRES: no --judge. The error says what to write instead.
Result<BenchOptions> make_options(const BenchFlags& flags);

}  // namespace holdfast::cli
