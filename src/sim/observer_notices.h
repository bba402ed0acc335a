// A rule about what nodes tell those who listen.
#pragma once

#include <cstdint>
#include <map>
#include <set>
#include <string>
#include <string_view>
#include <utility>

#include "replica/outbox.h"
#include "sim/observer.h"

namespace holdfast::sim {

// Every node makes the same notices of an entry, leaves none out, and makes the same again when it applies
// the entry again after a restart; and whoever hears only them knows what is held: each grant is told
// once, and so is its end.
class NoticesAgree final : public Rule {
 public:
  static constexpr std::string_view kName = "notices";

  // What was told as held is held.
  void see(const Look& look, const Memory& memory, Problems& problems) override;

  // Of an entry of which there are any. `process` counts the starts of the machine.
  void noticed(MachineId machine, std::uint64_t process, const replica::EntryNotices& entry, Instant at,
               Problems& problems);
  // A snapshot took the place of entries, or what the machine says is not to be trusted for a while.
  void missed(MachineId machine) { heard_.erase(machine); }

  std::uint64_t entries() const { return known_.size(); }

 private:
  // Of one machine, since it began or last missed something.
  struct Heard {
    std::uint64_t process = 0;
    Index first;
    Index last;
    std::set<std::pair<std::string, std::uint64_t>> held;   // names of locks, and tokens
    std::set<std::pair<std::string, std::uint64_t>> ended;
  };

  void compare(MachineId machine, const replica::EntryNotices& entry, Instant at, Problems& problems);
  void look_for_gaps(MachineId machine, const Heard& heard, Index index, Instant at, Problems& problems);
  void follow(MachineId machine, Heard& heard, const replica::EntryNotices& entry, Instant at,
              Problems& problems);

  std::map<Index, std::string> known_;  // what the first that spoke of an entry said
  std::map<MachineId, Heard> heard_;
};

}  // namespace holdfast::sim
