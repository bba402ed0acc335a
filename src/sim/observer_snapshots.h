// A rule about what a snapshot holds.
#pragma once

#include <cstdint>
#include <map>
#include <string_view>

#include "sim/observer.h"

namespace holdfast::sim {

// A snapshot is made while the data goes on changing, and holds what there was when it was begun:
// read again, it is the same state.
class SnapshotsAreStates final : public Rule {
 public:
  static constexpr std::string_view kName = "snapshots";
  void see(const Look& look, const Memory& memory, Problems& problems) override;
  std::uint64_t read() const { return read_; }

 private:
  struct Begun {
    Index index;
    std::uint64_t digest = 0;
  };
  void see_stored(const Look& look, const Begun& begun, Problems& problems);

  std::map<MachineId, Begun> begun_;  // the newest of each machine
  std::uint64_t read_ = 0;
};

}  // namespace holdfast::sim
