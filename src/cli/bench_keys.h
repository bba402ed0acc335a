// The keys of a load: read one last time when it is over, and removed.
//
// What was acknowledged must then be there, whichever server is asked. The last reads are
// operations of the history like all others, of clients of their own: what is unknown may still be
// done while they go on, so they need not all see the same.
//
// Threads: one. Blocks.
#pragma once

#include <cstdint>
#include <map>
#include <string>
#include <string_view>

#include "base/result.h"
#include "cli/access.h"
#include "env/clock.h"
#include "env/network.h"
#include "workload/history.h"

namespace holdfast::cli {

class BenchKeys {
 public:
  void add(const workload::History& history);
  std::size_t size() const { return keys_.size(); }

  struct Reader {
    env::Address server;
    const Access& access;
    std::uint32_t client = 0;  // its number in the history
    Duration patience;         // for all of it
  };
  // Adds a read of each key; those that end by themselves are read until they have. An error if
  // that was not over in time: what was asked last, and the answer.
  Result<void> read(const Reader& reader, const env::Clock& clock,
                    workload::History& history) const;
  // From whichever server is asked.
  Result<void> remove(const env::Address& server, const Access& access) const;

 private:
  enum class Kind : std::uint8_t { plain, set, short_lived };

  std::map<std::string, Kind> keys_;
};

}  // namespace holdfast::cli
