// The faults of a run, drawn before it begins.
#include <algorithm>
#include <utility>

#include "sim/fault.h"

namespace holdfast::sim {
namespace {

using K = FaultKind;

constexpr std::int64_t kHangs = 1'000'000;  // so many times slower completes nothing in a run
constexpr std::int64_t kYearMs = std::int64_t{366} * 24 * 3600 * 1000;

// Repairs and preparations are drawn with what they belong to.
bool stands_alone(FaultKind kind) {
  return kind != K::heal && kind != K::start && kind != K::save_disk && kind != K::heal_disk &&
         kind != K::heal_clock && kind != K::undrain;
}

std::uint32_t nodes_wanted(FaultKind kind) {
  switch (kind) {
    case K::ring:
      return 3;
    case K::cut:
    case K::partition:
    case K::isolate:
    case K::isolate_in:
    case K::isolate_out:
    case K::bridge:
    case K::reset:
    case K::hand_over:
      return 2;
    default:
      return 1;
  }
}

class Draw {
 public:
  Draw(const FaultMix& mix, std::uint32_t nodes, Duration length, Prng prng)
      : mix_(mix), nodes_(nodes), length_(length), prng_(prng) {
    damaged_ = some_nodes(std::min(mix.damaged, nodes));
    for (const FaultKind kind : mix.kinds) {
      const bool possible = stands_alone(kind) && nodes >= nodes_wanted(kind) &&
                            (!damages(kind) || !damaged_.empty());
      if (possible) possible_.push_back(kind);
    }
    choose_kinds();
  }

  std::vector<Fault> all() {
    if (kinds_.empty()) return {};
    while (true) {
      now_ = now_ + pause();
      if (now_ >= length_) break;
      draw(kinds_[prng_.below(kinds_.size())]);
    }
    std::stable_sort(faults_.begin(), faults_.end(),
                     [](const Fault& one, const Fault& other) { return one.at < other.at; });
    return std::move(faults_);
  }

 private:
  // Swarm: a run without some kind shows what that kind would have covered up.
  void choose_kinds() {
    for (const FaultKind kind : possible_) {
      if (possible_.size() <= 2 || prng_.below(4) != 0) kinds_.push_back(kind);
    }
    if (kinds_.empty()) kinds_ = possible_;
  }

  // Now and then it stays as it is for a while: some things only happen in peace.
  Duration pause() {
    const std::int64_t mean = mix_.mean_pause.us();
    const std::int64_t us = prng_.between(1, 2 * mean);
    return microseconds(prng_.below(10) == 0 ? 5 * us : us);
  }

  // Mostly short, sometimes long.
  std::int64_t skewed(std::int64_t low, std::int64_t high) {
    return prng_.between(low, low + ((high - low) >> prng_.below(5)));
  }
  Duration later(std::int64_t low_ms, std::int64_t high_ms) {
    return microseconds(skewed(low_ms * 1000, high_ms * 1000));
  }

  MachineId a_node() { return static_cast<MachineId>(1 + prng_.below(nodes_)); }
  // Often the leader, which has most to lose.
  MachineId a_target() { return prng_.below(2) == 0 ? 0 : a_node(); }
  MachineId a_damaged() { return damaged_[prng_.below(damaged_.size())]; }
  // In a drawn order.
  std::vector<MachineId> some_nodes(std::uint32_t count) {
    std::vector<MachineId> all;
    for (MachineId id = 1; id <= nodes_; ++id) all.push_back(id);
    for (std::size_t i = all.size(); i > 1; --i) std::swap(all[i - 1], all[prng_.below(i)]);
    all.resize(count);
    return all;
  }
  std::vector<MachineId> one_side() {
    return some_nodes(static_cast<std::uint32_t>(prng_.between(1, nodes_ - 1)));
  }
  std::string a_file() {
    constexpr std::string_view kFiles[] = {"", "", "log-", "log-", "log-", "snapshot-", "identity"};
    return std::string(kFiles[prng_.below(std::size(kFiles))]);
  }

  // What would come behind the end is left to heal().
  void add(Duration at, FaultKind kind, std::vector<MachineId> nodes = {}, std::int64_t amount = 0,
           std::uint64_t chance = 0, std::string file = "") {
    if (at < length_) {
      faults_.push_back({at, kind, std::move(nodes), amount, chance, std::move(file)});
    }
  }
  std::uint64_t chance() { return 1 + prng_.below(1'000'000'000); }

  void draw(FaultKind kind);
  void draw_partition(FaultKind kind);
  void draw_wires(FaultKind kind);
  void draw_crash(FaultKind kind);
  void draw_crash_at(FaultKind kind);
  void draw_told(FaultKind kind);
  void draw_silent(FaultKind kind);
  void draw_whole_disk(FaultKind kind);
  void draw_clock(FaultKind kind);
  void draw_members(FaultKind kind);
  // After something was done to the disk: the node is well again, whatever became of it.
  void mend_disk(Duration at, MachineId node) {
    add(at, K::heal_disk, {node});
    add(at, K::start, {node});
  }

  const FaultMix& mix_;
  std::uint32_t nodes_;
  Duration length_;
  Prng prng_;
  std::vector<MachineId> damaged_;
  std::vector<FaultKind> possible_;
  std::vector<FaultKind> kinds_;
  Duration now_;
  std::vector<Fault> faults_;
};

void Draw::draw(FaultKind kind) {
  switch (kind) {
    case K::cut:
    case K::partition:
    case K::isolate:
    case K::isolate_in:
    case K::isolate_out:
    case K::bridge:
    case K::ring:
      return draw_partition(kind);
    case K::clog:
    case K::swizzle:
    case K::reset:
    case K::wires:
      return draw_wires(kind);
    case K::kill_at:
    case K::power_off_at:
      return draw_crash_at(kind);
    case K::slow_disk:
    case K::io_error:
    case K::read_error:
    case K::sync_error:
    case K::no_space:
      return draw_told(kind);
    case K::bit_flip:
    case K::lost_write:
    case K::misdirected_write:
    case K::lying_cache:
      return draw_silent(kind);
    case K::wipe:
    case K::older_disk:
      return draw_whole_disk(kind);
    case K::join:
    case K::remove:
    case K::drain:
    case K::transfer:
    case K::renew:
      return draw_members(kind);
    case K::drift:
    case K::step_wall:
    case K::freeze:
      return draw_clock(kind);
    default:
      return draw_crash(kind);
  }
}

void Draw::draw_partition(FaultKind kind) {
  std::vector<MachineId> nodes;
  switch (kind) {
    case K::cut:
      nodes = some_nodes(2);
      break;
    case K::ring:
      nodes = some_nodes(nodes_);
      break;
    case K::bridge:
      nodes = some_nodes((nodes_ + 1) / 2);
      break;
    case K::partition:
      nodes = one_side();
      break;
    default:
      if (kind != K::isolate && prng_.below(3) == 0) {
        nodes = one_side();
      } else {
        nodes = {a_target()};
      }
  }
  add(now_, kind, std::move(nodes));
  add(now_ + later(50, 10'000), K::heal);
}

void Draw::draw_wires(FaultKind kind) {
  switch (kind) {
    case K::clog:
      return add(now_, kind, {a_target()}, skewed(20, 6000));
    case K::swizzle: {
      const auto count = static_cast<std::uint32_t>(prng_.between(std::min(2U, nodes_), nodes_));
      return add(now_, kind, some_nodes(count), skewed(500, 10'000), chance());
    }
    case K::reset:
      return add(now_, kind, some_nodes(2));
    default: {
      std::vector<MachineId> nodes;
      if (nodes_ > 1 && prng_.below(3) == 0) nodes = some_nodes(2);
      add(now_, kind, nodes, skewed(1, 100), chance());
      add(now_ + later(500, 15'000), kind, nodes, 0);
    }
  }
}

void Draw::draw_crash(FaultKind kind) {
  switch (kind) {
    case K::kill:
    case K::power_off: {
      // One, or the leader again and again before the cluster has got over it.
      const std::int64_t times = prng_.below(4) == 0 ? prng_.between(2, 5) : 1;
      Duration at = now_;
      for (std::int64_t i = 0; i < times; ++i) {
        const MachineId node = a_target();
        add(at, kind, {node});
        at = at + later(0, times == 1 ? 8000 : 1500);
        add(at, K::start, node == 0 ? std::vector<MachineId>{} : std::vector<MachineId>{node});
        at = at + later(0, 800);
      }
      return;
    }
    case K::power_off_all:
      add(now_, kind);
      return add(now_ + later(10, 4000), K::start);
    case K::terminate: {
      const MachineId node = a_node();
      add(now_, kind, {node});
      return add(now_ + later(2500, 8000), K::start, {node});
    }
    case K::hand_over:
      return add(now_, kind, {}, skewed(0, 4000));
    default:  // a pause: often longer than an election takes
      return add(now_, kind, {a_target()}, skewed(10, 8000));
  }
}

// Between two operations of the disk: of a node at work, or of one that is just starting.
void Draw::draw_crash_at(FaultKind kind) {
  const MachineId node = a_node();
  if (prng_.below(3) != 0) {
    add(now_, kind, {node}, skewed(1, 60));
    return add(now_ + later(300, 5000), K::start, {node});
  }
  add(now_, K::kill, {node});
  const Duration at = now_ + later(10, 1000);
  add(at, kind, {node}, prng_.between(1, 25));
  add(at, K::start, {node});
  add(at + later(100, 2000), K::start, {node});
}

// The node is told, and may die of it.
void Draw::draw_told(FaultKind kind) {
  const MachineId node = a_node();
  switch (kind) {
    case K::slow_disk:
      if (prng_.below(8) == 0) {
        add(now_, kind, {node}, kHangs);
      } else {
        add(now_, kind, {node}, skewed(2, 500), chance());
      }
      break;
    case K::no_space:
      add(now_, kind, {node}, skewed(0, 300'000));
      break;
    default:
      add(now_, kind, {node}, skewed(0, 4), 0, a_file());
  }
  if (prng_.below(2) == 0) {
    // Does it start on such a disk?
    add(now_ + later(100, 2000), K::kill, {node});
    add(now_ + later(2000, 4000), K::start, {node});
  }
  mend_disk(now_ + later(500, 12'000), node);
}

// The node is not told: it has to find out, once the power was off or it has been killed.
void Draw::draw_silent(FaultKind kind) {
  const MachineId node = a_damaged();
  if (kind == K::lying_cache) {
    add(now_, kind, {node});
  } else if (kind == K::bit_flip) {
    add(now_, kind, {node}, 0, chance(), a_file());
  } else {
    add(now_, kind, {node}, prng_.between(1, 3), 0, prng_.below(4) == 0 ? "" : "log-");
  }
  Duration at = now_ + later(100, 4000);
  const bool killed = kind == K::bit_flip && prng_.below(2) == 0;
  add(at, killed ? K::kill : K::power_off, {node});
  at = at + later(100, 3000);
  add(at, K::start, {node});
  mend_disk(at + later(1000, 10'000), node);
}

void Draw::draw_whole_disk(FaultKind kind) {
  if (kind == K::wipe) {
    const MachineId node = a_damaged();
    add(now_, kind, {node});
    // A stranger that asks for a place.
    return add(now_ + later(10, 3000), K::start, {node});
  }
  const MachineId node = a_damaged();
  add(now_, K::save_disk, {node});
  Duration at = now_ + later(100, 5000);
  // Back to the start under way, or to an earlier one.
  for (auto starts = prng_.below(4); starts > 0; --starts) {
    add(at, K::kill, {node});
    at = at + later(10, 500);
    add(at, K::start, {node});
    at = at + later(500, 4000);
  }
  add(at, kind, {node});
  at = at + later(10, 3000);
  add(at, K::start, {node});
}

void Draw::draw_clock(FaultKind kind) {
  const MachineId node = a_node();
  const std::int64_t sign = prng_.below(2) == 0 ? -1 : 1;
  switch (kind) {
    case K::drift:
      add(now_, kind, {node}, sign * prng_.between(1, 999));
      return add(now_ + later(2000, 40'000), K::heal_clock, {node});
    case K::step_wall:
      // Seconds, or about a year.
      return add(now_, kind, {node},
                 sign * (prng_.below(3) == 0 ? prng_.between(kYearMs / 2, kYearMs)
                                             : skewed(1, 3'600'000)));
    default:
      return add(now_, kind, {node}, skewed(1, std::max<std::int64_t>(1, mix_.longest_freeze.ms())));
  }
}

void Draw::draw_members(FaultKind kind) {
  const MachineId node = a_target();
  switch (kind) {
    case K::drain:
      add(now_, kind, {node});
      return add(now_ + later(500, 15'000), K::undrain, {node});
    case K::remove: {
      // Its machine is used again, as a new node's.
      const MachineId named = a_node();
      add(now_, kind, {named});
      if (prng_.below(4) == 0) return;
      const Duration at = now_ + later(0, 10'000);
      add(at, K::renew, {named});
      return add(at + later(0, 5000), K::join, {named});
    }
    case K::renew: {
      // The old number is taken out before or after the new node asks for its own.
      const MachineId named = a_node();
      add(now_, kind, {named});
      add(now_ + later(10, 4000), K::join, {named});
      return add(now_ + later(0, 8000), K::remove, {named});
    }
    default:
      return add(now_, kind, {kind == K::join ? a_node() : node});
  }
}

}  // namespace

std::vector<Fault> draw_faults(const FaultMix& mix, std::uint32_t nodes, Duration length,
                               Prng prng) {
  return Draw(mix, nodes, length, prng).all();
}

}  // namespace holdfast::sim
