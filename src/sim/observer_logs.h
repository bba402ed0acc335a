// Rules about entries: what logs have in common, what is committed, what is applied.
#pragma once

#include <vector>

#include "sim/observer.h"

namespace holdfast::sim {

// If two logs hold an entry of the same index and epoch it is the same entry, and so is everything
// before it: each entry is compared, and the epoch of the one before it. An entry's content
// checksum is that of its bytes, wherever they have travelled.
class LogMatching final : public Rule {
 public:
  static constexpr std::string_view kName = "log matching";
  void see(const Look& look, const Memory& memory, Problems& problems) override;

 private:
  struct Written {
    Epoch epoch;
    Epoch previous;
    std::uint64_t content = 0;
    MachineId first_seen_at = 0;
  };
  void see_entry(const Look& look, const consensus::Entry& entry, Epoch previous,
                 Problems& problems);

  std::vector<std::vector<Written>> by_index_;
};

// At each index one entry is committed, by whomever and however often that is said; and the same
// holds for what a snapshot stands for. Remembers them all.
class Committed final : public Rule {
 public:
  static constexpr std::string_view kName = "committed entries";
  struct Known {
    Epoch epoch;
    std::uint64_t content = 0;
    Epoch seen_in;  // the promise of the machine that first was seen to know: not committed later
    MachineId seen_at = 0;
  };

  void see(const Look& look, const Memory& memory, Problems& problems) override;

  // Index{} if none is. Null outside, and where no log showed the entry.
  Index last() const { return Index(known_.size() - 1); }
  const Known* at(Index index) const;
  // What the last look brought is [fresh_from(), last()].
  Index fresh_from() const { return fresh_from_; }

 private:
  void see_entry(const Look& look, const consensus::Entry& entry, Problems& problems);
  void see_snapshot(const Look& look, Problems& problems) const;

  std::vector<Known> known_ = {Known{}};  // by index
  Index fresh_from_{1};
};

// What a replica applies is what is committed, at each index, over all restarts.
class StateMachineSafety final : public Rule {
 public:
  static constexpr std::string_view kName = "state machine safety";
  // `committed` must have seen each look before this rule does.
  explicit StateMachineSafety(const Committed& committed) : committed_(committed) {}
  void see(const Look& look, const Memory& memory, Problems& problems) override;
  // Snapshots of peers that replaced a replica's state.
  std::uint64_t installed() const { return installed_; }

 private:
  const Committed& committed_;
  std::uint64_t installed_ = 0;
};

}  // namespace holdfast::sim
