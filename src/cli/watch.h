// `holdfast watch`: what its two halves share, the keys of a prefix and the holders of a name.
#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "cli/access.h"
#include "cli/holders_view.h"
#include "holdfast/client.h"

namespace holdfast::cli {

struct WatchOptions {
  std::vector<std::string> servers = {"127.0.0.1:7379"};
  Access access = {};
  std::string prefix = {};
  std::string from = "now";   // or oldest, or a position
  std::string position_file = {};  // empty: none is kept
  bool no_wait = false;
  std::string name = {};  // of what is held; empty: keys are watched
  Held kind = Held::lock;
  std::uint64_t count = 0;  // lines after which to end; 0: never
  bool json = false;
};

// Exit codes.
inline constexpr int kWatchRefused = 1;       // a server says no, and will go on to
inline constexpr int kWatchUnreachable = 75;  // no node answered, from the beginning
inline constexpr int kWatchCompacted = 76;    // what came next has been forgotten

// Whether a failure is one that passes: of a network, or of a cluster without a leader.
bool is_passing(const Failure& failure);
// To stderr: for people, or as a JSON line.
void watch_says(const WatchOptions& options, const std::string& event, const std::string& text);
// A line to stdout, at once. False: nobody reads it any more.
bool watch_line(const std::string& line);

// Whether SIGINT or SIGTERM came: what is being told is told to its end, and kept. A second one ends
// the process at once.
bool watch_interrupted();

// Until the end; the exit code.
int watch_keys(const WatchOptions& options, Client client);
int watch_holders(const WatchOptions& options, Client client);

}  // namespace holdfast::cli
